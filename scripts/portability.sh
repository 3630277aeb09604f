#!/usr/bin/env bash
# portability.sh: golden keys and the tests of keys, records and memory with other standard libraries and processors.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need build test clang portability

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags=(-std=c++20 -O1 -Iinclude -Itests -Itests/golden -DCEREAL_THREAD_SAFE=1 -pthread)
# Of the tests: what starts no other program and reads no file of this machine.
sources=(tests/unit/key/{encode,type_name,words}.test.cpp tests/unit/record/{codec,frame,moments}.test.cpp
    tests/unit/memory/{table,reclaim,s3_fifo}.test.cpp tests/unit/{memoized,claim,many,averaged}.test.cpp)

# keys NAME RUNNER COMPILER...: compares the golden keys of one machine. RUNNER may be empty.
keys() {
    local name=$1 runner=$2
    shift 2
    "$@" "${flags[@]}" tests/golden/generate_keys.cpp -o "$out/keys"
    $runner "$out/keys" | diff -u tests/golden/keys.txt - >"$out/differences" ||
        { cat "$out/differences"; echo "portability: other keys with $name" >&2; return 1; }
    echo "keys with $name: equal"
}

# tests NAME RUNNER COMPILER...: runs the tests above.
tests() {
    local name=$1 runner=$2 source
    shift 2
    printf '#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n' >"$out/main.cpp"
    "$@" "${flags[@]}" -c "$out/main.cpp" -o "$out/main.o"
    for source in "${sources[@]}"; do
        "$@" "${flags[@]}" "$source" "$out/main.o" -o "$out/test"
        echo "$name: $source"
        $runner "$out/test"
    done
}

# Headers that no processor changes, after those of the other one.
there=(-static -idirafter /usr/include)
keys "libstdc++'s debug mode" "" g++ -D_GLIBCXX_DEBUG
keys "libc++" "" clang++-19 -stdlib=libc++
keys AArch64 qemu-aarch64 aarch64-linux-gnu-g++ "${there[@]}"
keys RISC-V qemu-riscv64 riscv64-linux-gnu-g++ "${there[@]}"
tests "libstdc++'s debug mode" "" g++ -D_GLIBCXX_DEBUG
tests libc++ "" clang++-19 -stdlib=libc++
tests AArch64 qemu-aarch64 aarch64-linux-gnu-g++ "${there[@]}"
tests RISC-V qemu-riscv64 riscv64-linux-gnu-g++ "${there[@]}"
