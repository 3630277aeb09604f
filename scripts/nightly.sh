#!/usr/bin/env bash
# nightly.sh [--on-a-throwaway-machine]: what .ci/run leaves out because it takes hours. For each night and each release. Packages
# are built; they are installed and tried only on a machine that can be thrown away.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
[[ ${1:-} =~ ^(|--on-a-throwaway-machine)$ ]] || { sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2; }
throwaway=${1:-}

# check PRESET ARGUMENT...: builds everything and runs all tests of the preset.
check() {
    cmake --preset "$1"
    cmake --build --preset "$1"
    run_tests "$@"
}

# Each fault at more places, and each of more damaged files: minutes for some tests.
long_faults() {
    cmake --preset gcc
    cmake --build --preset gcc --target tests/all
    MEMO_FAULT_TRIALS=500 run_tests gcc -L 'faults|identity' --timeout 7200
}

tidy() {
    cmake --preset tidy
    cmake --build --preset tidy -- -k 0
}

packages() {
    scripts/packages.sh
    [ -z "$throwaway" ] || tests/package/debs.sh "$throwaway"
}

headers() {
    cmake --preset gcc
    cmake --build --preset gcc --target all_verify_interface_header_sets
}

need build test demo benchmarks clang tidy portability
step "g++, header-only and optimized, package consumers" check gcc-header-only
step "every header alone" headers
step "clang, header-only and optimized" check clang-header-only
step "address and undefined-behaviour sanitizers" check asan-ubsan
step "thread sanitizer" check tsan
step "clang-tidy on every source" tidy
step "long faults" long_faults
step "other libraries and processors" scripts/portability.sh
step "fuzzers" scripts/fuzz.sh 600
step "site: pages, reference, links" scripts/site.sh
step "packages" packages
echo "== all: $SECONDS s"
