#!/usr/bin/env bash
# Build sdist and wheel (the wheel from the sdist), install the wheel into a fresh environment made
# from requirements.lock, and use it there, away from the source tree.  Usage: try_package.sh BIN
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/$1
sample=$PWD/tests/data/raw/p10_numib_full/TS1_00050017_0022_numib_v09_2407100946_RawData.dat
rm -rf dist
"$bin/python" -m build --no-isolation --outdir dist . >/dev/null
ls -l dist

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
"$bin/python" -m venv --without-pip "$room/venv"
"$bin/uv" pip sync --quiet --python "$room/venv/bin/python" --require-hashes requirements.lock
"$bin/uv" pip install --quiet --python "$room/venv/bin/python" --offline --no-deps dist/*.whl
cd "$room"
env=("env" "-i" "HOME=$room" "PATH=$room/venv/bin:/usr/bin:/bin" "LANG=C.UTF-8")
"${env[@]}" mx2 --version
"${env[@]}" mx2 --help >/dev/null
"${env[@]}" mx2 init space
"${env[@]}" mx2 --workspace space doctor
"${env[@]}" mx2 raw info "$sample"
"${env[@]}" mx2 process "$sample" --to raw-digits -o digits
"${env[@]}" mx2 demo demo
echo "package: built, installed and used"
