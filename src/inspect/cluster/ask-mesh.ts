// Asks who is part of the mesh on the way from the gateway over the proxies to Fn, and what each wants of its callers.
import type { Cluster } from '../../kubernetes/cluster.js';
import { allowed } from '../../kubernetes/detect/search.js';
import { appLabels } from '../../kubernetes/names.js';
import { KINDS, type KubeObject } from '../../kubernetes/object.js';
import type { Site } from '../../kubernetes/site.js';
import { type Check, ok, warn } from './check.js';
import {
  type End,
  judgeHop,
  judgeMembership,
  type Membership,
  membershipOf,
  membershipOfPod,
  mtlsIn,
} from './mesh.js';

/**
 * The rows of the mesh; one row where the cluster has none.
 * @param invoke Base URL by which proxies reach Fn; null: not known.
 */
export async function askMesh(cluster: Cluster, site: Site, invoke: string | null): Promise<Check[]> {
  if (!(await cluster.serves(KINDS.PeerAuthentication)))
    return [
      site.mesh
        ? warn('mesh', 'the cluster has no Istio', 'mesh: true needs one; mesh: false in fnmesh.yaml')
        : ok('mesh', 'the cluster has no Istio', 'only the gateway splits'),
    ];
  const fnNamespace = invoke === null ? null : namespaceIn(invoke, site.clusterDomain);
  const [own, fns, all, pods, gateway] = await Promise.all([
    namespaceMembership(cluster, site.namespace),
    fnNamespace === null ? null : namespaceMembership(cluster, fnNamespace),
    allowed(cluster.list(KINDS.PeerAuthentication, { namespace: null })),
    cluster.list(KINDS.Pod, { namespace: site.namespace, labels: appLabels(site.app) }),
    gatewayMembership(cluster, site),
  ]);
  const policies =
    all ?? (await allowed(cluster.list(KINDS.PeerAuthentication, { namespace: site.namespace })));
  const members = pods.map(membershipOfPod);
  // Of both kinds, as in a rollout, the one that is refused.
  const proxies = members.find((member) => member === 'none') ?? members[0] ?? own ?? 'none';
  const end = (namespace: string, membership: Membership, known: KubeObject[] | undefined): End => ({
    namespace,
    membership,
    mtls: known === undefined ? null : mtlsIn(namespace, known),
  });
  const strictest = members.find((member) => member !== 'none') ?? proxies;
  return [
    judgeMembership(own, members, site.mesh, site.namespace),
    judgeHop('gateway → proxy', { membership: gateway }, end(site.namespace, strictest, policies)),
    ...(fnNamespace === null
      ? []
      : [
          fns === null
            ? warn(
                'proxy → Fn, mTLS',
                `namespace ${fnNamespace} may not be read`,
                'not checked whether it wants mutual TLS',
              )
            : judgeHop('proxy → Fn, mTLS', { membership: proxies }, end(fnNamespace, fns, all)),
        ]),
  ];
}

/** `http://fn-lb.fn.svc.cluster.local` → `fn`; null: it is not in this cluster. */
function namespaceIn(url: string, clusterDomain: string): string | null {
  const { hostname } = new URL(url);
  const short = hostname.endsWith(`.${clusterDomain}`)
    ? hostname.slice(0, -clusterDomain.length - 1)
    : hostname;
  return /^[^.]+\.([^.]+)\.svc$/.exec(short)?.[1] ?? null;
}

async function namespaceMembership(cluster: Cluster, namespace: string): Promise<Membership | null> {
  const object = await allowed(cluster.get(KINDS.Namespace, null, namespace));
  return object === undefined ? null : membershipOf(object?.metadata.labels ?? {});
}

/** Gateways of Istio have a certificate of the mesh; those of others have none. */
async function gatewayMembership(cluster: Cluster, { api, gateway }: Site): Promise<Membership> {
  if (api === 'istio') return 'sidecar';
  const object = await allowed(cluster.get(KINDS.Gateway, gateway.namespace, gateway.name));
  const className =
    (object?.['spec'] as { gatewayClassName?: string } | undefined)?.gatewayClassName ?? 'istio';
  const of = await allowed(cluster.get(KINDS.GatewayClass, null, className));
  const controller = (of?.['spec'] as { controllerName?: string } | undefined)?.controllerName ?? className;
  return controller.includes('istio') ? 'sidecar' : 'none';
}
