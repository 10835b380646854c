#!/bin/sh
# Leaves processes behind in sessions of their own: one that ignores TERM, one without our marks.
setsid sh -c 'trap "" TERM HUP; echo $$ > "$0"; while :; do sleep 1; done' "$BATON_WORKDIR/pid1" &
env -i PATH="$PATH" setsid sh -c 'echo $$ > "$0"; exec sleep 1000' "$BATON_WORKDIR/pid2" &
while [ ! -s "$BATON_WORKDIR/pid1" ] || [ ! -s "$BATON_WORKDIR/pid2" ]; do sleep 0.01; done
echo '{"outcome":"done"}' > "$BATON_RESULT_FILE"
