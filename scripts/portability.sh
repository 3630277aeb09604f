#!/usr/bin/env bash
# portability.sh [MACHINE...]: golden keys and the tests of keys, records, memory and threads with other standard libraries,
# processors and systems. All machines, or these: debug, libc++, aarch64, riscv64, windows; side by side, on a core each.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
machines=(debug libc++ aarch64 riscv64 windows)
[ $# -gt 0 ] || set -- "${machines[@]}"
for machine in "$@"; do
    [[ " ${machines[*]} " == *" $machine "* ]] || { sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2; }
done
need build test clang portability
[ $# -eq 1 ] || { printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 scripts/portability.sh; exit; }

out=$(mktemp -d)
# Wine has its state there, and a server that would write into it for a while.
export WINEPREFIX=$out/wine WINEDEBUG=-all PATH=$PATH:/usr/lib/wine
trap '[ ! -e "$WINEPREFIX" ] || wineserver -k || true; rm -rf "$out"' EXIT
flags=(-std=c++20 -O1 -Iinclude -Itests -Itests/golden -DCEREAL_THREAD_SAFE=1 -pthread)
# Of the tests: what starts no other program and reads no file of this machine.
sources=(tests/unit/key/{archive,encode,type_name,unfinalized_key,words}.test.cpp
    tests/unit/record/{averaged,bets,codec,frame,moments,stopping,student}.test.cpp
    tests/unit/memory/{table,reclaim,s3_fifo}.test.cpp tests/unit/{memoized,claim,many,averaged}.test.cpp
    tests/concurrency/{averaged,counters,linearizable,memory,report,single_flight}.test.cpp)

# keys NAME RUNNER COMPILER...: compares the golden keys of one machine. RUNNER may be empty; $other is a key that differs.
keys() {
    local name=$1 runner=$2
    shift 2
    "$@" "${flags[@]}" tests/golden/generate_keys.cpp -o "$out/keys.exe"
    $runner "$out/keys.exe" | tr -d '\r' | grep -v -- "${other:-^$}" |
        diff -u <(grep -v -- "${other:-^$}" tests/golden/keys.txt) - >"$out/differences" ||
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
        "$@" "${flags[@]}" "$source" "$out/main.o" -o "$out/test.exe"
        echo "$name: $source"
        $runner "$out/test.exe" | tee "$out/result"
        # The script was seen to go on with status 0 after a crash under Wine.
        grep -q 'All tests passed' "$out/result" || { echo "portability: $source fails with $name" >&2; return 1; }
    done
}

# both NAME RUNNER COMPILER...: keys and tests.
both() {
    keys "$@"
    tests "$@"
}

# The first error of a header that Windows lacks something for says so.
refuses_on_windows() {
    local header errors
    for header in backends/disk backends/memcached backends/libmemcached tools/maintenance; do
        ! errors=$("$@" "${flags[@]}" -fsyntax-only -x c++ - <<<"#include <memo/$header.hpp>" 2>&1) ||
            { echo "portability: $header.hpp compiles for Windows" >&2; return 1; }
        grep -m 1 'error:' <<<"$errors" | grep -q 'need POSIX' || { echo "$errors" >&2; return 1; }
    done
    echo "Windows: no backends that need POSIX"
}

# Libraries whose headers no system changes, without those of this system.
windows() {
    local libraries=$out/libraries
    mkdir "$libraries"
    ln -s /usr/include/{catch2,cereal,xxhash.h} "$libraries"
    local compiler=(x86_64-w64-mingw32-g++-posix -static -Wno-attributes -isystem tests/support/windows -isystem "$libraries")
    refuses_on_windows "${compiler[@]}"
    # A wchar_t has 16 bits there.
    other='wchar_t -1' both Windows wine64 "${compiler[@]}"
}

# Headers that no processor changes, after those of the other one.
there=(-static -idirafter /usr/include)
for machine in "$@"; do
    case $machine in
        debug) both "libstdc++'s debug mode" "" g++ -D_GLIBCXX_DEBUG ;;
        libc++) both libc++ "" clang++-19 -stdlib=libc++ ;;
        aarch64) both AArch64 qemu-aarch64 aarch64-linux-gnu-g++ "${there[@]}" ;;
        riscv64) both RISC-V qemu-riscv64 riscv64-linux-gnu-g++ "${there[@]}" ;;
        windows) windows ;;
    esac
done
