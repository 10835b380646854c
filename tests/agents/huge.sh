#!/bin/sh
# A result file of 100 MB.
truncate -s 100M "$BATON_RESULT_FILE"
