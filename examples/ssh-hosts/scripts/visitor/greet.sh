#!/bin/bash
# Runs on the host of the web server, the target of the relationship.
set -euo pipefail

[[ $HOST_ROLE == web ]] || { echo "this is the $HOST_ROLE host" >&2; exit 1; }
ctx logger info "welcome, $(ctx source instance id)"
