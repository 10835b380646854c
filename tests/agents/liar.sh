#!/bin/sh
# Says that it failed, and ends with exit status 0.
echo "Error: tool denied" >&2
exit 0
