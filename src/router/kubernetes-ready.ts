// Whether a version on a cluster could take traffic: its Service has ready endpoints, and one call through the API
// server's Service proxy, by the way that callers' requests take, is answered by the function.
import { FnmeshError } from '../errors.js';
import { judgeReady } from '../fn/ready.js';
import type { Cluster, ServiceCall } from '../kubernetes/cluster.js';
import { appLabels, PORT_NAME, READY_PATH, ROUTE_HEADER, versionObject } from '../kubernetes/names.js';
import { KINDS } from '../kubernetes/object.js';
import type { KubeObject } from '../kubernetes/object.js';
import { routeHeader } from '../kubernetes/render/rules.js';
import type { Site } from '../kubernetes/site.js';
import type { AppName, Route, VersionName } from '../routing/route.js';
import type { Probe } from '../target/target.js';
import type { Readiness } from './router.js';

/** An EndpointSlice's endpoint (Kubernetes 1.32, discovery.k8s.io/v1): one whose `ready` is not said is ready. */
type Endpoint = { conditions?: { ready?: boolean } };

/** The label by which an EndpointSlice names its Service. */
const SERVICE_NAME = 'kubernetes.io/service-name';

/** How many endpoints of each Service are ready, of an app's EndpointSlices: they inherit their Services' labels. */
export async function readyEndpoints(
  cluster: Cluster,
  namespace: string,
  app: AppName,
): Promise<ReadonlyMap<string, number>> {
  const slices = await cluster.list(KINDS.EndpointSlice, { namespace, labels: appLabels(app) });
  return countReady(slices);
}

/** The ready endpoints in some EndpointSlices, by the Service's name. */
function countReady(slices: readonly KubeObject[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { metadata, endpoints } of slices) {
    const service = metadata.labels?.[SERVICE_NAME];
    if (service === undefined) continue;
    const ready = ((endpoints ?? []) as Endpoint[]).filter(({ conditions }) => conditions?.ready !== false);
    counts.set(service, (counts.get(service) ?? 0) + ready.length);
  }
  return counts;
}

/**
 * Calls the version once through its Service, or with the probe `none` only its proxy.
 * @param timeoutMs For the whole call, in milliseconds.
 */
export async function callVersion(
  cluster: Cluster,
  site: Site,
  route: Route,
  version: VersionName,
  probe: Probe,
  timeoutMs: number,
): Promise<Readiness> {
  const service = versionObject(route.app, route.function, version);
  const where = `Service ${site.namespace}/${service}`;
  const path = probe === 'none' ? READY_PATH : route.path;
  const proxyUrl = `/api/v1/namespaces/${site.namespace}/services/${service}:${PORT_NAME}/proxy${path}`;
  const way = `kubectl get --raw ${proxyUrl}`;
  const to: Omit<ServiceCall, 'method' | 'headers'> = {
    namespace: site.namespace,
    service,
    port: PORT_NAME,
    path,
    timeoutMs,
  };
  try {
    if (probe === 'none') {
      const { status } = await cluster.call({ ...to, method: 'GET', headers: {} });
      if (status === 200) return { ready: true };
      return { ready: false, why: `${where} answered ${status} to ${path}: no proxy runs there`, try: way };
    }
    const header: Record<string, string> =
      site.proxy === 'shared' ? { [ROUTE_HEADER]: routeHeader(site, route, version) } : {};
    const { method, body } = probe;
    const headers = { ...probe.headers, ...header };
    const answer = await cluster.call({ ...to, method, headers, ...(body !== undefined && { body }) });
    const callId = answer.headers['fn-call-id'] !== undefined;
    const against = judgeReady({ status: answer.status, callId, text: answer.body }, where, method, way);
    if (against === null) return { ready: true };
    return { ready: false, why: against.why, ...(against.try !== undefined && { try: against.try }) };
  } catch (error) {
    if (!(error instanceof FnmeshError) || error.code !== 'not_ready') throw error;
    return { ready: false, why: `no answer from ${where} within ${timeoutMs / 1000} s`, try: way };
  }
}
