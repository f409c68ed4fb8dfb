#!/bin/bash
# Runs on the visitor's host and fetches the page from the other one.
set -euo pipefail

[[ $HOST_ROLE == visitor ]] || { echo "this is the $HOST_ROLE host" >&2; exit 1; }
page=$(curl -fsS "$(ctx target instance runtime-properties url)")
ctx source instance runtime-properties seen "$page"
ctx source instance runtime-properties agent "$AGENT_NAME"
ctx logger info "saw $page"
