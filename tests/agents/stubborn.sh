#!/bin/sh
# Ignores TERM. Says when it does.
trap '' TERM
echo ready
echo '1 ready' >&3
while :; do sleep 1; done
