#!/usr/bin/env bash
# Gives the roles their rights in the schema, as the migrations' comments say them; as its owner, after `tripline migrate up`.
set -euo pipefail

migrations=${MIGRATIONS:-/migrations}
url=$(cat "${SECRETS:-/run/secrets}/postgres-migrate-url")

sed -nE 's/^--   (GRANT .*;)$/\1/p' "$migrations"/*.up.sql | grep -v ' ON DATABASE ' |
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="$url"
