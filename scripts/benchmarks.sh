#!/usr/bin/env bash
# benchmarks.sh: builds the benchmarks of the gcc preset and runs them one after the other, for half an hour. Writes their
# output and JSON to build/benchmarks, and the figures to docs/benchmarks.md, its tables and its plots.
# --quick: fewer rounds; the figures mean nothing, and the page is build/benchmarks/quick/docs/benchmarks.md.
# --again: runs all again; the page shows these further values of each goal, and whether they are those of the first run.
# --page: runs nothing, and writes the page again from the JSON of these runs.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

results=build/benchmarks
docs=docs
quick=()
into=$results # of the run
case "$# ${1:-}" in
    '0 ') ;;
    '1 --quick')
        quick=(--quick)
        results=build/benchmarks/quick
        into=$results
        docs=$results/docs
        ;;
    '1 --again')
        [ -f "$results/run.txt" ] || { echo "benchmarks.sh: there is no first run in $results" >&2; exit 2; }
        into=$results/again/$(($(find "$results/again" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l) + 1))
        ;;
    '1 --page') into= ;;
    *)
        echo "usage: scripts/benchmarks.sh [--quick | --again | --page]" >&2
        exit 2
        ;;
esac

# Runs every program, also after one that fails. Notes what ran, when, and how long.
run_all() {
    cmake --preset gcc
    cmake --build --preset gcc --target benchmarks/all
    local source program begin all=$SECONDS failed=()
    [ "$into" != "$results" ] || rm -rf "$results"/*.json "$results"/*.txt "$results/again"
    mkdir -p "$into"
    for source in benchmarks/*.cpp; do
        program=$(basename "$source" .cpp)
        begin=$SECONDS
        echo "== $program"
        "build/gcc/benchmarks/$program" "${quick[@]}" --json "$into/$program.json" | tee "$into/$program.txt" ||
            failed+=("$program")
        echo "== $program: $((SECONDS - begin)) s"
    done
    all=$((SECONDS - all))
    echo "== all: $all s"
    echo "$(date -u +%F), commit $(git describe --always --dirty), in $(((all + 59) / 60)) minutes, $(uname -sr)" >"$into/run.txt"
    if [ ${#failed[@]} -gt 0 ]; then
        echo "failed: ${failed[*]}; run these by hand with --json $into/PROGRAM.json, then benchmarks.sh --page" >&2
        exit 1
    fi
}

# table PROGRAM TITLE [FILTER]: name, value, spread and ratio of the rows of the tables whose title matches.
table() {
    jq -r --arg title "$2" \
        ".tables[] | select(.title | test(\$title)) | . as \$table | .rows[] | ${3:-.} | [.name, .value, .spread // 0, .ratio] | @tsv" \
        "$results/$1.json"
}

# plain_table PROGRAM TITLE: the columns' names, then name and values of each row.
plain_table() {
    jq -r --arg title "$2" \
        '.plain_tables[] | select(.title == $title) | (["", .columns[]], (.rows[] | [.name, .values[]])) | @tsv' \
        "$results/$1.json"
}

# The data of the plots.
series() {
    local to=$results/series variant name
    mkdir -p "$to"
    table hit_path '^hit of f\(int\), 1000 entries' >"$to/hit_small.tsv"
    table hit_path '^hit of f\(int\), [0-9]{5,} entries' >"$to/hit_large.tsv"
    table backends '^hit of a 100 B string' 'select(.name | test("many") | not)' >"$to/backends_hit.tsv"
    table backends '^hit of a 100 B string' 'select(.name | test("many")) | .name |= sub(", many.*"; "")' \
        >"$to/backends_many.tsv"
    table backends '^miss and store of a 100 B string' >"$to/backends_miss.tsv"
    while read -r variant name; do
        table key_cost '^key of' \
            "select(.name == \"$name\") | .name = (\$table.title | sub(\"key of \"; \"\"))" >"$to/key_$variant.tsv"
    done <<'END'
bytes XXH3-128 of the same bytes
memo memo
obvious stringstream, cereal, hash
END
    table valuation_wall_time '^exact Shapley' >"$to/wall_time.tsv"
    jq -r '{scaling_2t_control: "loop that shares nothing", scaling_2t_1e3: "hits of 1000 keys",
            scaling_2t_hot_key: "hits of one key", scaling_2t_90_10: "9 hits to 1 new key"} as $names
        | .goals[] | select($names[.id]) | [$names[.id], .value, .lower, .upper, .goal] | @tsv' \
        "$results/contention.json" >"$to/scaling.tsv"
    # Exponent of the entries instead of their number.
    local curve title
    while read -r curve title; do
        table growth "^$title" '.name |= sub("10\\^"; "")' >"$to/growth_$curve.tsv"
    done <<'END'
memory_hit memory: hit
memory_store memory: call that stores
disk_first disk: one of the first
disk_hit disk: hit of
disk_put disk: put of
END
    plain_table eviction 'share of hits when a tenth of the keys is kept' >"$to/eviction.tsv"
    plain_table stopping 'samples of a mean' >"$to/stopping_samples.tsv"
    plain_table stopping 'share of means within the tolerance' >"$to/stopping_held.tsv"
    local file
    for file in "$to"/*.tsv; do
        if [ ! -s "$file" ]; then
            echo "benchmarks.sh: $file is empty: its table has another title now" >&2
            exit 1
        fi
    done
}

machine() {
    jq -r '.machine | "| | |", "|---|---|", "| processor | \(.cpu), \(.cores) cores |", "| compiler | \(.compiler), `\(.flags)` |"' \
        "$results/hit_path.json"
    echo "| measured | $(cat "$results/run.txt") |"
    further_runs | while read -r folder; do
        echo "| measured again | $(cat "$folder/run.txt") |"
    done
    jq -rs 'def percent: . * 1000 | round / 10;
        [.[].tables[]?.rows[].spread | select(. != null)] | sort
        | "| spread of all rows | median \(.[length / 2 | floor] | percent) %, nine of ten below \(.[length * 9 / 10 | floor] | percent) % |"' \
        "$results"/*.json
}

# The folders of the further runs, in their order.
further_runs() { [ ! -d "$results/again" ] || find "$results/again" -mindepth 1 -maxdepth 1 | sort -V; }

# of_goals FOLDER...: all goals of these runs, with their programs.
of_goals() {
    local folder file
    for folder in "$@"; do
        for file in "$folder"/*.json; do
            jq --arg program "$(basename "$file" .json)" '.goals[] | .program = $program' "$file"
        done
    done
}

goals() {
    echo "| benchmark | what | value | quartiles | control | further runs | goal | |"
    echo "|---|---|---:|---|---|---|---|---|"
    local further
    mapfile -t further < <(further_runs)
    jq -rn --slurpfile first <(of_goals "$results") --slurpfile further <(of_goals "${further[@]}") "$short"'
        def differs($other): . != $other and ([., $other] | min <= 0 or max > 1.1 * min);
        ($further | map(select(.missing | not)) | group_by([.program, .id]) | INDEX(.[0] | "\(.program) \(.id)")) as $again
        | $first[]
        | if .missing then "| \(.program) | `\(.id)` | | | | | | missing: \(.missing) |" else
          .value as $value
          | ($again["\(.program) \(.id)"] // []) as $others
          | (if .void then "void: \(.doubt)"
             elif any($others[] | select(.void | not).value; differs($value)) then "void: further runs differ"
             elif .ok then "met" else "**missed**" end) as $verdict
          | (if .lower then "\(.lower | short) to \(.upper | short)" else .single // "" end) as $quartiles
          | (if .control_goal then "`\(.control_goal)`" elif .control then .control | short else "" end) as $control
          | ($others | map(if .void then "void" else .value | short | tostring end) | join(", ")) as $values
          | "| \(.program) | `\(.id)` | \(.value | short) | \($quartiles) | \($control) | \($values) | \(.relation) \(.goal | short) | \($verdict) |"
          end'
}

tables() {
    echo "# All tables"
    echo
    echo "Written by \`scripts/benchmarks.sh\`; [benchmarks.md](../benchmarks.md) says how they were measured. Spread is the distance"
    echo "between the quartiles as a share of the median; where there is none, the row was measured once. Ratios are to the row that"
    echo "the title names. A null control is a second measurement of the row above it by its name."
    local file
    for file in "$results"/*.json; do
        jq -r --arg program "$(basename "$file" .json)" "$short"'
            def percent: if . == null then "" else "\(. * 1000 | round / 10) %" end;
            def quartiles: if .lower then "\(.lower | short) to \(.upper | short)" else "" end;
            def remarks: [if .doubt then "void: \(.doubt)" else empty end,
                          (.modes // empty | "two modes: \(.low | short) and \(.high | short), \(.share_of_high | percent) in the second")]
                | join("; ");
            def line: "| \(.name) | \(.value | short) | \(.spread | percent) | \(.ratio | short) | \(quartiles) | \(remarks) |";
            (.tables[]? | "\n## \($program): \(.title)\n\n| | \(.unit) | spread | ratio to \(.base) | quartiles | |\n|---|---:|---:|---:|---|---|",
                (.rows[] | line),
                (.controls[]? | .name |= "null control: \(.)" | line),
                (.missing[]? | "| \(.name) | | | | | missing: \(.reason) |")),
            (.plain_tables[]? | "\n## \($program): \(.title)\n\n| | \(.columns | join(" | ")) |\n|---|\(.columns | map("---:|") | join(""))",
                (.rows[] | "| \(.name) | \(.values | map(short) | join(" | ")) |"))' "$file"
    done
}

# For jq: a number with some four digits.
short='def short: if . == null then "none" else
    (if . == 0 then 0 else fabs | log10 | floor end) as $exponent
    | pow(10; [0, 3 - $exponent] | max) as $scale | . * $scale | round / $scale end;'

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
    sed -i -e '/^<title>/{a<style>' -e 'r benchmarks/plots.css' -e 'a</style>' -e '}' "$docs"/benchmarks/*.svg
    machine | between machine "$docs/benchmarks.md"
    goals | between goals "$docs/benchmarks.md"
    tables >"$docs/benchmarks/tables.md"
    echo "written: $docs/benchmarks.md"
}

need demo benchmarks
if [ -n "$into" ]; then
    need build test
    run_all
fi
write_page
