#!/usr/bin/env bash
# Does what a page says: run_page.sh PAGE FOLDER. The blocks that the page marks as files (<!-- snippet: file NAME -->) are
# written to the folder, run.sh is run there, and must print what is in printed.txt.
set -euo pipefail
page=$1 folder=$2

rm -rf "$folder"
mkdir -p "$folder"
awk -v folder="$folder" '
    /^```/ && inside { inside = 0; file = ""; next }
    /^```/ { inside = 1; next }
    inside && file { print > (folder "/" file) }
    inside { next }
    /^<!-- snippet: file / { file = $4; next }
    /[^ ]/ { file = "" }
' "$page"
cd "$folder"
output=$(sh -e run.sh)
expected=$(cat printed.txt)
echo "$output"
[[ $output == *"$expected"* ]] || { echo "$page: it does not print: $expected"; exit 1; }
