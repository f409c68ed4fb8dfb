#!/bin/bash
# Stops the processes of this node instance and waits until they are gone.
set -euo pipefail

directory=$(ctx instance runtime-properties directory 2>/dev/null || true)
if [[ -z $directory ]]; then
    exit 0
fi
source "$(ctx download-resource resources/daemon.sh)"

for signal in TERM KILL; do
    for _ in {1..100}; do
        found=$(processes)
        if [[ -z $found ]]; then
            rm -f "$directory/ready.json"
            ctx logger info "Stopped"
            exit 0
        fi
        for pid in $found; do
            kill -s "$signal" "$pid" 2>/dev/null || true
        done
        sleep 0.1
    done
done
echo "processes $found cannot be stopped" >&2
exit 1
