// Whether the mesh lets requests through on both hops, gateway → proxy → Fn: who has a proxy of the mesh, and who wants
// mutual TLS (Istio 1.31, PeerAuthentication and auto mTLS). Pure.
import type { KubeObject } from '../../kubernetes/object.js';
import { type Check, fail, ok, warn } from './check.js';

/** How a workload takes part in the mesh. */
export type Membership = 'sidecar' | 'ambient' | 'none';

/** What a namespace's labels say of the Pods that are made in it. */
export function membershipOf(labels: Readonly<Record<string, string>>): Membership {
  if (labels['istio.io/dataplane-mode'] === 'ambient') return 'ambient';
  const injection = labels['istio-injection'];
  if (injection === 'disabled') return 'none';
  return injection === 'enabled' || (labels['istio.io/rev'] ?? '') !== '' ? 'sidecar' : 'none';
}

/** How a Pod takes part: what it really has, which may differ from what its namespace now says. */
export function membershipOfPod({ metadata, spec }: KubeObject): Membership {
  const { containers = [], initContainers = [] } = (spec ?? {}) as Record<
    string,
    { name: string }[] | undefined
  >;
  if ([...containers, ...initContainers].some(({ name }) => name === 'istio-proxy')) return 'sidecar';
  return metadata.annotations?.['ambient.istio.io/redirection'] === 'enabled' ? 'ambient' : 'none';
}

type MtlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** Istio's root namespace unless meshConfig.rootNamespace says otherwise. */
const ROOT = 'istio-system';

/**
 * What the Pods of a namespace want of who calls them: its own PeerAuthentication without a selector, else that of the
 * root namespace, else PERMISSIVE. Those with a selector are left out; `selective` tells that there are such.
 */
export function mtlsIn(
  namespace: string,
  policies: readonly KubeObject[],
): { mode: MtlsMode; selective: boolean } {
  const of = (place: string): KubeObject[] => policies.filter(({ metadata }) => metadata.namespace === place);
  const hasSelector = ({ spec }: KubeObject): boolean => {
    const { matchLabels = {} } =
      (spec as { selector?: { matchLabels?: object } } | undefined)?.selector ?? {};
    return Object.keys(matchLabels).length > 0;
  };
  // Of several, the oldest counts.
  const modeOf = (place: string): string | undefined =>
    of(place)
      .filter((policy) => !hasSelector(policy))
      .sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1))
      .map(({ spec }) => (spec as { mtls?: { mode?: string } } | undefined)?.mtls?.mode)[0];
  const mode = [modeOf(namespace), modeOf(ROOT)].find((said) => said !== undefined && said !== 'UNSET');
  return {
    mode: mode === 'STRICT' || mode === 'DISABLE' ? mode : 'PERMISSIVE',
    selective: of(namespace).some(hasSelector),
  };
}

/** One end of a hop; `mtls` counts for who is called. null: may not be read. */
export type End = {
  namespace: string;
  membership: Membership;
  mtls: { mode: MtlsMode; selective: boolean } | null;
};

/**
 * Whether who has no part in the mesh calls one that wants mutual TLS. In all other pairs both ends find out by
 * themselves: whoever has no proxy of the mesh is called, and answers, in plain text whatever the policies say.
 */
export function judgeHop(name: string, from: Pick<End, 'membership'>, to: End): Check {
  const found = `${from.membership} → ${to.membership}${to.mtls === null ? '' : `, mTLS ${to.mtls.mode}`}`;
  if (to.membership === 'none') return ok(name, found, 'plain text, which both ends speak');
  if (from.membership !== 'none') return ok(name, found, 'mutual TLS where both ends have it');
  if (to.mtls === null)
    return warn(
      name,
      found,
      `PeerAuthentications of ${to.namespace} may not be read: with STRICT it would fail`,
    );
  if (to.mtls.mode === 'STRICT')
    return fail(
      name,
      found,
      `refused: no certificate. Label the caller's namespace istio-injection=enabled and restart its Pods, or PERMISSIVE in ${to.namespace}`,
    );
  const means = 'plain text, which is let in';
  return to.mtls.selective
    ? warn(
        name,
        found,
        `${means}, unless a PeerAuthentication of ${to.namespace} with a selector says otherwise`,
      )
    : ok(name, found, means);
}

/** Whether the proxies are what their namespace says, and `mesh:` is what they are. */
export function judgeMembership(
  namespace: Membership | null,
  pods: readonly Membership[],
  mesh: boolean,
  where: string,
): Check {
  const name = 'mesh';
  const found = `namespace ${where}: ${namespace ?? 'may not be read'}; proxies: ${
    pods.length === 0 ? 'none yet' : [...new Set(pods)].sort().join(' and ')
  }`;
  const part = pods.length > 0 ? pods.some((pod) => pod !== 'none') : namespace !== 'none';
  if (namespace !== null && pods.some((pod) => pod !== namespace))
    return warn(
      name,
      found,
      `Pods are as the labels were when they started: kubectl rollout restart deployment -n ${where} -l app.kubernetes.io/managed-by=fnmesh`,
    );
  if (mesh && !part)
    return warn(
      name,
      found,
      'mesh: true, but callers without a sidecar or waypoint go past the split: kubectl label ns, or mesh: false',
    );
  if (!mesh && pods.some((pod) => pod !== 'none'))
    return ok(name, found, 'mesh: false: callers inside have no address of their own for the split');
  return ok(name, found, mesh ? 'callers inside the mesh get the split too' : 'only the gateway splits');
}
