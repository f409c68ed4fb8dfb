#!/bin/sh
ctx logger info "saying $GREETING"
ctx instance runtime-properties said "$GREETING"
sleep "$PAUSE"
exit "$CODE"
