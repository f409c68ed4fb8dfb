# Functions for the database. Sourced by the scripts.

# find_postgres sets bin to the directory of the server's programs, which Debian keeps out of the search path.
find_postgres() {
    local candidate
    for candidate in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr) /usr/pgsql-*/bin /usr/local/pgsql/bin; do
        if [[ -x $candidate/initdb && -x $candidate/postgres ]]; then
            bin=$candidate
            return
        fi
    done
    if candidate=$(command -v initdb) && command -v postgres >/dev/null; then
        bin=$(dirname "$candidate")
        return
    fi
    ctx abort-operation "PostgreSQL is not installed on this machine (Debian: apt install postgresql)"
    exit 1
}

# as_owner runs a program as the user that owns the data: PostgreSQL refuses to run as root.
as_owner() {
    if [[ $(id -u) -ne 0 ]]; then
        (cd / && env -i PATH="$PATH" LC_ALL=C "$@")
        return
    fi
    (cd / && env -i PATH="$PATH" LC_ALL=C setpriv --reuid="$(owner)" --regid="$(id -g "$(owner)")" --clear-groups "$@")
}

# owner prints the user that the server runs as.
owner() {
    if [[ $(id -u) -ne 0 ]]; then
        id -un
    elif id -u postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}
