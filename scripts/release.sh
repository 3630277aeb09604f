#!/usr/bin/env bash
# release.sh [--quick] [--on-a-throwaway-machine] [STEP...]: the check list of a release; all steps, or these. --quick: those that
# take seconds. It changes no file of the repository, and its last lines say what is left to do by hand.
#   tree        the work tree is clean, and the version has no other tag
#   versions    headers, CMake, documents and man page name one version
#   changelog   its top section is this version; with the date of today, or "not released yet"
#   recipes     build/release: the archive of the sources, and recipes for vcpkg and Conan that fetch it from $ARCHIVES, the
#               address of the folder where it will lie; the port is built by CMake in the place of vcpkg
#   check       .ci/run
#   nightly     scripts/nightly.sh, with the site and the packages; they are tried only with --on-a-throwaway-machine
# release.sh --date: writes the date of today into the changelog and the man page.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
quick=(tree versions changelog recipes)
steps=("${quick[@]}" check nightly)

version=$(sed -n 's/^#define MEMO_VERSION_[A-Z]* //p' include/memo/version.hpp | paste -sd.)
minor=${version%.*}
heading=$(grep -m 1 '^## ' CHANGELOG.md)
today=$(date -u +%F)
release=$PWD/build/release

fail() { echo "release: $*" >&2; exit 1; }

write_date() {
    [ "$heading" = "## $version, not released yet" ] || fail "CHANGELOG.md begins with '$heading'"
    sed -i "s/^$heading\$/## $version, $today/" CHANGELOG.md
    sed -i "1s/ [0-9-]* \"memo [^\"]*\"/ $today \"memo $version\"/" tools/memo-cache.1
}

tree() {
    local changes tagged
    changes=$(git status --porcelain)
    [ -z "$changes" ] || fail "the work tree is not clean:"$'\n'"$changes"
    tagged=$(git rev-parse -q --verify "refs/tags/v$version^{commit}" || true)
    [ -z "$tagged" ] || [ "$tagged" = "$(git rev-parse HEAD)" ] || fail "v$version is the tag of another commit, $tagged"
    echo "tree: clean, at $(git rev-parse --short HEAD)"
}

# names FILE PATTERN EXPECTED: each match of the pattern, an extended regular expression, is the text expected.
names() {
    local found
    found=$(grep -oE -- "$2" "$1" | sort -u) || fail "$1 names no version by '$2'"
    [ "$found" = "$3" ] || fail "$1 has '$found' instead of '$3'"
    echo "$1: $3"
}

versions() {
    local file
    names CHANGELOG.md "^## $version" "## $version"
    names README.md 'find_package\(memo [0-9.]+' "find_package(memo $minor"
    names docs/compatibility.md 'find_package\(memo [0-9.]+' "find_package(memo $minor"
    names SECURITY.md '[0-9]+\.[0-9]+\.x' "$minor.x"
    names tools/memo-cache.1 '"memo [0-9.]+"' "\"memo $version\""
    names tests/package/debs.sh 'MEMO_VERSION=[0-9.]+' "MEMO_VERSION=$minor"
    file=$(mktemp -d)
    quietly cmake -S . -B "$file" -D MEMO_BUILD_TESTS=OFF -D MEMO_BUILD_EXAMPLES=OFF -D MEMO_BUILD_BENCHMARKS=OFF
    names "$file/CMakeCache.txt" 'CMAKE_PROJECT_VERSION:STATIC=[0-9.]+' "CMAKE_PROJECT_VERSION:STATIC=$version"
    names "$file/memoConfigVersion.cmake" 'set\(PACKAGE_VERSION "[0-9.]+"' "set(PACKAGE_VERSION \"$version\""
    rm -rf "$file"
}

changelog() {
    case $heading in
        "## $version, $today" | "## $version, not released yet") echo "changelog: $heading" ;;
        *) fail "CHANGELOG.md begins with '$heading'" ;;
    esac
}

# The archive depends on the content of the commit alone. It has no recipes, which have its hash.
recipes() {
    local archive=memo-$version.tar.gz room file
    [ -n "${ARCHIVES:-}" ] || echo "recipes: \$ARCHIVES is not set: they fetch the archive of this machine"
    room=$(mktemp -d)
    rm -rf "$release"
    mkdir -p "$release" "$room/memo-$version"
    git archive HEAD -- . ':!packaging' | tar -x -C "$room/memo-$version"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX -C "$room" -c "memo-$version" |
        gzip -n9 >"$release/$archive"
    git archive HEAD packaging | tar -x -C "$release" --strip-components=1
    find "$release" -name '*.in' | while read -r file; do
        sed -e "s|@VERSION@|$version|g" -e "s|@URL@|${ARCHIVES:-file://$release}/$archive|g" \
            -e "s|@SHA256@|$(sha256sum "$release/$archive" | cut -d' ' -f1)|g" \
            -e "s|@SHA512@|$(sha512sum "$release/$archive" | cut -d' ' -f1)|g" "$file" >"${file%.in}"
        rm "$file"
    done
    python3 -c 'import ast, sys; [ast.parse(open(file).read(), file) for file in sys.argv[1:]]' \
        "$release"/conan/conanfile.py "$release"/conan/test_package/conanfile.py
    python3 -m json.tool "$release/vcpkg/memo/vcpkg.json" >/dev/null
    quietly cmake -D "PORT_DIR=$release/vcpkg/memo" -D "ROOM=$room/port" -D "ARCHIVE=$release/$archive" \
        -P tests/package/vcpkg_port.cmake
    quietly cmake -S tests/package/consumer -B "$room/consumer" -D "MEMO_VERSION=$minor" \
        -D "memo_DIR=$room/port/packages/memo/share/memo"
    quietly cmake --build "$room/consumer"
    "$room/consumer/consumer"
    rm -rf "$room"
    (cd "$release" && sha256sum "$archive" && ls -d vcpkg/memo conan)
}

throwaway=()
while [ $# -gt 0 ]; do
    case $1 in
        --quick) steps=("${quick[@]}") ;;
        --date) write_date; exit ;;
        --on-a-throwaway-machine) throwaway=("$1") ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || set -- "${steps[@]}"
for name in "$@"; do
    [[ " tree versions changelog recipes check nightly " == *" $name "* ]] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
done

need build release
export CMAKE_GENERATOR=Ninja
for name in "$@"; do
    case $name in
        tree) step "a clean tree" tree ;;
        versions) step "one version everywhere: $version" versions ;;
        changelog) step "changelog" changelog ;;
        recipes) step "archive and recipes" recipes ;;
        check) step "all checks of a commit" .ci/run ;;
        nightly) step "all checks of a night" scripts/nightly.sh "${throwaway[@]}" ;;
    esac
done
echo "== green: $*"
cat <<END
To release $version, when all steps are green (of: ${steps[*]}):
END
[[ $heading == *" not released yet" ]] && echo "  scripts/release.sh --date && git commit -am 'Release $version'"
cat <<END
  git tag -a v$version -m 'memo $version' && git push origin HEAD v$version
  ARCHIVES=https://… scripts/release.sh recipes      # the address of the folder that the archive will lie in
  publish build/release/memo-$version.tar.gz there, build/packages/packages/*.deb, and the recipes of build/release
END
