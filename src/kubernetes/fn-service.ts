// Calls of versions on an Fn server that only Pods reach: through the API server's Service proxy.
import { FnmeshError } from '../errors.js';
import { judgeReady, type ReadyCall, type ReadyResult } from '../fn/ready.js';
import type { Cluster, ServiceCall } from './cluster.js';
import { allowed } from './detect/search.js';
import { KINDS } from './object.js';

/** Where a trigger is, as the Service proxy is asked for it. */
export type FnServicePlace = Pick<ServiceCall, 'namespace' | 'service' | 'port' | 'path'>;

/** A Service's name inside the cluster. */
const SERVICE = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.(.+))?$/;

/** Where a trigger's URL leads, if that is a Service of the cluster whose domain is `domain`; else null. */
export function fnServicePlace(endpoint: string, domain: string): FnServicePlace | null {
  const url = new URL(endpoint);
  const [, service, namespace, rest = domain] = SERVICE.exec(url.hostname) ?? [];
  if (service === undefined || namespace === undefined || rest !== domain) return null;
  const port = url.port === '' ? (url.protocol === 'https:' ? 'https:443' : '80') : url.port;
  return { namespace, service, port, path: url.pathname };
}

/**
 * Calls a version once. `uncalled`: why no call could be made, which says nothing against the version: it is not
 * permitted, or there are no Pods behind the Service, and the API server reaches nothing else (Kubernetes 1.36, "Access
 * services running on clusters"). A call that was made and not answered is one that the version did not answer.
 * @param timeoutMs For the whole call, in milliseconds.
 * @throws FnmeshError `unreachable` when the API server does not answer.
 */
export async function callFnService(
  cluster: Pick<Cluster, 'call' | 'get'>,
  place: FnServicePlace,
  call: ReadyCall,
  timeoutMs: number,
): Promise<ReadyResult | { uncalled: string }> {
  const { namespace, service, port, path } = place;
  const name = `Service ${namespace}/${service}`;
  const way = `kubectl get --raw /api/v1/namespaces/${namespace}/services/${service}:${port}/proxy${path}`;
  const began = performance.now();
  try {
    const answer = await cluster.call({ ...place, ...call, timeoutMs });
    const { status, headers, body, unreached } = answer;
    if (unreached !== undefined) {
      const why = `${name}: ${unreached}`;
      if (await isWithoutPods(cluster, place)) return { uncalled: why };
      return {
        ready: false,
        kind: 'unreachable',
        why,
        try: `kubectl -n ${namespace} describe service ${service}`,
      };
    }
    const read = { status, callId: headers['fn-call-id'] !== undefined, text: body };
    const against = judgeReady(read, name, call.method, way);
    return against ?? { ready: true, status, ms: Math.round(performance.now() - began) };
  } catch (error) {
    if (!(error instanceof FnmeshError)) throw error;
    if (error.code === 'config') return { uncalled: error.message };
    if (error.code !== 'not_ready') throw error;
    return { ready: false, kind: 'timeout', why: error.message, try: way };
  }
}

/** Whether the Service is a name for something else, or its endpoints are made by hand: only a selector finds Pods. */
async function isWithoutPods(
  cluster: Pick<Cluster, 'get'>,
  { namespace, service }: FnServicePlace,
): Promise<boolean> {
  const object = await allowed(cluster.get(KINDS.Service, namespace, service));
  if (object == null) return false;
  const { type, selector = {} } = (object['spec'] ?? {}) as {
    type?: string;
    selector?: Record<string, string>;
  };
  return type === 'ExternalName' || Object.keys(selector).length === 0;
}
