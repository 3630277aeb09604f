#!/usr/bin/env bash
# Builds the consumer with the flags of pkg-config, and runs it.
#
#   tests/package/by_pkg_config.sh COMPILER DIRECTORY [compiled] [disk] [memcached]
set -euo pipefail
sources=$(dirname "$(realpath "$0")")/consumer
compiler=$1
directory=$2
shift 2

compiled=()
packages=(memo "${@/#/memo-}")
if [ "${1:-}" = compiled ]; then
    shift
    compiled=(-DCONSUMER_COMPILED)
    packages=(memo-compiled)
    for component in "$@"; do
        packages+=("memo-$component-compiled")
    done
fi
files=("${compiled[@]}" "$sources/consumer.cpp" "$sources/xxhash_after_memo.cpp")
for component in "$@"; do
    files+=("$sources/$component.cpp")
done
[[ " $* " != *" disk "* ]] || files+=(-DCONSUMER_DISK)

mkdir -p "$directory"
cd "$directory"
# A toolchain without build-ids, as some distributions have it: memo asks for one all the same. The flags are words.
# shellcheck disable=SC2046
"$compiler" -std=c++20 -Wl,--build-id=none "${files[@]}" \
    $(pkg-config --print-errors --cflags --libs "${packages[@]}") -o consumer
rm -rf consumer-cache
./consumer
