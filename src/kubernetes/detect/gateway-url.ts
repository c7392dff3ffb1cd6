// By which address this machine reaches the gateway of an app.
import type { ClusterSettings } from '../../target/cluster.js';
import type { Cluster } from '../cluster.js';
import { KINDS, type KubeObject } from '../object.js';
import type { Site } from '../site.js';
import { admitsHost, type Door, doorsOf } from './doors.js';
import { allowed } from './search.js';

/** A base URL without a final slash, and where it was found; null: it is not known, and why. */
export type GatewayUrl = { url: string; from: string } | { url: null; from: string };

/**
 * What settings say, else what the cluster says of the gateway: the Gateway's own addresses (Gateway API), or the load
 * balancer of the Service before the Pods that the Gateway selects (Istio).
 * @throws FnmeshError as Cluster does; what may not be read is unknown.
 */
export async function gatewayUrl(
  site: Pick<Site, 'api' | 'gateway' | 'host' | 'namespace'>,
  { address }: Pick<ClusterSettings, 'address'>,
  cluster: Cluster,
): Promise<GatewayUrl> {
  if (address !== null) return { url: address.value, from: address.from };
  const { namespace, name } = site.gateway;
  const kind = site.api === 'istio' ? KINDS.IstioGateway : KINDS.Gateway;
  const what = `Gateway ${namespace}/${name}`;
  const gateway = await allowed(cluster.get(kind, namespace, name));
  if (gateway === undefined) return { url: null, from: `${what} may not be read` };
  if (gateway === null) return { url: null, from: `there is no ${what}` };
  const door = doorOf(site, gateway);
  if (door === undefined) return { url: null, from: `${what} has no listener for ${site.host}` };
  if (site.api === 'gateway-api') {
    const { addresses = [] } = (gateway['status'] ?? {}) as { addresses?: { value?: string }[] };
    const value = addresses[0]?.value;
    if (value === undefined) return { url: null, from: `${what} has no address yet` };
    return { url: urlOf(door, value, door.port), from: what };
  }
  return behindService(gateway, door, cluster, what);
}

/** Of those that fit, one with TLS is preferred: browsers end up there. */
function doorOf(site: Pick<Site, 'gateway' | 'host' | 'namespace'>, gateway: KubeObject): Door | undefined {
  const { listener } = site.gateway;
  const doors = doorsOf(gateway, { namespace: site.namespace, labels: null }).filter(
    (door) => admitsHost(door, site.host) && (listener === undefined || door.listener === listener),
  );
  return doors.find(({ secure }) => secure) ?? doors[0];
}

type ServiceSpec = {
  selector?: Record<string, string>;
  ports?: { port: number; targetPort?: number | string }[];
};

async function behindService(
  gateway: KubeObject,
  door: Door,
  cluster: Cluster,
  what: string,
): Promise<GatewayUrl> {
  const { selector = {} } = gateway['spec'] as { selector?: Record<string, string> };
  const all =
    (await allowed(cluster.list(KINDS.Service, { namespace: null }))) ??
    (await allowed(cluster.list(KINDS.Service, { namespace: door.namespace })));
  if (all === undefined) return { url: null, from: `the Services before ${what} may not be listed` };
  const services = all.filter((service) => {
    const selected = (service['spec'] as ServiceSpec | undefined)?.selector ?? {};
    const pairs = Object.entries(selector);
    return pairs.length > 0 && pairs.every(([key, value]) => selected[key] === value);
  });
  for (const service of services) {
    const { ingress = [] } =
      (service['status'] as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined)
        ?.loadBalancer ?? {};
    const value = ingress[0]?.ip ?? ingress[0]?.hostname;
    const ports = (service['spec'] as ServiceSpec).ports ?? [];
    // Servers of Istio's Gateways name the port of the Service, or the one that the proxy itself has.
    const port = ports.find(
      ({ port: number, targetPort }) => number === door.port || targetPort === door.port,
    );
    if (value === undefined || port === undefined) continue;
    const { namespace = '', name } = service.metadata;
    return { url: urlOf(door, value, port.port), from: `Service ${namespace}/${name}` };
  }
  return { url: null, from: `no Service before ${what} has an address of its own` };
}

function urlOf({ secure }: Door, address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${secure ? 'https' : 'http'}://${host}${port === (secure ? 443 : 80) ? '' : `:${port}`}`;
}
