#!/bin/bash
# Fails when the web server does not answer, so that heal knows that there is something to do.
set -euo pipefail

url=$(ctx instance runtime-properties url)
if ! python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5).read()' "$url" 2>/dev/null; then
    echo "no answer from $url" >&2
    exit 1
fi
ctx logger info "$url answers"
