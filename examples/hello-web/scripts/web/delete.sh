#!/bin/bash
# Removes the files of the web server.
set -euo pipefail

state=$(ctx instance runtime-properties state 2>/dev/null || true)
if [[ -n $state ]]; then
    rm -rf -- "$state"
fi
