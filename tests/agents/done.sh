#!/bin/sh
# What an agent should do: the work, then a result, made whole by a rename.
cat > "$BATON_WORKDIR/stdin-copy"
printf '{"outcome":"done","summary":"all well","artifacts":["a.txt"]}' > "$BATON_RESULT_FILE.tmp"
mv "$BATON_RESULT_FILE.tmp" "$BATON_RESULT_FILE"
