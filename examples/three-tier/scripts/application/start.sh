#!/bin/bash
# Starts the application with what the relationship to the database told, and waits until it reaches the database.
set -euo pipefail
source "$(ctx download-resource resources/daemon.sh)"

directory=$(ctx instance runtime-properties directory)
umask 077
python3 - "$directory/settings.json" "$(ctx -j instance runtime-properties database)" "$(ctx node properties title)" \
    "$(ctx instance id)" <<'PY'
import json, os, sys
path, database, title, instance = sys.argv[1:]
settings = dict(json.loads(database), title=title, instance=instance)
with open(path + '.new', 'w') as f:
    json.dump(settings, f)
os.replace(path + '.new', path)
PY

detached python3 "$directory/application.py"
await_answer /health
publish
