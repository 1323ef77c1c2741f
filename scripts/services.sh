#!/usr/bin/env bash
# Install the Debian packages of the services that are not here yet.  Usage: services.sh LIST
set -euo pipefail
missing() { # missing COLUMN: that column of the services whose command fails, one a line
  grep -v '^#' "$list" | while IFS='|' read -r name packages command; do
    sh -c "$command" >/dev/null 2>&1 </dev/null || case $1 in
      name) echo "$name" ;;
      packages) echo "$packages" ;;
    esac
  done
}
list=$1
names=$(missing name | xargs)
if [ -z "$names" ]; then
  echo "services: all there"
  exit 0
fi
mapfile -t packages < <(missing packages | xargs -n 1 | sort -u)
if [ "$(id -u)" != 0 ]; then
  echo "services missing: $names" >&2
  echo "as root: apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${packages[@]}"
names=$(missing name | xargs)
if [ -n "$names" ]; then
  echo "services still missing after the installation: $names" >&2
  exit 1
fi
echo "services: all there"
