#!/bin/bash
# Stops exactly the web server of this node instance and waits until it is gone.
set -euo pipefail

# Nothing was ever started when there is no state directory.
state=$(ctx instance runtime-properties state 2>/dev/null || true)
if [[ -z $state || ! -d $state ]]; then
    exit 0
fi

# A process is ours when it runs the program in our state directory: a process number alone may have been given anew.
ours() {
    grep -Fxzq -- "$state/server.py" "/proc/$1/cmdline" 2>/dev/null
}

find_servers() {
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        if ours "$pid"; then
            echo "$pid"
        fi
    done
}

for signal in TERM KILL; do
    for _ in {1..100}; do
        servers=$(find_servers)
        if [[ -z $servers ]]; then
            rm -f "$state/server.json"
            ctx logger info "The web server is stopped"
            exit 0
        fi
        for pid in $servers; do
            kill -s "$signal" "$pid" 2>/dev/null || true
        done
        sleep 0.1
    done
done
echo "the web server cannot be stopped: processes $servers" >&2
exit 1
