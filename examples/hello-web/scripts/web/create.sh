#!/bin/bash
# Settles the address of the web server: that of its host.
set -euo pipefail

host=$(ctx instance host-ip)
ctx instance runtime-properties address "$host"
ctx logger info "The web server will listen on $host"
