#!/usr/bin/env bash
# Builds memo with its tests, examples and tools, and runs the tests. Arguments go to ctest. scripts/nightly.sh runs those of the
# packages, too, and scripts/benchmarks.sh builds the benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need build test demo

cmake --preset gcc
cmake --build --preset gcc --target tests/all examples/all tools/all benchmark_frame
run_tests gcc --label-exclude 'benchmark|package' "$@"
