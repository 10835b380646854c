#!/bin/sh
# Floods both streams for ever.
yes >&2 &
exec yes
