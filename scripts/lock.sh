#!/usr/bin/env bash
# Write the locks: one version for every supported Python, hashes of every file, no address of any
# index in them.  Usage: lock.sh UV [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1
shift
# condb's client does not use psycopg2, which only its server imports and which needs a compiler.
compile() {
  "$uv" pip compile --no-config --universal --fork-strategy fewest --python-version 3.11 \
    --generate-hashes --no-emit-package psycopg2 --no-header --quiet --custom-compile-command "make lock" "$@"
}
compile "$@" environments/uv.in -o requirements-uv.lock
compile "$@" pyproject.toml -o requirements.lock
compile "$@" --extra dev --constraint requirements.lock pyproject.toml -o requirements-dev.lock
for source in environments/*.in; do
  name=$(basename "$source" .in)
  [ "$name" = uv ] || compile "$@" "$source" -o "requirements-$name.lock"
done
