#!/bin/sh
# The demo's agent, one for all roles: what a real agent does, in under a second and without a model.
#
# It reads its task from the prompt, leaves an artifact in the workspace, reports progress, and writes
# its result. Started by a worker:
#
#   baton-worker --role backend --env WORKSPACE -- examples/agents/agent.sh
#
# WORKSPACE   where artifacts go (the directory it is started in)
# STEP        seconds between two steps (0.15)
set -eu

: "${BATON_TASK_ID:?this is started by baton-worker}" "${BATON_ROLE:?}" "${BATON_RESULT_FILE:?}"
workspace=${WORKSPACE:-$PWD}
step=${STEP:-0.15}

# The third line of a prompt is the task's title.
title=$(sed -n 3p "$BATON_PROMPT_FILE")

progress() {
    if command -v baton >/dev/null 2>&1; then
        baton progress "$1" "$2" >/dev/null 2>&1 || true
    else
        echo "$1 $2" >&"$BATON_PROGRESS_FD"
    fi
}

# Where a role works, what it makes there, and how that begins and ends.
case $BATON_ROLE in
infra) folder=infrastructure kind=conf head="# Provisioned by" tail="ready = true" ;;
backend) folder=api kind=yaml head="# Endpoint of" tail="status: implemented" ;;
frontend) folder=web kind=html head="<!doctype html><!--" tail="--><p>works</p>" ;;
realtime) folder=realtime kind=js head="// Channel of" tail="export const connected = true;" ;;
integration) folder=adapters kind=json head='{"adapter":' tail='"ok"}' ;;
testing) folder=reports kind=txt head="Report of" tail="" ;;
*) folder=other kind=txt head="Made by" tail="" ;;
esac

# An id may hold slashes; a file's name may not.
name=$(printf %s "$BATON_TASK_ID" | tr / _)
artifact=$folder/$name.$kind
mkdir -p "$workspace/$folder"

progress 10 "reading the task"
sleep "$step"
progress 40 "working in $folder"
{
    if [ "$folder" = adapters ]; then
        printf '{"adapter": "%s", "state": "ok"}\n' "$name"
    else
        printf '%s %s\n%s\n' "$head" "$BATON_TASK_ID, attempt $BATON_ATTEMPT: $title" "$tail"
    fi
    if [ "$folder" = reports ]; then
        echo "Artifacts found:"
        (cd "$workspace" && find . -type f ! -path './reports/*' | sort)
    fi
} >"$workspace/$artifact.part"
sleep "$step"
progress 80 "checking"
mv "$workspace/$artifact.part" "$workspace/$artifact"
test -s "$workspace/$artifact"
sleep "$step"
progress 100 "done"

# What everyone sees in `baton show`, and what the tasks after this one are given.
cat >"$BATON_RESULT_FILE" <<JSON
{
  "outcome": "done",
  "summary": "$artifact is in the workspace",
  "artifacts": [{"path": "$artifact", "description": "made by $BATON_ROLE for $name"}]
}
JSON
echo "$BATON_TASK_ID: $title -> $artifact"
