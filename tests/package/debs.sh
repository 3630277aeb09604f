#!/usr/bin/env bash
# Tries the Debian packages in DIR (build/packages/packages) as a user would: installs them, builds a program with CMake and one
# with pkg-config, and runs both. It installs and removes packages of the machine; the first argument confirms that the machine
# can be thrown away.
#
#   tests/package/debs.sh --on-a-throwaway-machine [DIR]
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "${1:-}" = --on-a-throwaway-machine ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
debs=$(realpath "${2:-build/packages/packages}")
consumer=$PWD/tests/package/consumer
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
export DEBIAN_FRONTEND=noninteractive XDG_CACHE_HOME=$room/cache

say() { echo "== $*"; }
fail() { echo "packages: $*" >&2; exit 1; }
apt() { apt-get "$@" >"$room/log" 2>&1 </dev/null || { cat "$room/log" >&2; fail "apt-get $*"; }; }

# configure TREE COMPONENTS OPTIONS...
configure() { cmake -S "$consumer" -B "$room/$1" -G Ninja -D MEMO_VERSION=0.1 -D "MEMO_COMPONENTS=$2" "${@:3}"; }

# refuses WORDS COMMAND...: the command fails, and says the words.
refuses() {
    local words=$1 said
    shift
    ! said=$("$@" 2>&1) || fail "did not fail: $*"
    # cmake breaks lines where it likes
    tr -s ' \n' ' ' <<<"$said" | grep -F "$words" >/dev/null || { echo "$said" >&2; fail "does not say: $words"; }
    echo "says: $words"
}

say "nothing that memo needs is there"
apt update
installed=$(dpkg-query -W -f '${Package}\n' libmemo-dev memo-cache libcereal-dev libxxhash-dev liblmdb-dev 2>/dev/null || true)
# shellcheck disable=SC2086
[ -z "$installed" ] || apt purge -y --autoremove $installed

say "memo-cache alone"
apt install -y --no-install-recommends "$debs"/memo-cache_*.deb
memo-cache --help >"$room/help"
[ -s /usr/share/man/man1/memo-cache.1 ] || fail "memo-cache has no man page"

say "libmemo-dev without what it recommends: says what is missing"
apt install -y --no-install-recommends g++ cmake ninja-build pkg-config "$debs"/libmemo-dev_*.deb
refuses "memo::disk needs lmdb 0.9.23 (Debian: apt-get install liblmdb-dev)" configure without "disk;memcached"
refuses "Package 'lmdb', required by 'memo-disk', not found" pkg-config --cflags memo-disk
configure plain memcached >/dev/null

say "libmemo-dev with what it recommends"
apt purge -y libmemo-dev
apt install -y -o APT::Install-Recommends=true "$debs"/libmemo-dev_*.deb
[ -e /usr/include/lmdb.h ] || fail "liblmdb-dev did not come with it"

say "a consumer by find_package(memo COMPONENTS disk memcached)"
configure by_cmake "disk;memcached" >/dev/null
cmake --build "$room/by_cmake"
(cd "$room" && by_cmake/consumer)

say "a consumer by pkg-config"
pkg-config --cflags --libs memo-disk memo-memcached
tests/package/by_pkg_config.sh g++ "$room/by_pkg_config" disk memcached
memo-cache ls "$room/by_pkg_config/consumer-cache" | tee "$room/listed"
grep -q consumer/half "$room/listed" || fail "memo-cache does not see what the consumer stored"

say "the same with the libraries"
configure compiled_by_cmake "disk;memcached" -D COMPILED=ON >/dev/null
cmake --build "$room/compiled_by_cmake"
(cd "$room" && compiled_by_cmake/consumer)
pkg-config --cflags --libs memo-disk-compiled memo-memcached-compiled
tests/package/by_pkg_config.sh g++ "$room/compiled_by_pkg_config" compiled disk memcached

say "gone again"
apt purge -y libmemo-dev memo-cache
left=$(find /usr -path '*/memo/*' -o -name 'memo*.pc' -o -name 'memo-cache*' -o -name 'libmemo[-._]*')
[ -z "$left" ] || fail "something of memo is left: $left"
say "all is well"
