// Requests to a Service by way of the API server (Kubernetes, "Access services running on clusters").
import { FnmeshError } from '../errors.js';
import { NoAnswer } from '../fn/http.js';
import type { ClusterApi } from './client-api.js';
import type { ClusterHttp, HttpAnswer } from './client-http.js';
import { objectPath } from './client-paths.js';
import type { Status } from './client-status.js';
import { refusalOf, statusOf } from './client-status.js';
import type { ServiceAnswer, ServiceCall } from './cluster.js';
import { KINDS } from './object.js';

/** What would say who asks, or belongs to one connection only: the API server's own headers stand here. */
const NOT_PASSED =
  /^(authorization|host|connection|content-length|transfer-encoding|upgrade|proxy-authorization|impersonate-.*)$/i;

/**
 * Makes one request, and only one: calling a function runs its code. What the API server says itself (no endpoints, the
 * Pod cannot be reached, no such Service) is in the answer's `unreached`; a Service that answers with a Status of
 * Kubernetes' own cannot be told from it.
 * @throws FnmeshError `not_ready` when no answer came in time, `config` for 401 and 403 of the API server.
 */
export async function callService(
  api: ClusterApi,
  http: ClusterHttp,
  call: ServiceCall,
): Promise<ServiceAnswer> {
  const { namespace, service, port, method, path, body, timeoutMs } = call;
  const slash = path.startsWith('/') ? '' : '/';
  const to = `${objectPath(KINDS.Service, namespace)}/${service}:${port}/proxy${slash}${path}`;
  const headers = Object.fromEntries(Object.entries(call.headers).filter(([name]) => !NOT_PASSED.test(name)));
  const answer = await send({ method, path: to, headers, ...(body !== undefined && { body }), timeoutMs });

  async function send(request: Parameters<ClusterHttp['send']>[0], isAgain = false): Promise<HttpAnswer> {
    try {
      return await http.send(request);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      // A kept connection that was closed just now: what only reads is asked once more on a new one.
      if (error.stale && !isAgain && /^(GET|HEAD|OPTIONS)$/.test(method)) return send(request, true);
      if (error.code !== 'TIMEOUT' || !error.arrived) throw api.unanswered(error);
      throw new FnmeshError(
        'not_ready',
        `Service ${namespace}/${service} gives no answer within ${timeoutMs / 1000} s`,
        {
          try: `kubectl -n ${namespace} describe service ${service}`,
          cause: error,
        },
      );
    }
  }

  const text = answer.bytes.toString();
  const status = statusIn(answer, text);
  if (status !== null && (answer.status === 401 || answer.status === 403)) {
    const verb = VERBS[method] ?? 'create';
    const asked = { verb, kind: KINDS.Service, subresource: 'proxy', namespace, name: service };
    throw refusalOf({ status: answer.status, body: status }, asked, api.identity);
  }
  return {
    status: answer.status,
    headers: Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    ),
    body: text,
    ...(status !== null && { unreached: status.message ?? `status ${answer.status}` }),
  };
}

/** The verb that RBAC sees (Kubernetes, "Determine the Request Verb"). */
const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** The API server's own words, if the answer is its own. */
function statusIn({ status, headers }: HttpAnswer, text: string): Status | null {
  if (status < 400 || !/^application\/json/.test(headers['content-type'] ?? '')) return null;
  try {
    const found = statusOf(JSON.parse(text));
    return found?.code === status ? found : null;
  } catch {
    return null;
  }
}
