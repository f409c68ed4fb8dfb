#!/bin/bash
# Starts the web server on the host and publishes its address. A server that runs already is kept.
set -euo pipefail

log="$directory/.server.log"
pid=$(ctx instance runtime-properties pid 2>/dev/null || true)
if [[ -z $pid ]] || ! kill -0 "$pid" 2>/dev/null; then
    : > "$log"
    # A session of its own, none of our environment, which holds the tokens of this execution.
    env -i PATH="$PATH" setsid python3 -u -m http.server --bind "$address" --directory "$directory" 0 </dev/null >>"$log" 2>&1 &
    pid=$!
fi
port=
for _ in $(seq 100); do
    port=$(sed -n 's/^Serving HTTP on .* port \([0-9]*\) .*/\1/p' "$log")
    [[ -n $port ]] && break
    sleep 0.1
done
[[ -n $port ]] || { ctx logger error "$(cat "$log")"; exit 1; }
ctx instance runtime-properties pid "@$pid"
ctx instance runtime-properties url "http://$address:$port/"
ctx instance runtime-properties agent "$AGENT_NAME"
ctx logger info "The web server answers at http://$address:$port/"
