#!/usr/bin/env bash
# Builds the real etcd, kube-apiserver, kube-controller-manager and kubectl from their Go modules, and fetches the CRDs of
# Istio and Gateway API, into a cache outside the checkout. Prints the cache's folder; takes no time once it is full.
# Broken off, it goes on where it was: each file gets its name when it is whole, and Go keeps what it has compiled.
set -euo pipefail

etcd=3.6.5
kubernetes=1.36.3
istio_api=1.31.1
gateway_api=1.6.1
# Modules of k8s.io/kubernetes that its own go.mod takes from its tree: from outside they come by version.
staging="api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
  code-generator component-base component-helpers controller-manager cri-api cri-client cri-streaming streaming
  csi-translation-lib dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager
  kube-proxy kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver
  sample-cli-plugin sample-controller"

key=$({ cat "$0"; uname -sm; } | sha256sum | cut -c1-12)
cache=${FNMESH_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fnmesh-lab}/$key
programs="kube-apiserver kube-controller-manager kubectl"

complete() {
  local file
  for file in etcd $programs istio-crds.yaml gateway-crds.yaml; do [ -e "$cache/$file" ] || return 1; done
}

if complete; then
  echo "$cache"
  exit
fi

mkdir -p "$cache"
# Two runs at once would only take each other's processor time: the second waits, and finds everything there.
exec 9>"$cache/lock"
flock 9
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
# What a killed build left behind.
find "$cache" -maxdepth 1 -name 'build.*' ! -path "$work" -exec rm -rf {} +
export CGO_ENABLED=0 GOTOOLCHAIN=auto GOWORK=off

say() { printf 'lab: %s (%s s)\n' "$1" "$SECONDS" >&2; }

# The folder of a module in Go's module cache: $1 = path@version.
module() {
  (cd "$work" && go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
}

# Only a whole file gets its name: $1 = where it is now, $2 = its name.
keep() {
  mv "$1" "$cache/$2.part"
  mv "$cache/$2.part" "$cache/$2"
}

if [ ! -e "$cache/istio-crds.yaml" ]; then
  say "the CRDs of Istio $istio_api"
  cat "$(module "istio.io/api@v$istio_api")/kubernetes/customresourcedefinitions.gen.yaml" >"$work/crds"
  keep "$work/crds" istio-crds.yaml
fi

if [ ! -e "$cache/gateway-crds.yaml" ]; then
  say "the CRDs of Gateway API $gateway_api"
  folder=$(module "sigs.k8s.io/gateway-api@v$gateway_api")/config/crd/standard
  for file in "$folder"/gateway.networking.k8s.io_*.yaml; do
    echo '---'
    cat "$file"
  done >"$work/crds"
  keep "$work/crds" gateway-crds.yaml
fi

if [ ! -e "$cache/etcd" ]; then
  say "etcd $etcd"
  mkdir "$work/etcd"
  printf 'module lab/etcd\n\ngo 1.24\n\nrequire go.etcd.io/etcd/server/v3 v%s\n' "$etcd" >"$work/etcd/go.mod"
  (cd "$work/etcd" && go build -mod=mod -ldflags '-s -w' -o etcd go.etcd.io/etcd/server/v3)
  keep "$work/etcd/etcd" etcd
fi

if ! complete; then
  say "Kubernetes $kubernetes (some 9 minutes with two processors)"
  mkdir -p "$work/kubernetes/bin"
  {
    printf 'module lab/kubernetes\n\ngo 1.26\n\nrequire k8s.io/kubernetes v%s\n' "$kubernetes"
    for name in $staging; do printf 'replace k8s.io/%s => k8s.io/%s v0.%s\n' "$name" "$name" "${kubernetes#1.}"; done
  } >"$work/kubernetes/go.mod"
  version=k8s.io/component-base/version
  minor=${kubernetes#1.}
  # shellcheck disable=SC2086 # one word per program
  (cd "$work/kubernetes" && go build -mod=mod -o bin/ \
    -ldflags "-s -w -X $version.gitVersion=v$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}" \
    $(printf 'k8s.io/kubernetes/cmd/%s ' $programs))
  for name in $programs; do keep "$work/kubernetes/bin/$name" "$name"; done
fi

complete
# What older versions of this script built.
find "${cache%/*}" -maxdepth 1 -type d -name '????????????' -mtime +30 ! -path "$cache" -exec rm -rf {} +
say 'complete'
echo "$cache"
