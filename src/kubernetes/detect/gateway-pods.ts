// Which Pods of a gateway take the requests for a site, and on which of their ports.
import { FnmeshError } from '../../errors.js';
import type { Cluster } from '../cluster.js';
import type { ForwardTarget } from '../forward.js';
import { KINDS, type KubeObject } from '../object.js';
import type { Site } from '../site.js';
import { admitsHost, doorsOf } from './doors.js';
import { allowed } from './search.js';

/** Gateway API 1.6 (GEP-1762): what an implementation labels the Pods and Services of a Gateway with. */
export const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';

type ServiceSpec = {
  selector?: Record<string, string>;
  ports?: { port: number; targetPort?: number | string }[];
};

/**
 * The Pods behind the gateway's Service, and the port that it leads to; without TLS if there is a choice.
 * @throws FnmeshError `not_found` when the Gateway or its Service is not there, `config` when no listener fits; as Cluster.
 */
export async function gatewayPods(
  site: Pick<Site, 'api' | 'gateway' | 'host' | 'namespace'>,
  cluster: Pick<Cluster, 'get' | 'list'>,
): Promise<ForwardTarget & { secure: boolean }> {
  const { namespace, name, listener } = site.gateway;
  const kind = site.api === 'istio' ? KINDS.IstioGateway : KINDS.Gateway;
  const what = `Gateway ${namespace}/${name}`;
  const gateway = await cluster.get(kind, namespace, name);
  if (gateway === null) {
    throw new FnmeshError('not_found', `there is no ${what}`, {
      try: `kubectl get ${kind.plural}.${kind.group} -A, and one of them as gateway: of the target in fnmesh.yaml`,
    });
  }
  const doors = doorsOf(gateway, { namespace: site.namespace, labels: null }).filter(
    (door) => admitsHost(door, site.host) && (listener === undefined || door.listener === listener),
  );
  const door = doors.find(({ secure }) => !secure) ?? doors[0];
  if (door === undefined)
    throw new FnmeshError('config', `${what} has no listener for ${site.host}`, {
      try: 'gateway: NAMESPACE/NAME#LISTENER of the target in fnmesh.yaml',
    });
  const near = (await cluster.list(KINDS.Service, { namespace })).filter(isBefore(gateway, site.api));
  // An Istio Gateway selects Pods of all namespaces (Istio 1.31, PILOT_SCOPE_GATEWAY_TO_NAMESPACE is off).
  const all = near.length > 0 ? near : await allowed(cluster.list(KINDS.Service, { namespace: null }));
  const services = near.length > 0 ? near : (all ?? []).filter(isBefore(gateway, site.api));
  for (const service of services) {
    const { selector, ports = [] } = service['spec'] as ServiceSpec;
    const port = ports.find(
      ({ port: number, targetPort }) => number === door.port || targetPort === door.port,
    );
    if (selector === undefined || port === undefined) continue;
    const where = service.metadata.namespace ?? namespace;
    return { namespace: where, labels: selector, port: port.targetPort ?? port.port, secure: door.secure };
  }
  throw new FnmeshError('not_found', `no Service in ${namespace} leads to port ${door.port} of ${what}`, {
    try: `kubectl -n ${namespace} get services`,
  });
}

function isBefore(gateway: KubeObject, api: Site['api']): (service: KubeObject) => boolean {
  const { name } = gateway.metadata;
  if (api === 'istio') {
    const { selector = {} } = gateway['spec'] as { selector?: Record<string, string> };
    return ({ spec }) => includes((spec as ServiceSpec | undefined)?.selector, selector);
  }
  const { addresses = [] } = (gateway['status'] ?? {}) as { addresses?: { value?: string }[] };
  const values = addresses.map(({ value }) => value);
  return ({ metadata, spec, status }) => {
    const { selector = {} } = (spec ?? {}) as ServiceSpec;
    const { ingress = [] } =
      (status as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined)
        ?.loadBalancer ?? {};
    return (
      metadata.labels?.[GATEWAY_NAME] === name ||
      selector[GATEWAY_NAME] === name ||
      values.some((value) => value?.startsWith(`${metadata.name}.${metadata.namespace}.svc`)) ||
      ingress.some(({ ip, hostname }) => values.includes(ip ?? hostname))
    );
  };
}

function includes(
  all: Readonly<Record<string, string>> = {},
  some: Readonly<Record<string, string>>,
): boolean {
  const pairs = Object.entries(some);
  return pairs.length > 0 && pairs.every(([key, value]) => all[key] === value);
}
