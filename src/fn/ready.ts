// Whether a version on a real Fn server can take traffic: one call of it tells. Nothing else does, for Fn pulls its
// image and starts it only when it is called.
import type { IncomingMessage, RequestOptions } from 'node:http';
import { messageOf } from '../errors.js';

/** The call to make. Its headers are sent as they stand. */
export type ReadyCall = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** What kept a version from taking traffic. `missing`: no such trigger there; `odd`: an answer not of Fn's. */
type UnreadyKind = 'pull' | 'init' | 'timeout' | 'missing' | 'unreachable' | 'odd';

/**
 * What a call told. `status` is what the function answered, `ms` how long it took, in milliseconds. `why` has Fn's own
 * words, if any, and what usually causes them; `try` one command or edit.
 */
export type ReadyResult =
  | { ready: true; status: number; ms: number }
  | { ready: false; kind: UnreadyKind; why: string; try?: string };

/** An answer, of which the first part of the body is enough. `callId`: it has an Fn-Call-Id. */
export type ReadyAnswer = { status: number; callId: boolean; text: string };

/** How much of a body is read, in bytes, and how much of a message is shown, in characters. */
const MOST_READ = 64 * 1024;
const MOST_SHOWN = 300;
/** How much of a message is looked at, in characters. */
const MOST_MATCHED = 4096;

/**
 * Calls a version once by its trigger's URL. It is ready when anything of its own came back: any answer with an
 * Fn-Call-Id but those by which Fn says that it could not pull, start or wait for it (fnproject/fn 0.3.753,
 * api/models/error.go).
 * @param timeoutMs How long the whole call may take, in milliseconds. Pulling a large image takes minutes.
 */
export async function readyCall(endpoint: string, call: ReadyCall, timeoutMs: number): Promise<ReadyResult> {
  const started = performance.now();
  const { host, origin, pathname } = new URL(endpoint);
  const curl = `curl -i ${origin}${pathname}`;
  try {
    const answer = await ask(endpoint, call, timeoutMs);
    if (answer === 'late') {
      const why = `no answer from ${host} within ${timeoutMs / 1000} s`;
      return { ready: false, kind: 'timeout', why, try: curl };
    }
    const ms = Math.round(performance.now() - started);
    return judgeReady(answer, host, call.method, curl) ?? { ready: true, status: answer.status, ms };
  } catch (error) {
    // A name with several addresses gives an AggregateError, whose own message is empty.
    const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
    const why = `no answer from ${host}: ${shown(messageOf(cause))}`;
    const untrusted = /CERT|SIGNATURE|ISSUER/.test((cause as NodeJS.ErrnoException).code ?? '');
    const way = untrusted ? 'export NODE_EXTRA_CA_CERTS=FILE, with the CA in it' : curl;
    return { ready: false, kind: 'unreachable', why, try: way };
  }
}

/**
 * What an answer says against the version; null: it is ready.
 * @param host Who answered, for messages. @param curl The command that asks the same.
 */
export function judgeReady(
  { status, callId, text }: ReadyAnswer,
  host: string,
  method: string,
  curl: string,
): Extract<ReadyResult, { ready: false }> | null {
  const message = messageIn(text);
  const not = (kind: UnreadyKind, cause: string, way: string): Extract<ReadyResult, { ready: false }> => {
    return { ready: false, kind, why: `"${shown(message)}" (${cause})`, try: way };
  };
  if (status >= 400) {
    if (message.startsWith('Failed to pull image')) return not('pull', ...pullCause(message));
    if (message === 'Image pull timed out') {
      return not(
        'pull',
        'the image is large or the registry slow; Fn gives up after ten minutes',
        'fnmesh deploy',
      );
    }
    if (/^Container (failed to initialize|initialization timed out)/.test(message)) {
      const cause =
        'usually the image is for another platform, its program ends or does not listen on FN_LISTENER, or its FDK is ' +
        'old; what it wrote goes to the syslog_url of its app';
      return not('init', cause, 'syslog_url: tcp://HOST:PORT in app.yaml, then fnmesh deploy');
    }
    if (message.startsWith('Requested CPU/Memory cannot be allocated')) {
      return not(
        'init',
        'its memory is more than any of the server’s machines has',
        'a lower memory: in func.yaml',
      );
    }
    if (status === 504 && message === 'Timed out') {
      return not(
        'timeout',
        'it took longer than its timeout',
        'a higher timeout: in func.yaml, or another probe: in fnmesh.yaml',
      );
    }
    if (status === 503 && message.startsWith('Timed out')) {
      return not('timeout', 'the server has no room for it now', 'fnmesh deploy');
    }
    if (!callId && /^(App|Fn|Trigger) not found$/.test(message)) {
      return not('missing', 'its trigger is not on this server', 'fnmesh deploy');
    }
    if (!callId && message.startsWith('Path not found')) {
      return not(
        'missing',
        'this node of Fn calls no functions',
        'fn: {invoke: URL of a load balancer} in fnmesh.yaml',
      );
    }
  }
  const where = `${host} answered ${status}`;
  if (!callId) {
    const said = message === '' ? '' : `: "${shown(message)}"`;
    const why = `${where} without an Fn-Call-Id, so it was no function's answer${said}`;
    return { ready: false, kind: 'odd', why, try: curl };
  }
  if (method === 'HEAD' && (status === 502 || status === 504)) {
    const why = `${where}, and to HEAD Fn does not say why`;
    return { ready: false, kind: 'odd', why, try: 'probe: {method: GET} in fnmesh.yaml' };
  }
  return null;
}

