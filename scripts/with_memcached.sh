#!/usr/bin/env bash
# with_memcached.sh COMMAND...: starts a memcached on a unix socket, runs the command with its path in $MEMCACHED, and ends
# the server after it.
set -euo pipefail

folder=$(mktemp -d)
export MEMCACHED=$folder/socket
as_root=()
[ "$(id -u)" -ne 0 ] || as_root=(-u root)
memcached -s "$MEMCACHED" -U 0 -t 2 -m 256 "${as_root[@]}" &
server=$!
stop() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT
while [ ! -S "$MEMCACHED" ]; do
    kill -0 "$server" 2>/dev/null || { echo "memcached does not start; is it installed?" >&2; exit 1; }
    sleep 0.02
done
"$@"
