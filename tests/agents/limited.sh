#!/bin/sh
# The provider's limit, exit status 0 as some agents do.
echo "API Error: 429 Too Many Requests, retry after 90 seconds" >&2
