#!/bin/bash
# Makes the database and its table, when they are not there yet.
set -euo pipefail
source "$(ctx download-resource resources/daemon.sh)"
source "$(ctx download-resource resources/postgres.sh)"

find_postgres
database=$(ctx instance runtime-properties database)
export PGHOST=127.0.0.1 PGUSER PGPASSWORD PGPORT PGOPTIONS=--client-min-messages=warning
PGUSER=$(ctx instance runtime-properties user)
PGPASSWORD=$(ctx instance runtime-properties password)
PGPORT=$(ctx instance runtime-properties port)

query() {
    "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"
}

if [[ -z $(query --dbname=postgres --command="SELECT 1 FROM pg_database WHERE datname = '$database'") ]]; then
    query --dbname=postgres --command="CREATE DATABASE \"$database\""
fi
query --dbname="$database" --command="CREATE TABLE IF NOT EXISTS visits (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, instance text NOT NULL, visited_at timestamptz NOT NULL DEFAULT now())"
ctx instance runtime-properties psql "$bin/psql"
ctx instance runtime-properties server_version "$(query --dbname="$database" --command='SHOW server_version')"
