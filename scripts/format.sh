#!/usr/bin/env bash
# Formats every C++ source; with --check it changes nothing, and fails if a source is not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need format

mode=(-i)
[ "${1:-}" != --check ] || mode=(--dry-run --Werror)
find include src tests examples benchmarks tools -name '*.[chi]pp' -print0 | xargs -0 clang-format-14 "${mode[@]}"
