#!/bin/sh
# A good result, then a bad end.
echo '{"outcome":"done"}' > "$BATON_RESULT_FILE"
exit 1
