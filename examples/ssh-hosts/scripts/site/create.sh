#!/bin/bash
# Writes the page. Running it again writes the same page.
set -euo pipefail

directory="$base/$(ctx instance id)"
mkdir -p "$directory"
printf '<h1>%s</h1>\n<p>served by the agent of the %s host</p>\n' "$(ctx node properties greeting)" "$HOST_ROLE" > "$directory/index.html"
ctx instance runtime-properties directory "$directory"
