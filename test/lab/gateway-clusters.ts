// Services and their endpoints as Envoy's clusters, as istiod makes them (Istio 1.31; Envoy 1.40, config.cluster.v3).
import type { KubeObject } from '../../src/kubernetes/object.js';

/** A cluster of Envoy's, as JSON. Its endpoints come apart, by its name. */
export type Cluster = { name: string } & Record<string, unknown>;

type LbEndpoint = {
  endpoint: { address: { socket_address: { address: string; port_value: number } } };
  health_status: 'HEALTHY';
};

/** A cluster's endpoints. */
export type LoadAssignment = {
  cluster_name: string;
  endpoints: { locality: object; lb_endpoints: LbEndpoint[] }[];
};

type ServiceSpec = { type?: string; ports?: { name?: string; port: number; protocol?: string }[] };
type Slice = KubeObject & {
  addressType: string;
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[] | null;
  ports?: { name?: string; port?: number }[] | null;
};

/** A cluster for each TCP port of each Service, whether or not a route leads to it. */
export function clustersOf(
  services: readonly KubeObject[],
  slices: readonly KubeObject[],
  clusterDomain: string,
): { clusters: Cluster[]; endpoints: Map<string, LoadAssignment> } {
  const byService = new Map<string, Slice[]>();
  for (const slice of slices as readonly Slice[]) {
    const { namespace, labels } = slice.metadata;
    const key = `${namespace}/${labels?.['kubernetes.io/service-name'] ?? ''}`;
    byService.set(key, [...(byService.get(key) ?? []), slice]);
  }
  const clusters: Cluster[] = [];
  const endpoints = new Map<string, LoadAssignment>();
  for (const { metadata, spec } of services) {
    const { type, ports = [] } = spec as ServiceSpec;
    if (type === 'ExternalName') continue;
    const { name: service, namespace = '' } = metadata;
    const host = `${service}.${namespace}.svc.${clusterDomain}`;
    for (const { name: portName = '', port, protocol = 'TCP' } of ports) {
      if (protocol !== 'TCP') continue;
      const name = `outbound|${port}||${host}`;
      clusters.push(clusterOf(name, { name: service, namespace, host }));
      endpoints.set(name, assignment(name, portName, byService.get(`${namespace}/${service}`) ?? []));
    }
  }
  return { clusters, endpoints };
}

function clusterOf(name: string, service: object): Cluster {
  const most = 4_294_967_295;
  return {
    name,
    // The semicolon tells where the name ends, for it may hold dots.
    alt_stat_name: `${name};`,
    type: 'EDS',
    eds_cluster_config: {
      eds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      service_name: name,
    },
    connect_timeout: '10s',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: {
      thresholds: [
        { max_connections: most, max_pending_requests: most, max_requests: most, max_retries: most },
      ],
    },
    // Never to endpoints that are not ready, however few are left.
    common_lb_config: { healthy_panic_threshold: {} },
    metadata: { filter_metadata: { istio: { services: [service] } } },
  };
}

function assignment(name: string, portName: string, slices: readonly Slice[]): LoadAssignment {
  const found = new Map<string, LbEndpoint>();
  for (const { endpoints, ports } of slices) {
    const port = ports?.find((each) => (each.name ?? '') === portName)?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions } of endpoints ?? []) {
      const address = addresses[0];
      if (conditions?.ready === false || address === undefined) continue;
      found.set(`${address} ${port}`, {
        endpoint: { address: { socket_address: { address, port_value: port } } },
        health_status: 'HEALTHY',
      });
    }
  }
  const lb_endpoints = [...found.keys()].sort().map((key) => found.get(key)!);
  return { cluster_name: name, endpoints: lb_endpoints.length > 0 ? [{ locality: {}, lb_endpoints }] : [] };
}
