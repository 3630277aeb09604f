#!/usr/bin/env bash
# Builds and runs the main example: exact Shapley values of 12 groups of samples, without and with a cache.
# Results: build/demo/exact_shapley_groups.{csv,json,svg}. Arguments go to the program.
# With --backend memcached: the same by 4 workers that share a memcached, that of --server or a new one. Results:
# build/demo/parallel_memcached.json.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need build demo

program=exact_shapley_groups
given_server=false
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --backend=memcached) program=parallel_memcached ;;
        --backend)
            if [ "${2:-}" = memcached ]; then
                program=parallel_memcached
                shift
            else
                arguments+=("$1")
            fi
            ;;
        --server | --server=*) given_server=true; arguments+=("$1") ;;
        *) arguments+=("$1") ;;
    esac
    shift
done

quietly cmake --preset gcc -B build/demo \
    -D MEMO_BUILD_TESTS=OFF -D MEMO_BUILD_BENCHMARKS=OFF
cmake --build build/demo --target "$program"
results=build/demo/$program
if [ "$program" = exact_shapley_groups ]; then
    "build/demo/examples/$program" \
        --csv "$results.csv" --json "$results.json" --plot "$results.svg" "${arguments[@]}"
    echo "results: $results.csv $results.json $results.svg"
else
    beside=()
    if ! $given_server; then
        need server
        beside=(scripts/with_memcached.sh)
    fi
    "${beside[@]}" "build/demo/examples/$program" --json "$results.json" "${arguments[@]}"
    echo "results: $results.json"
fi
