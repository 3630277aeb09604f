#!/usr/bin/env bash
# nightly.sh [--on-a-throwaway-machine] [STEP...]: what .ci/run leaves out because it takes hours; all steps, or these. For each night
# and each release. Packages are built; they are installed and tried only on a machine that can be thrown away.
#   gcc, clang, asan, tsan   everything, built and tested with this compiler or sanitizer
#   headers, tidy            every header alone, and clang-tidy on every source but the tests
#   faults                   each fault at more places: MEMO_FAULT_TRIALS, 500 by default
#   portability, fuzz, site, packages
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
steps=(gcc headers clang asan tsan tidy faults portability fuzz site packages)
throwaway=
if [ "${1:-}" = --on-a-throwaway-machine ]; then
    throwaway=$1
    shift
fi
[ $# -gt 0 ] || set -- "${steps[@]}"
for name in "$@"; do
    [[ " ${steps[*]} " == *" $name "* ]] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
done

# check PRESET ARGUMENT...: builds everything and runs all tests of the preset.
check() {
    cmake --preset "$1"
    cmake --build --preset "$1" -- -k 0
    run_tests "$@"
}

headers() {
    cmake --preset gcc-header-only
    cmake --build --preset gcc-header-only --target all_verify_interface_header_sets
}

# Not the tests: clang 14 cannot read all of them, and many rules do not concern them.
tidy() {
    cmake --preset tidy
    cmake --build --preset tidy --target memo_compiled memo_compiled_disk memo_compiled_memcached \
        tools/all examples/all benchmarks/all -- -k 0
}

# Some of these tests then take minutes.
long_faults() {
    cmake --preset gcc-header-only
    cmake --build --preset gcc-header-only --target tests/all
    MEMO_FAULT_TRIALS=${MEMO_FAULT_TRIALS:-500} run_tests gcc-header-only -L 'faults|identity' --timeout 7200
}

packages() {
    scripts/packages.sh
    [ -z "$throwaway" ] || tests/package/debs.sh "$throwaway"
}

need build test demo benchmarks clang tidy portability
for name in "$@"; do
    case $name in
        gcc) step "g++, header-only and optimized, package consumers" check gcc-header-only ;;
        headers) step "every header alone" headers ;;
        clang) step "clang, header-only and optimized" check clang-header-only ;;
        asan) step "address and undefined-behaviour sanitizers" check asan-ubsan ;;
        tsan) step "thread sanitizer" check tsan ;;
        tidy) step "clang-tidy on every source but the tests" tidy ;;
        faults) step "long faults" long_faults ;;
        portability) step "other libraries and processors" scripts/portability.sh ;;
        fuzz) step "fuzzers" scripts/fuzz.sh 600 ;;
        site) step "site: pages, reference, links" scripts/site.sh ;;
        packages) step "packages" packages ;;
    esac
done
echo "== all: $SECONDS s"
