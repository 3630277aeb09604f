#!/usr/bin/env bash
# fuzz.sh SECONDS [NAME...]: builds the fuzzers and runs each for that time, from the inputs in tests/fuzz/corpus. Writes there
# the smallest set of inputs that reaches all reached branches, and failing inputs to build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

[[ ${1:-} =~ ^[0-9]+$ ]] || {
    echo "usage: scripts/fuzz.sh SECONDS [codec|frame|meta_answer]..." >&2
    exit 2
}
seconds=$1
shift
[ $# -gt 0 ] || set -- codec frame meta_answer

need build test clang
cmake --preset fuzz
cmake --build --preset fuzz
programs=build/fuzz/tests
"$programs/write_seeds" build/fuzz/seeds
for name in "$@"; do
    found=build/fuzz/found/$name
    least=build/fuzz/least/$name
    corpus=tests/fuzz/corpus/$name
    rm -rf "$least"
    mkdir -p "$found" "$least" "build/fuzz/seeds/$name" "$corpus"
    "$programs/fuzz.$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "$found" "$corpus" "build/fuzz/seeds/$name"
    "$programs/fuzz.$name" -set_cover_merge=1 -use_counters=0 "$least" "build/fuzz/seeds/$name" "$corpus" "$found"
    rm -rf "$corpus"
    mv "$least" "$corpus"
    echo "fuzz: $name has $(find "$corpus" -type f | wc -l) inputs"
done
