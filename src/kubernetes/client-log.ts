// A container's log, line by line (Kubernetes, pods/log).
import { FnmeshError, messageOf } from '../errors.js';
import { NoAnswer } from '../fn/http.js';
import type { ClusterApi } from './client-api.js';
import type { ClusterHttp } from './client-http.js';
import { objectPath, queryOf } from './client-paths.js';
import { refusalOf } from './client-status.js';
import type { LogRequest } from './cluster.js';
import { KINDS } from './object.js';

/** Characters of a line that are kept; the rest is cut off and marked by `…`. */
const LINE = 65_536;

/**
 * The lines as they come, without the empty ones at the end. Ends with the container, or when `signal` aborts.
 * @throws FnmeshError as `refusalOf` says; `unreachable` when the connection breaks off.
 */
export async function* readLog(
  api: ClusterApi,
  http: ClusterHttp,
  request: LogRequest,
): AsyncGenerator<string> {
  const { namespace, pod, container, tail, sinceSeconds, follow, signal } = request;
  const query = queryOf({ container, follow: follow || undefined, tailLines: tail, sinceSeconds });
  const path = `${objectPath(KINDS.Pod, namespace, pod)}/log${query}`;
  const asked = { verb: 'get', kind: KINDS.Pod, subresource: 'log', namespace, name: pod };
  if (signal?.aborted) return;
  let answer;
  try {
    answer = await http.stream({ method: 'GET', path, headers: { accept: '*/*' }, signal });
  } catch (error) {
    if (signal?.aborted) return;
    if (error instanceof NoAnswer) throw api.unanswered(error);
    throw error;
  }
  const { statusCode = 0 } = answer;
  let rest = '';
  let [isCut, isOver] = [false, false];
  try {
    for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) {
      if (statusCode >= 300) {
        rest = (rest + piece).slice(0, LINE);
        continue;
      }
      const lines = piece.split('\n');
      for (const [at, part] of lines.entries()) {
        if (!isCut) rest += part;
        if (rest.length > LINE) [rest, isCut] = [`${rest.slice(0, LINE)}…`, true];
        if (at === lines.length - 1) break;
        yield rest;
        [rest, isCut] = ['', false];
      }
    }
    isOver = true;
    if (statusCode < 300 && rest !== '') yield rest;
  } catch (error) {
    if (signal?.aborted) return;
    throw new FnmeshError(
      'unreachable',
      `the log of Pod ${namespace}/${pod} broke off: ${messageOf(error)}`,
      {
        try: 'the same command again',
        cause: error,
      },
    );
  } finally {
    if (!isOver) answer.destroy();
  }
  if (statusCode >= 300) throw refusalOf({ status: statusCode, body: parsed(rest) }, asked, api.identity);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
