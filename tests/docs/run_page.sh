#!/usr/bin/env bash
# run_page.sh PAGE FOLDER: follows a page as a reader does. Writes the blocks that the page marks as files
# (<!-- snippet: file NAME -->; blocks of one name follow each other) to the folder, runs run.sh there, and looks for the text
# of each printed*.txt in its output.
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
echo "$output"
for file in printed*.txt; do
    expected=$(cat "$file")
    [[ $output == *"$expected"* ]] || { echo "$page: it does not print: $expected"; exit 1; }
done
