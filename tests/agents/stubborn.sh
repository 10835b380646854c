#!/bin/sh
# Ignores TERM. Says when it does.
trap '' TERM
echo ready
while :; do sleep 1; done
