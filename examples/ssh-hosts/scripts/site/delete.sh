#!/bin/bash
set -euo pipefail

directory=$(ctx instance runtime-properties directory 2>/dev/null || true)
if [[ -n $directory ]]; then
    rm -rf -- "$directory"
fi
