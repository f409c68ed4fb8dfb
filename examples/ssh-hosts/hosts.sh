#!/bin/bash
# Makes two "hosts" on this machine to try the example with: two SSH servers of their own on loopback ports.
#
#   hosts.sh up DIRECTORY     start them; DIRECTORY/inputs.yaml are the inputs that belong to them
#   hosts.sh down DIRECTORY   end them
set -euo pipefail

usage() { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[[ $# == 2 ]] || usage
dir=$2

up() {
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [[ $(id -u) != 0 ]] || mkdir -p /run/sshd
    [[ -e $dir/key ]] || ssh-keygen -q -t ed25519 -N '' -C reify-example -f "$dir/key"
    ports=()
    for name in web visitor; do
        [[ -e $dir/$name.host ]] || ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$dir/$name.host"
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        ports+=("$port")
        printf '%s\n' "Port $port" "ListenAddress 127.0.0.1" "HostKey $dir/$name.host" "PidFile $dir/$name.pid" \
            "AuthorizedKeysFile $dir/key.pub" "PasswordAuthentication no" "KbdInteractiveAuthentication no" "UsePAM no" \
            "StrictModes no" "PermitRootLogin yes" > "$dir/$name.conf"
        /usr/sbin/sshd -f "$dir/$name.conf" -E "$dir/$name.log"
        for _ in $(seq 100); do
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
            sleep 0.05
        done
    done
    printf '%s: %s\n' user "$(id -un)" key "$dir/key" web_ssh_port "${ports[0]}" visitor_ssh_port "${ports[1]}" > "$dir/inputs.yaml"
}

down() {
    [[ -d $dir ]] || return 0
    for name in web visitor; do
        if [[ -e $dir/$name.pid ]]; then
            kill "$(cat "$dir/$name.pid")" 2>/dev/null || true
        fi
    done
    return 0
}

case $1 in
up) up ;;
down) down ;;
*) usage ;;
esac
