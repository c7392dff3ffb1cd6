#!/usr/bin/env bash
# Runs a command inside namespaces of its own (network, mounts, processes), where startLab can make a whole cluster:
#   bash test/lab/run.sh npx vitest run --config test/lab/vitest.config.ts
# Whatever way the command ends, all processes, addresses and mounts end with it. Where it cannot run, it says why and
# exits 0; in CI that is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."

cannot() {
  printf 'lab: not run: %s\n' "$1" >&2
  if [ -n "${CI:-}" ]; then exit 1; fi
  exit 0
}

[ "$(uname -s)" = Linux ] || cannot 'it needs Linux namespaces'
[ "$(id -u)" = 0 ] || cannot 'it needs root, for namespaces and mounts: sudo npm run test:lab'
export PATH=$PATH:/usr/sbin:/sbin
for tool in go python3 ip unshare nsenter setpriv flock openssl nginx; do
  command -v "$tool" >/dev/null || cannot "$tool is not installed (Debian: golang-go python3-pip iproute2 util-linux openssl nginx)"
done

FNMESH_LAB_PROGRAMS=$(bash test/lab/build.sh) || { echo 'lab: its programs could not be built' >&2; exit 1; }
bash test/lab/envoy.sh >/dev/null || { echo 'lab: Envoy could not be fetched' >&2; exit 1; }
# Empty folders of runs that were killed; what was in them went with their mounts.
base=${TMPDIR:-/tmp}
for left in "$base"/fnmesh-lab.*; do
  [ -e "$left" ] && ! kill -0 "${left##*.}" 2>/dev/null && rmdir "$left" 2>/dev/null
done
FNMESH_LAB_DIR=$base/fnmesh-lab.$$
mkdir "$FNMESH_LAB_DIR"
trap 'rmdir "$FNMESH_LAB_DIR"' EXIT
export FNMESH_LAB_DIR FNMESH_LAB_PROGRAMS PATH=$FNMESH_LAB_PROGRAMS:$PATH

# bash is the first process inside: it reaps what is orphaned there. The lab's files are in memory.
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
  mount -t tmpfs -o mode=755 lab "$FNMESH_LAB_DIR" && ip link set lo up && "$@"
  exit $?' run "$@"
