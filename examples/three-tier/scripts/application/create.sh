#!/bin/bash
# Makes the directory of the application.
set -euo pipefail
source "$(ctx download-resource resources/daemon.sh)"

prepare_directory
fetch application.py
