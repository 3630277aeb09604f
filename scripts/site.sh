#!/usr/bin/env bash
# Builds the site, build/site/html/index.html, by MkDocs; the reference is Doxygen's. A warning or a dead link is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
need site

pages=build/site/pages
rm -rf build/site
mkdir -p "$pages"
cp -r docs/. "$pages"
cp scripts/site/site.css "$pages"
sed -i 's|](../SECURITY.md)|](security.md)|g' "$pages"/*.md

# Pages outside docs/: rewrites their links for the site.
sed -e 's|](docs/decisions/)|](decisions/index.md)|g' -e 's|](docs/|](|g' -e 's|="docs/|="|g' \
    -e 's|](examples/)|](examples.md)|g' -e 's|](CONTRIBUTING.md)|](contributing.md)|g' -e 's|](packaging/)|](packages.md)|g' \
    -e 's|](SECURITY.md)|](security.md)|g' README.md >"$pages/index.md"
sed -e 's|](data/README.md)|](examples_data.md)|' -e 's|](redis_backend/README.md)|](examples_redis.md)|' examples/README.md >"$pages/examples.md"
cp examples/data/README.md "$pages/examples_data.md"
sed 's|](../../docs/|](|' examples/redis_backend/README.md >"$pages/examples_redis.md"
cp packaging/README.md "$pages/packages.md"
sed 's|](docs/|](|g' CHANGELOG.md >"$pages/changelog.md"
sed 's|](docs/|](|g' SECURITY.md >"$pages/security.md"
sed 's|](docs/|](|g' CONTRIBUTING.md >"$pages/contributing.md"
{
    printf '# Decisions\n\nWhat was decided, why, and what was measured. Some numbers are unused.\n\n'
    for decision in docs/decisions/*.md; do
        printf -- '- [%s](%s)\n' "$(sed -n '1s/^# //p' "$decision" | sed 's/\. /\\. /')" "$(basename "$decision")"
    done
} >"$pages/decisions/index.md"

for page in "$pages"/*.md; do
    grep -q ": $(basename "$page")\$" scripts/site/mkdocs.yml ||
        [ "$(basename "$page")" = reference.md ] || { echo "site: mkdocs.yml has no entry for $page" >&2; exit 1; }
done
doxygen scripts/site/Doxyfile
cp scripts/site/mkdocs.yml build/site/mkdocs.yml
python3 scripts/site/reference.py build/site/doxygen "$pages/reference" >>build/site/mkdocs.yml
mkdocs build --strict --quiet --config-file build/site/mkdocs.yml
python3 scripts/site/check_links.py build/site/html
echo "site: build/site/html/index.html"
