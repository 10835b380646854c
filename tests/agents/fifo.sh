#!/bin/sh
# The result file is a FIFO: opening it would wait for ever.
mkfifo "$BATON_RESULT_FILE"
