#!/bin/bash
# Stops the database server and waits until it is gone.
set -euo pipefail

directory=$(ctx instance runtime-properties directory 2>/dev/null || true)
if [[ -z $directory || ! -e $directory/data/postmaster.pid ]]; then
    exit 0
fi
source "$(ctx download-resource resources/daemon.sh)"
source "$(ctx download-resource resources/postgres.sh)"
find_postgres

if as_owner "$bin/pg_ctl" --pgdata="$directory/data" status >/dev/null; then
    as_owner "$bin/pg_ctl" --pgdata="$directory/data" --mode=fast --wait --timeout=60 stop >/dev/null
fi
ctx logger info "The database is stopped"
