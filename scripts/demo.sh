#!/usr/bin/env bash
# Builds and runs the main example; usage() says how.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

usage() {
    cat <<'END'
scripts/demo.sh [OPTION...]: builds and runs the main example. On Debian it installs what it needs.

Without --backend memcached: exact Shapley values of 12 groups of handwritten digits, without a cache and with one.
  --backend memory|disk   where results are stored; default: memory
  --directory DIR         directory of --backend disk; default: the user's cache directory
  --groups N              number of groups, 2 to 16; default: 12
  --seed N                seed of the samples; default: 1
  --quick                 at most 6 groups: a second, not a minute
  --csv, --json, --plot FILE
                          output files; default: build/demo/exact_shapley_groups.{csv,json,svg}

With --backend memcached: the same values by several processes that share a memcached.
  --server ADDRESS        host:port or unix socket of a running memcached; default: starts one for the run
  --workers N             number of processes, 1 to 64; default: 4
  --rounds N              number of timed rounds, 1 to 100; default: 3
  --groups, --seed, --quick
                          as above
  --json FILE             output file; default: build/demo/parallel_memcached.json
END
}

program=exact_shapley_groups
beside=(scripts/with_memcached.sh)
declare -A files=([csv]= [json]= [plot]=)
arguments=()
while [ $# -gt 0 ]; do
    # An option and its value may be one word.
    option=${1%%=*}
    case $1 in *=*) words=("$1") value=${1#*=} ;; *) words=("${@:1:2}") value=${2:-} ;; esac
    case $option in
        -h | --help) usage; exit ;;
        --quick) words=("$1") ;;
        --csv | --json | --plot) files[${option#--}]=$value ;;
        --server) beside=() ;;
        --backend)
            if [ "$value" = memcached ]; then
                program=parallel_memcached
                shift ${#words[@]}
                continue
            fi
            ;;
    esac
    arguments+=("${words[@]}")
    shift ${#words[@]}
done

groups=(build demo)
kinds=(csv json plot)
if [ "$program" = parallel_memcached ]; then
    kinds=(json)
    [ ${#beside[@]} -eq 0 ] || groups+=(server)
else
    beside=()
fi
need "${groups[@]}"

quietly cmake --preset gcc -B build/demo \
    -D MEMO_BUILD_TESTS=OFF -D MEMO_BUILD_BENCHMARKS=OFF
cmake --build build/demo --target "$program"

results=()
for kind in "${kinds[@]}"; do
    if [ -z "${files[$kind]}" ]; then
        files[$kind]=build/demo/$program.${kind/plot/svg}
        arguments+=("--$kind" "${files[$kind]}")
    fi
    results+=("${files[$kind]}")
done
"${beside[@]}" "build/demo/examples/$program" "${arguments[@]}"
echo "results: ${results[*]}"
