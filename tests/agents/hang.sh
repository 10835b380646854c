#!/bin/sh
# Hangs without a word, without reading.
exec sleep 1000
