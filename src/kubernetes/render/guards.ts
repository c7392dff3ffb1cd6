// What stands around a proxy's Deployment: how many Pods may go at a time, how many there are, and who may speak to them.
import { isIP } from 'node:net';
import { CONTAINER_PORT } from '../names.js';
import { apiVersionOf, KINDS } from '../object.js';
import type { Kind, KubeObject } from '../object.js';
import type { Site } from '../site.js';
import { proxyMetadata, proxySelector } from './deployment.js';
import type { Proxy } from './proxies.js';

/** Istio's ports on a Pod: HBONE, probes and metrics of the sidecar (Istio 1.31, "Ports used by Istio"). */
const MESH_IN = [15_008, 15_020, 15_021, 15_090];
/** HBONE, and istiod. */
const MESH_OUT = [15_008, 15_012];

/** The PodDisruptionBudget, HorizontalPodAutoscaler and NetworkPolicy that the site's settings ask for. */
export function proxyGuards(site: Site, proxy: Proxy): KubeObject[] {
  const { replicas, autoscale, networkPolicy } = site.settings;
  const object = (kind: Kind, spec: Record<string, unknown>): KubeObject => {
    return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: proxyMetadata(site, proxy), spec };
  };
  return [
    ...((autoscale?.min ?? replicas) >= 2 ? [object(KINDS.PodDisruptionBudget, budget(proxy))] : []),
    ...(autoscale ? [object(KINDS.HorizontalPodAutoscaler, scaling(proxy, autoscale))] : []),
    ...(networkPolicy ? [object(KINDS.NetworkPolicy, policy(site, proxy))] : []),
  ];
}

function budget(proxy: Proxy): Record<string, unknown> {
  return {
    maxUnavailable: 1,
    selector: { matchLabels: proxySelector(proxy) },
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  };
}

function scaling(
  proxy: Proxy,
  { min, max, cpuPercent }: NonNullable<Site['settings']['autoscale']>,
): Record<string, unknown> {
  return {
    scaleTargetRef: {
      apiVersion: apiVersionOf(KINDS.Deployment),
      kind: KINDS.Deployment.kind,
      name: proxy.name,
    },
    minReplicas: min,
    maxReplicas: max,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpuPercent } },
      },
    ],
  };
}

function policy(site: Site, proxy: Proxy): Record<string, unknown> {
  const tcp = (port: number): Record<string, unknown> => ({ protocol: 'TCP', port });
  const { mesh } = site;
  return {
    podSelector: { matchLabels: proxySelector(proxy) },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ ports: [CONTAINER_PORT, ...(mesh ? MESH_IN : [])].map(tcp) }],
    egress: [
      { ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] },
      toFnServer(site, proxy),
      ...(mesh ? [{ ports: MESH_OUT.map(tcp) }] : []),
    ],
  };
}

/** A Service's port is not its Pods', which is what counts on the way: all Pods of its namespace, on any port. */
function toFnServer({ clusterDomain }: Site, { upstream: { host, port } }: Proxy): Record<string, unknown> {
  const ports = [{ protocol: 'TCP', port }];
  const suffix = `.svc.${clusterDomain}`;
  const namespace = host.endsWith(suffix) ? host.slice(0, -suffix.length).split('.').at(-1) : undefined;
  if (namespace !== undefined) {
    return { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }] };
  }
  const family = isIP(host.replace(/^\[|\]$/g, ''));
  if (family === 0) return { ports };
  return { to: [{ ipBlock: { cidr: family === 4 ? `${host}/32` : `${host.slice(1, -1)}/128` } }], ports };
}
