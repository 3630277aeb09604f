#!/usr/bin/env bash
# Builds memo with its tests, examples and benchmarks, and runs them all. Arguments go to ctest.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need build test demo

cmake --preset gcc
cmake --build --preset gcc
ctest --preset gcc "$@"
