#!/usr/bin/env bash
# Makes the three roles that the migrations' comments name, all with the password of the secret. PostgreSQL's image runs this once, as superuser.
set -euo pipefail

migrations=${MIGRATIONS:-/migrations}
password=$(cat "${SECRETS:-/run/secrets}/postgres-password")

{
    sed -nE 's/^--   ((CREATE ROLE|GRANT .* ON DATABASE) .*;)$/\1/p' "$migrations"/*.up.sql
    for role in tripline_migrate tripline_service tripline_read; do echo "ALTER ROLE $role PASSWORD :'password';"; done
} | psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=password="$password" --username="${PGUSER:-postgres}" --dbname=tripline
