#!/bin/bash
set -euo pipefail

pid=$(ctx instance runtime-properties pid 2>/dev/null || true)
if [[ -n $pid ]] && tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -q http.server; then
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
fi
