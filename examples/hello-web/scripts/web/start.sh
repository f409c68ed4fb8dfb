#!/bin/bash
# Starts the web server and waits until it answers. Running it again while the server lives changes nothing: the server
# holds a lock, a second one ends at once, and what is reported is the one that lives.
# The inputs wanted_port and start_timeout come as environment variables.
set -euo pipefail

public=$(ctx instance runtime-properties public)
state=$(ctx instance runtime-properties state)
address=$(ctx instance runtime-properties address)

mkdir -p "$state"
program="$state/server.py"
if [[ ! -e $program ]]; then
    cp "$(ctx download-resource resources/server.py)" "$program.new"
    mv "$program.new" "$program"
fi

# A session of its own, no open file of ours and none of our environment, which holds the tokens of this execution.
(
    cd "$state"
    exec env -i PATH="$PATH" setsid python3 "$program" "$public" "$state" "$address" "$wanted_port" \
        </dev/null >>"$state/server.log" 2>&1
) &

field() {
    sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$state/server.json" 2>/dev/null || true
}

answers() {
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2).read()' "$1" 2>/dev/null
}

end=$((SECONDS + start_timeout))
while true; do
    pid=$(field pid)
    actual=$(field port)
    if [[ -n $pid && -n $actual ]] && answers "http://$address:$actual/"; then
        break
    fi
    if ((SECONDS >= end)); then
        ctx logger error "$(tail -n 20 "$state/server.log")"
        echo "the web server did not answer within $start_timeout seconds" >&2
        exit 1
    fi
    sleep 0.1
done

ctx instance runtime-properties pid "@$pid"
ctx instance runtime-properties port "@$actual"
ctx instance runtime-properties url "http://$address:$actual/"
ctx logger info "The web server answers at http://$address:$actual/ (process $pid)"
