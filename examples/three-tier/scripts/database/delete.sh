#!/bin/bash
# Removes the database cluster with everything in it.
set -euo pipefail

directory=$(ctx instance runtime-properties directory 2>/dev/null || true)
if [[ -n $directory ]]; then
    rm -rf -- "$directory"
    ctx logger info "Removed $directory"
fi
