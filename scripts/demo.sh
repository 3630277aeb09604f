#!/usr/bin/env bash
# Builds and runs the main job: exact Shapley values of 12 groups of samples, without and with a cache.
# Results: build/demo/exact_shapley_groups.{csv,json,svg}. Arguments go to the program.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need build demo

quietly cmake --preset gcc -B build/demo \
    -D MEMO_BUILD_TESTS=OFF -D MEMO_BUILD_BENCHMARKS=OFF
cmake --build build/demo --target exact_shapley_groups
results=build/demo/exact_shapley_groups
build/demo/examples/exact_shapley_groups \
    --csv "$results.csv" --json "$results.json" --plot "$results.svg" "$@"
echo "results: $results.csv $results.json $results.svg"
