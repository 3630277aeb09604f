#!/usr/bin/env bash
# Builds memo with its tests, examples and tools, and runs all tests. Arguments go to ctest. scripts/benchmarks.sh builds the
# benchmarks, which take minutes more to compile.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need build test demo

cmake --preset gcc
cmake --build --preset gcc --target tests/all examples/all tools/all
ctest --preset gcc --label-exclude benchmark "$@"
