#!/bin/sh
# Kills its own supervisor, so that nobody would be left to end what it started.
setsid sleep 1000 &
echo $! > "$BATON_WORKDIR/pid1"
kill -9 $PPID
sleep 1000
