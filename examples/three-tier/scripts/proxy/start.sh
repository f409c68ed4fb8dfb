#!/bin/bash
# Starts the proxy in front of the applications and waits until one of them answers through it.
# The input wanted_port comes as an environment variable.
set -euo pipefail
source "$(ctx download-resource resources/daemon.sh)"

directory=$(ctx instance runtime-properties directory)
program=$(ctx instance runtime-properties program)
python3 "$(ctx download-resource resources/upstreams.py)" "$directory" "$(ctx -j instance runtime-properties upstreams)"

start_nginx() {
    if [[ -n $(processes) ]]; then
        return
    fi
    if [[ $wanted_port -eq 0 ]]; then
        wanted_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    fi
    echo "{\"port\": $wanted_port}" >"$directory/ready.json"
    sed -e "s|@directory@|$directory|g; s|@port@|$wanted_port|" "$directory/nginx.conf" >"$directory/filled.conf"
    PATH="$PATH:/usr/sbin:/usr/local/sbin" detached nginx -p "$directory/" -c "$directory/filled.conf" -g 'daemon off;'
}

if [[ $program == nginx ]]; then
    start_nginx
else
    detached python3 "$directory/proxy.py" "$wanted_port"
fi
await_answer /health
publish
