#!/bin/bash
# Makes the directory of the proxy and settles what it is: nginx when the machine has it, else the example's own.
set -euo pipefail
source "$(ctx download-resource resources/daemon.sh)"

prepare_directory
if PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v nginx >/dev/null; then
    ctx instance runtime-properties program nginx
    fetch nginx.conf
else
    ctx instance runtime-properties program proxy.py
    fetch proxy.py
fi
