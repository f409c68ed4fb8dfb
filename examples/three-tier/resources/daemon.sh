# Functions for node instances that are a process with a directory of its own. Sourced by the scripts.

# prepare_directory makes the directory of this node instance and remembers it. Its name holds the instance's id, so that
# a repeated operation finds it again.
prepare_directory() {
    directory="$(ctx node properties base_directory)/reify-$(ctx deployment id)-$(ctx instance id)"
    if ! mkdir -m 0700 "$directory" 2>/dev/null && [[ ! -d $directory || -L $directory || ! -O $directory ]]; then
        ctx abort-operation "$directory exists and is not ours"
        exit 1
    fi
    ctx instance runtime-properties directory "$directory"
}

# fetch copies a file of the blueprint into the directory, as a whole or not at all.
fetch() {
    cp "$(ctx download-resource "resources/$1")" "$directory/.$1.new"
    mv "$directory/.$1.new" "$directory/$1"
}

# processes prints the processes of this node instance, by number: those that run one of its programs. A number that was
# written down would not do, since the system gives numbers anew.
processes() {
    local dir
    for dir in /proc/[0-9]*; do
        if grep -Fxzq -e "$directory/application.py" -e "$directory/proxy.py" "$dir/cmdline" 2>/dev/null ||
            grep -Fzq "nginx: master process nginx -p $directory/ " "$dir/cmdline" 2>/dev/null; then
            echo "${dir#/proc/}"
        fi
    done
}

# detached starts a program in a session of its own, with no open file and nothing of the environment of the operation.
detached() {
    (
        cd "$directory"
        exec env -i PATH="$PATH" setsid "$@" </dev/null >>"$directory/output.log" 2>&1
    ) &
}

# field prints a number from the file that a program writes when it is ready.
field() {
    sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$directory/ready.json" 2>/dev/null || true
}

# answers says whether a URL is answered without an error.
answers() {
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5).read()' "$1" 2>/dev/null
}

# await_answer waits until the program answers at a path of the port that it chose.
await_answer() {
    local end=$((SECONDS + 30))
    until port=$(field port) && [[ -n $port ]] && answers "http://127.0.0.1:$port$1"; do
        if ((SECONDS >= end)); then
            ctx logger error "$(tail -n 20 "$directory/output.log")"
            echo "no answer within 30 seconds" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# publish writes where the program listens to the runtime properties.
publish() {
    ctx instance runtime-properties address 127.0.0.1
    ctx instance runtime-properties port "@$port"
    ctx instance runtime-properties url "http://127.0.0.1:$port/"
    ctx logger info "Ready at http://127.0.0.1:$port/"
}
