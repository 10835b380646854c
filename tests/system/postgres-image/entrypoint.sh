#!/bin/sh
# The first start makes the cluster, the user and the database; then PostgreSQL takes this process.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -U "$POSTGRES_USER" --auth-local=trust --auth-host="${POSTGRES_HOST_AUTH_METHOD:-reject}" >/dev/null
    pg_ctl -w -s -o "-c listen_addresses=" start
    createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -w -s -m fast stop
fi
exec "$@"
