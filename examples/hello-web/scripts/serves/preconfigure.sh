#!/bin/bash
# Tells the web server (source) which directory of the site (target) to serve and where to keep its own files.
set -euo pipefail

directory=$(ctx target instance runtime-properties directory)
ctx source instance runtime-properties public "$(ctx target instance runtime-properties public)"
ctx source instance runtime-properties state "$directory/web"
ctx source instance runtime-properties page_checksum "$(ctx target instance runtime-properties page_checksum)"
