#!/bin/bash
# Removes the directory of this node instance.
set -euo pipefail

directory=$(ctx instance runtime-properties directory 2>/dev/null || true)
if [[ -n $directory ]]; then
    rm -rf -- "$directory"
    ctx logger info "Removed $directory"
fi
