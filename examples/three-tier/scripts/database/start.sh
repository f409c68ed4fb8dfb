#!/bin/bash
# Starts the database server and waits until it takes connections. A server that runs already is left alone.
set -euo pipefail
source "$(ctx download-resource resources/daemon.sh)"
source "$(ctx download-resource resources/postgres.sh)"

find_postgres
directory=$(ctx instance runtime-properties directory)

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The port is kept for the life of the cluster; only one that somebody else took meanwhile is chosen anew.
for attempt in 1 2 3; do
    if as_owner "$bin/pg_ctl" --pgdata="$directory/data" status >/dev/null; then
        break
    fi
    port=$(ctx instance runtime-properties port 2>/dev/null || true)
    if [[ -z $port || $attempt -gt 1 ]]; then
        port=$(free_port)
        ctx instance runtime-properties port "@$port"
    fi
    if as_owner setsid --wait "$bin/pg_ctl" --pgdata="$directory/data" --log="$directory/server.log" --wait --timeout=60 \
        --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' -c fsync=off" \
        start </dev/null >/dev/null 2>&1; then
        break
    fi
    if ((attempt == 3)); then
        ctx logger error "$(tail -n 20 "$directory/server.log")"
        echo "the database server did not start" >&2
        exit 1
    fi
done

ctx instance runtime-properties address 127.0.0.1
ctx logger info "The database takes connections at port $(ctx instance runtime-properties port)"
