#!/bin/bash
# Installs a Reify agent on this host. It may be run again.
set -euo pipefail
umask 022

NAME=@NAME@
DIR=@DIR@
PACKAGES=@PACKAGES@
SETTINGS=@SETTINGS@
CA=@CA@
SUMS=@SUMS@
KIND=@KIND@

fail() {
  local code=$1
  shift
  echo "agent installation: $*" >&2
  exit "$code"
}

download() {
  if command -v curl >/dev/null; then
    curl -fsS --retry 3 --retry-connrefused ${CA:+--cacert "$TMP/ca.pem"} -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -q --tries 3 ${CA:+--ca-certificate "$TMP/ca.pem"} -O "$2" "$1"
  else
    fail 64 "neither curl nor wget is installed on this host; install one of them"
  fi
}

main() {
  local machine sum= free
  machine=$(uname -m)
  [ "$(uname -s)" = Linux ] || fail 64 "agents run on Linux, not on $(uname -s)"
  for pair in $SUMS; do
    [ "${pair%%=*}" = "$machine" ] && sum=${pair#*=}
  done
  [ -n "$sum" ] || fail 64 "the manager has no agent package for $machine; make one with 'make agents' and put it beside the manager"
  for tool in tar gzip base64 sha256sum mktemp; do
    command -v "$tool" >/dev/null || fail 64 "$tool is not installed on this host"
  done
  case $DIR in
    '~'*) DIR=$(eval "echo ${DIR%%/*}")/${DIR#*/} ;;
  esac
  mkdir -p "$DIR" || fail 65 "cannot make the agent's directory $DIR"
  free=$(df -Pk "$DIR" | { read -r _; read -r _ _ _ kib _; echo "$kib"; })
  [ "$free" -ge 49152 ] || fail 65 "No space left on device: $free KiB are free in $DIR and the agent needs 49152"
  TMP=$(mktemp -d "$DIR/install-XXXXXX") || fail 65 "cannot write to $DIR"
  trap 'rm -rf "$TMP"' EXIT
  if [ -n "$CA" ]; then
    echo "$CA" | base64 -d > "$TMP/ca.pem"
  fi
  download "$PACKAGES/manylinux-$machine-agent.tar.gz" "$TMP/package" || fail 66 "cannot download $PACKAGES/manylinux-$machine-agent.tar.gz"
  echo "$sum  $TMP/package" | sha256sum -c --status || fail 66 "the agent package arrived damaged"
  mkdir -p "$TMP/new"
  tar -xzf "$TMP/package" --no-same-owner --strip-components=1 -C "$TMP/new" || fail 65 "cannot unpack the agent into $DIR"
  mkdir -p "$DIR/bin"
  mv -f "$TMP/new/bin/reify-agent" "$DIR/bin/reify-agent"
  (umask 077 && echo "$SETTINGS" | base64 -d > "$TMP/agent.json") || fail 65 "cannot write to $DIR"
  "$DIR/bin/reify-agent" setup --settings "$TMP/agent.json" --dir "$DIR" ${KIND:+--process-management "$KIND"} || fail 67 "cannot set up the agent $NAME"
}

main "$@"
