# shellcheck shell=bash
# Sourced by the other scripts: need GROUP... checks the packages of these groups. On Debian it installs missing ones, as
# root or by sudo; elsewhere it prints their names. step and run_tests print times and counts.

# The packages of a group, by Debian's names, each with a command or a header that exists if it is installed.
packages_of() {
    case $1 in
        build)
            printf '%s %s\n' g++ g++ cmake cmake ninja-build ninja \
                libcereal-dev cereal/cereal.hpp libxxhash-dev xxhash.h liblmdb-dev lmdb.h
            ;;
        test)
            printf '%s %s\n' catch2 catch2/catch.hpp libeigen3-dev eigen3/Eigen/Core \
                memcached memcached libmemcached-dev libmemcached/memcached.h \
                libsasl2-dev sasl/sasl.h pkg-config pkg-config \
                libhiredis-dev hiredis/hiredis.h redis-server redis-server \
                libtbb-dev oneapi/tbb/parallel_for.h
            ;;
        package)
            printf '%s %s\n' nlohmann-json3-dev nlohmann/json.hpp libcli11-dev CLI/CLI.hpp \
                dpkg-dev dpkg-shlibdeps file file
            ;;
        demo)
            printf '%s %s\n' nlohmann-json3-dev nlohmann/json.hpp libcli11-dev CLI/CLI.hpp \
                gnuplot-nox gnuplot
            ;;
        benchmarks)
            printf '%s %s\n' jq jq libtbb-dev oneapi/tbb/concurrent_hash_map.h \
                libcuckoo-dev libcuckoo/cuckoohash_map.hh
            ;;
        site) printf '%s %s\n' mkdocs mkdocs mkdocs-material mkdocs doxygen doxygen ;;
        server) printf '%s %s\n' memcached memcached ;;
        release) printf '%s %s\n' git git python3 python3 ;;
        clang) printf '%s %s\n' clang-19 clang++-19 libclang-rt-19-dev clang++-19 ;;
        format) printf '%s %s\n' clang-format-14 clang-format-14 ;;
        portability)
            printf '%s %s\n' libc++-19-dev clang++-19 libc++abi-19-dev clang++-19 \
                g++-aarch64-linux-gnu aarch64-linux-gnu-g++ g++-riscv64-linux-gnu riscv64-linux-gnu-g++ \
                qemu-user qemu-aarch64 \
                g++-mingw-w64-x86-64-posix x86_64-w64-mingw32-g++-posix wine64 /usr/lib/wine/wine64
            ;;
        tidy) printf '%s %s\n' clang-tidy-14 clang-tidy-14 ;;
        *) echo "setup: no group of packages is named $1" >&2 ;;
    esac
}

on_debian() { command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; }

# is_there PACKAGE SIGN: whether a package is installed, by dpkg on Debian, elsewhere by its command or header.
is_there() {
    if on_debian; then
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
    elif [[ $2 == */* || $2 == *.h ]]; then
        g++ -E -x c++ - <<<"#include <$2>" >/dev/null 2>&1
    else
        command -v "$2" >/dev/null
    fi
}

# Runs a command, and shows its output only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

install_packages() {
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    echo "setup: installing $*"
    quietly "${as_root[@]}" apt-get update &&
        quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$@"
}

need() {
    local group package sign missing=()
    for group in "$@"; do
        while read -r package sign; do
            is_there "$package" "$sign" || missing+=("$package")
        done < <(packages_of "$group")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    if on_debian && { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }; then
        install_packages "${missing[@]}"
    elif on_debian; then
        echo "setup: missing; as root: apt-get install ${missing[*]}" >&2
        return 1
    else
        echo "setup: missing, by Debian's names: ${missing[*]}" >&2
        return 1
    fi
}

# step NAME COMMAND...: runs the command and prints its time.
step() {
    local name=$1 begin=$SECONDS
    shift
    echo "== $name"
    "$@"
    echo "== $name: $((SECONDS - begin)) s"
}

# run_tests PRESET ARGUMENT...: runs ctest and prints how many assertions it made.
run_tests() {
    ctest --preset "$@"
    awk -v preset="$1" '
        match($0, /[0-9]+ assertions? in /) { sum += substr($0, RSTART, RLENGTH) + 0; ++cases }
        END { print preset ": " sum + 0 " assertions in " cases + 0 " cases" }
    ' "build/$1/Testing/Temporary/LastTest.log"
}
