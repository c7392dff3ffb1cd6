// The admin interface of an Envoy: at a URL, or inside a Pod by way of the API server's port-forward.
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { FnmeshError, messageOf } from '../../errors.js';
import type { Cluster } from '../cluster.js';
import type { AdminGet } from './config-dump.js';

/** Where Istio's proxies have it, on the Pod's loopback (Istio 1.31, proxyAdminPort). */
const PORT = 15_000;
/** The largest dumps take a second or two by port-forward; in milliseconds. */
const TIMEOUT_MS = 10_000;

/** Asks the admin interface at a base URL. What it gives throws FnmeshError `unreachable`. */
export function adminAt(url: string): AdminGet {
  const base = new URL(url);
  return async (path) => {
    const send = base.protocol === 'https:' ? (await import('node:https')).request : request;
    const asked = new URL(base.pathname.replace(/\/$/, '') + path, base);
    return body(`Envoy at ${base.host}`, (answered) =>
      send(asked, { ...patiently(), agent: false }, answered),
    );
  };
}

/** Asks the Envoy in a Pod. What it gives throws FnmeshError `unreachable`, and what Cluster throws. */
export function adminIn(cluster: Pick<Cluster, 'connect'>, namespace: string, pod: string): AdminGet {
  return async (path) => {
    const connection = await cluster.connect(namespace, pod, PORT);
    const createConnection = (): Duplex => connection;
    try {
      // Without an agent: one would connect by itself.
      return await body(`Envoy in Pod ${namespace}/${pod}`, (answered) =>
        request({ ...patiently(), createConnection, path }, answered),
      );
    } finally {
      connection.destroy();
    }
  };
}

const patiently = () => ({ signal: AbortSignal.timeout(TIMEOUT_MS) });

/** The body of an answer with status 200. */
function body(
  who: string,
  send: (answered: (answer: IncomingMessage) => void) => ClientRequest,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (why: unknown): void => {
      // A name with several addresses gives an AggregateError, whose own message is empty.
      const cause: unknown = why instanceof AggregateError ? why.errors[0] : why;
      const problem = `${who} did not say which routes it has: ${messageOf(cause)}`;
      const way = 'adminUrl: of the target in fnmesh.yaml, or fnmesh probe, which asks by the front door';
      reject(new FnmeshError('unreachable', problem, { try: way, cause: why }));
    };
    const sent = send((answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('error', failed);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(pieces).toString('utf8'));
        else failed(`it answered ${answer.statusCode}`);
      });
    });
    sent.on('error', failed);
    sent.end();
  });
}
