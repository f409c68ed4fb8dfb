#!/bin/bash
# Makes a database cluster in a directory of its own, with a password that only this deployment knows.
set -euo pipefail
source "$(ctx download-resource resources/daemon.sh)"
source "$(ctx download-resource resources/postgres.sh)"

find_postgres
directory="$(ctx node properties base_directory)/reify-$(ctx deployment id)-$(ctx instance id)"
if ! mkdir -m 0700 "$directory" 2>/dev/null; then
    found=$(stat -c %U "$directory")
    if [[ -L $directory || ! -d $directory || $found != "$(owner)" && $found != "$(id -un)" ]]; then
        ctx abort-operation "$directory exists and is not ours"
        exit 1
    fi
fi
chown "$(owner)" "$directory"
ctx instance runtime-properties directory "$directory"

if ! password=$(ctx instance runtime-properties password 2>/dev/null) || [[ -z $password ]]; then
    password=$(python3 -c 'import secrets; print(secrets.token_urlsafe(24))')
    ctx instance runtime-properties password "$password"
fi
user=$(ctx node properties user)
ctx instance runtime-properties user "$user"
ctx instance runtime-properties database "$(ctx node properties database)"

# A cluster is complete when initdb has ended well; a half made one is made anew.
if [[ ! -e $directory/complete ]]; then
    rm -rf "$directory/data"
    as_owner sh -c 'umask 077; printf "%s\n" "$1" > "$2"' sh "$password" "$directory/password"
    as_owner "$bin/initdb" --pgdata="$directory/data" --username="$user" --pwfile="$directory/password" \
        --auth=scram-sha-256 --encoding=UTF8 --no-locale --no-sync >/dev/null
    as_owner rm "$directory/password"
    as_owner touch "$directory/complete"
    ctx logger info "Made a database cluster in $directory"
fi
