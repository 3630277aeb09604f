#!/usr/bin/env bash
# Builds the Debian packages libmemo-dev and memo-cache for this release of Debian: build/packages/packages/*.deb.
# tests/package/debs.sh tries them.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need build package

build=build/packages
# Debian's folders of libraries are those of the prefix /usr.
quietly cmake -S . -B "$build" -G Ninja -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_COMPILER=g++ \
    -D CMAKE_INSTALL_PREFIX=/usr -D MEMO_BUILD_TESTS=OFF -D MEMO_BUILD_EXAMPLES=OFF \
    -D MEMO_BUILD_BENCHMARKS=OFF
cmake --build "$build"
rm -rf "$build/packages"
quietly cmake --build "$build" --target package
rm -rf "$build/packages/_CPack_Packages"
ls -1 "$build"/packages/*.deb
