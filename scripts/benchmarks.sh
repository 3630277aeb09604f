#!/usr/bin/env bash
# benchmarks.sh [--quick | --page]: builds the benchmarks of the gcc preset and runs them one after the other. Writes their output
# and JSON to build/benchmarks, and the figures to docs/benchmarks.md, its tables and its plots.
# --quick: fewer rounds; the figures mean nothing, and the page is build/benchmarks/quick/docs/benchmarks.md.
# --page: runs nothing, and writes the page again from the JSON of the last run.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

results=build/benchmarks
docs=docs
quick=()
runs=true
case ${1:-} in
    '') ;;
    --quick)
        quick=(--quick)
        results=build/benchmarks/quick
        docs=$results/docs
        ;;
    --page) runs=false ;;
    *)
        echo "usage: scripts/benchmarks.sh [--quick | --page]" >&2
        exit 2
        ;;
esac

run_all() {
    cmake --preset gcc
    cmake --build --preset gcc --target benchmarks/all
    local source program
    for source in benchmarks/*.cpp; do
        program=$(basename "$source" .cpp)
        echo "== $program"
        "build/gcc/benchmarks/$program" "${quick[@]}" --json "$results/$program.json" | tee "$results/$program.txt"
    done
}

# table PROGRAM TITLE [FILTER]: name, ns, spread and ratio of the rows of the tables whose title matches.
table() {
    jq -r --arg title "$2" \
        ".tables[] | select(.title | test(\$title)) | . as \$table | .rows[] | ${3:-.} | [.name, .ns, .spread, .ratio] | @tsv" \
        "$results/$1.json"
}

# The data of the plots.
series() {
    local to=$results/series kind variant name
    mkdir -p "$to"
    table hit_path '^hit of f\(int\), 1000 entries' >"$to/hit_small.tsv"
    table hit_path '^hit of f\(int\), [0-9]{5,} entries' >"$to/hit_large.tsv"
    for kind in double string; do
        table backends "^hit of .*$kind" 'select(.name | test("many") | not)' >"$to/backends_hit_$kind.tsv"
        table backends "^hit of .*$kind" 'select(.name | test("many")) | .name |= sub(", many.*"; "")' \
            >"$to/backends_many_$kind.tsv"
        table backends "^miss .*$kind" >"$to/backends_miss_$kind.tsv"
    done
    while read -r variant name; do
        table key_cost '^key of' \
            "select(.name == \"$name\") | .name = (\$table.title | sub(\"key of \"; \"\"))" >"$to/key_$variant.tsv"
    done <<'END'
bytes XXH3-128 of the same bytes
memo memo
obvious stringstream, cereal, hash
END
    table valuation_wall_time '^exact Shapley' >"$to/wall_time.tsv"
    jq -r '{scaling_2t_control: "control: hash only", scaling_2t_1e3: "hits of 1000 keys",
            scaling_2t_hot_key: "hits of one key", scaling_2t_90_10: "9 hits to 1 new key"} as $names
        | .goals[] | select($names[.id]) | [$names[.id], .value, .goal] | @tsv' "$results/contention.json" >"$to/scaling.tsv"
    # Exponent of the entries instead of their number.
    local curve title
    while read -r curve title; do
        table growth "^$title" '.name |= sub("10\\^"; "")' >"$to/growth_$curve.tsv"
    done <<'END'
memory_hit memory: hit
memory_store memory: call that stores
disk_hit disk: hit of
disk_put disk: put of
END
    # Name of the trace, then the share of each policy as the benchmark prints them.
    awk '/calls +distinct/ { inside = 1; next }
         inside && NF < 9 { exit }
         inside { name = $9; for (i = 10; i <= NF; ++i) name = name " " $i
                  print name "\t" $3 "\t" $4 "\t" $5 "\t" $6 "\t" $7 "\t" $8 }' "$results/eviction.txt" >"$to/eviction.tsv"
}

machine() {
    jq -r --arg kernel "$(uname -sr)" --arg date "$(date -u +%F)" --arg commit "$(git describe --always --dirty)" \
        '.machine | "| | |", "|---|---|", "| processor | \(.cpu), \(.cores) cores |", "| kernel | \($kernel) |",
         "| compiler | \(.compiler), `\(.flags)` |", "| measured | \($date), commit \($commit) |"' "$results/hit_path.json"
    jq -rs 'def percent: . * 1000 | round / 10;
        [.[].tables[]?.rows[].spread | select(. != null)] | sort
        | "| spread of all rows | median \(.[length / 2 | floor] | percent) %, nine of ten below \(.[length * 9 / 10 | floor] | percent) % |"' \
        "$results"/*.json
}

goals() {
    echo "| benchmark | what | value | quartiles | control | goal | |"
    echo "|---|---|---|---|---|---|---|"
    local file
    for file in "$results"/*.json; do
        jq -r --arg program "$(basename "$file" .json)" 'def short: . * 1000 | round / 1000;
            .goals[]
            | if .missing then "| \($program) | `\(.id)` | | | | | missing: \(.missing) |" else
              (if .void then "void: \(.doubt)" elif .ok then "met" else "**missed**" end) as $verdict
              | (if .lower then "\(.lower | short) to \(.upper | short)" else "" end) as $quartiles
              | (if .control then .control | short else "" end) as $control
              | "| \($program) | `\(.id)` | \(if .value == null then "none" else (.value | short) end) | \($quartiles) | \($control) | \(.relation) \(.goal | short) | \($verdict) |"
              end' \
            "$file"
    done
}

tables() {
    echo "# All tables"
    echo
    echo "Written by \`scripts/benchmarks.sh\`; [benchmarks.md](../benchmarks.md) says how they were measured. Spread is the distance"
    echo "between the quartiles as a share of the median; a null control is a second measurement of the row above it by its name."
    local file
    for file in "$results"/*.json; do
        jq -r --arg program "$(basename "$file" .json)" 'def places(n): pow(10; n) as $p | . * $p | round / $p;
            def remarks: [if .doubt then "void: \(.doubt)" else empty end,
                          (.modes // empty | "two modes: \(.low | places(1)) and \(.high | places(1)) ns, \(.share_of_high * 100 | round) % in the second")]
                | join("; ");
            .tables[]? | "\n## \($program): \(.title)\n\n| | ns | spread | ratio | quartiles | |\n|---|---:|---:|---:|---|---|",
            (.rows[] | "| \(.name) | \(.ns | places(1)) | \(.spread * 100 | places(1)) % | \(.ratio | places(2)) | \(.lower | places(2)) to \(.upper | places(2)) | \(remarks) |"),
            (.controls[]? | "| null control: \(.name) | \(.ns | places(1)) | \(.spread * 100 | places(1)) % | \(.ratio | places(2)) | \(.lower | places(2)) to \(.upper | places(2)) | |"),
            (.missing[]? | "| \(.name) | | | | | missing: \(.reason) |")' "$file"
    done
}

# between NAME FILE: replaces the text between the page's two marks of that name by its standard input.
between() {
    local page
    page=$(news=$(cat) awk -v mark="$1" '
        $0 == "<!-- " mark ": end -->" { inside = 0 }
        !inside { print }
        $0 == "<!-- " mark ": begin -->" { inside = 1; print ENVIRON["news"] }' "$2")
    printf '%s\n' "$page" >"$2"
}

write_page() {
    mkdir -p "$docs/benchmarks"
    [ "$docs" = docs ] || cp docs/benchmarks.md "$docs"
    series
    gnuplot -c benchmarks/plots.gp "$results/series" "$docs/benchmarks"
    machine | between machine "$docs/benchmarks.md"
    goals | between goals "$docs/benchmarks.md"
    tables >"$docs/benchmarks/tables.md"
    echo "written: $docs/benchmarks.md"
}

mkdir -p "$results"
if $runs; then
    need build test demo benchmarks
    run_all
else
    need demo benchmarks
fi
write_page
