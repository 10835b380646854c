#!/bin/sh
# The result file is a link to a file of others.
echo '{"outcome":"done"}' > elsewhere
ln -s "$PWD/elsewhere" "$BATON_RESULT_FILE"