/** What usually stands behind a failed pull, and what helps. */
function pullCause(message: string): [cause: string, way: string] {
  const reason = message.replace(/^Failed to pull image '[^']*':?/, '');
  if (/no matching manifest|platform|architecture/i.test(reason)) {
    return ['the image is not for the server’s platform', 'fnmesh deploy --platform linux/amd64'];
  }
  if (/manifest.*unknown|not found|name unknown/i.test(reason)) {
    return ['there is no such image in the registry', 'fnmesh deploy'];
  }
  if (/denied|unauthori[sz]ed|authenti|credentials|forbidden|login/i.test(reason)) {
    return ['the registry is private, or there is no such image', AUTH];
  }
  if (/connect|no such host|lookup|timeout|x509|HTTP response to HTTPS|EOF/i.test(reason)) {
    return [
      'the server cannot reach the registry, or does not trust it',
      'docker pull IMAGE on the Fn server',
    ];
  }
  return ['usually a private registry, a wrong name, or an image for another platform', AUTH];
}

const AUTH = 'FN_DOCKER_AUTH on the Fn server, with the JSON of a Docker config that is logged in';

async function ask(endpoint: string, call: ReadyCall, timeoutMs: number): Promise<ReadyAnswer | 'late'> {
  const { request } = endpoint.startsWith('https:') ? await import('node:https') : await import('node:http');
  const body = call.body === undefined ? undefined : Buffer.from(call.body);
  const options: RequestOptions = {
    method: call.method,
    headers: { ...call.headers, ...(body && { 'content-length': body.length }) },
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(endpoint, options, (answer: IncomingMessage) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      const done = (): void => {
        clearTimeout(limit);
        const { statusCode = 0, headers } = answer;
        resolve({
          status: statusCode,
          callId: headers['fn-call-id'] !== undefined,
          text: Buffer.concat(pieces).toString(),
        });
        outgoing.destroy();
      };
      answer.on('data', (piece: Buffer) => {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes >= MOST_READ) done();
      });
      answer.on('end', done);
      answer.on('error', reject);
    });
    const limit = setTimeout(() => {
      resolve('late');
      outgoing.destroy();
    }, timeoutMs);
    outgoing.on('error', (error) => {
      clearTimeout(limit);
      reject(error);
    });
    outgoing.on('close', () => {
      clearTimeout(limit);
      reject(new Error('the connection was closed'));
    });
    outgoing.end(body);
  });
}

/** The `message` of Fn's JSON, of which some errors have two; else the text's first line. Up to MOST_MATCHED long. */
function messageIn(text: string): string {
  const line = text.trim().split('\n', 1)[0]!.trimEnd();
  for (const json of [text, line]) {
    try {
      const said = (JSON.parse(json) as { message?: unknown } | null)?.message;
      if (typeof said === 'string') return said.slice(0, MOST_MATCHED);
    } catch {
      // Plain text, or HTML of something that stands before Fn.
    }
  }
  return line.slice(0, MOST_MATCHED);
}

/** A server's words as they may be printed: one line of bounded length, nothing that a terminal obeys. */
function shown(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return plain.length > MOST_SHOWN ? `${plain.slice(0, MOST_SHOWN)}…` : plain;
}
