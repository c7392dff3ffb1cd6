// What an Fn server's answer, or the want of one, means to the user: each its own text and way out. Pure.
import { FnmeshError } from '../errors.js';
import { isLoopback } from '../loopback.js';
import type { Answer, Connection, NoAnswer } from './http.js';
import { withoutLogin } from './login.js';
import { isPage } from './retry.js';

/** A request as it is named in texts. */
export type Asked = { method: string; path: string };

/** What a server that is no Fn server with API v2 says to further questions; null: nothing. */
export type Evidence = { version: Answer | null; v1: Answer | null };

const CODES: Record<number, 'config' | 'not_found' | 'conflict'> = {
  400: 'config',
  404: 'not_found',
  409: 'conflict',
};

/** What an Fn server says in an error: the first line, as some come twice in one body and some as plain text. */
function said({ status, body }: Answer): string {
  const message = messageIn(body);
  return typeof message === 'string' && message !== '' ? message : `status ${status}`;
}

/** Whether an answer is an object of Fn's that is not there: Fn's own 404, not a proxy's. */
export function isNotFound(answer: Answer): boolean {
  return answer.status === 404 && /^(App|Fn|Trigger) not found/.test(said(answer));
}

/** Whether an answer of 300 and more is Fn's own, of API v2. */
export function isFnRefusal(answer: Answer): boolean {
  if (answer.status < 400) return false;
  if (answer.status === 404) return isNotFound(answer);
  return !(answer.status === 400 && /HTTPS (server|port)/i.test(said(answer)));
}

/** The error for what an Fn server refuses. */
export function refused({ url, token }: Connection, asked: Asked, answer: Answer): FnmeshError {
  const words = withoutSecrets(said(answer), token);
  const { status, headers } = answer;
  if ((status === 401 || status === 403) && headers['fnmesh-server'] === undefined) {
    return token === undefined
      ? new FnmeshError('failed', `${url} wants a token: ${words}`, { try: 'export FN_TOKEN=…' })
      : new FnmeshError('failed', `${url} does not take the token that it was sent (FN_TOKEN): ${words}`, {
          try: 'export FN_TOKEN=… with a token that is still valid',
        });
  }
  const where = `(${asked.method} ${asked.path.replace(/\?.*/, '')})`;
  if (status === 429 || (status >= 502 && status <= 504)) {
    return new FnmeshError('failed', `the Fn server ${url} cannot answer just now: ${words} ${where}`, {
      try: 'run the command again later: it does only what is left',
    });
  }
  return new FnmeshError(CODES[status] ?? 'failed', `${words} ${where}`);
}

/** The error for an answer that is not Fn's, of API v2. */
export function notFn(connection: Connection, asked: Asked, answer: Answer, evidence: Evidence): FnmeshError {
  const { url } = connection;
  const fail = (what: string, way: string): FnmeshError => new FnmeshError('unreachable', what, { try: way });
  const to = answer.headers.location;
  if (answer.status >= 300 && answer.status < 400 && to !== undefined) {
    const base = baseOf(to, url, asked.path);
    const text = `${url} redirects to ${base}: use that URL, as what is sent on a redirect may get lost`;
    return fail(text, `export FN_API_URL=${base}`);
  }
  if (answer.status === 400 && /HTTPS (server|port)/i.test(said(answer))) {
    const secure = url.replace(/^http:/, 'https:');
    return fail(`${url} wants https`, `export FN_API_URL=${secure}`);
  }
  const version = (evidence.version?.body as { version?: unknown } | undefined)?.version;
  const named = typeof version === 'string' ? ` (it is ${version.slice(0, 40)})` : '';
  if (evidence.v1?.status === 200 && Array.isArray((evidence.v1.body as { apps?: unknown } | null)?.apps)) {
    return fail(
      `the Fn server ${url} predates API v2, which came with 0.3.563 in 2018${named}`,
      'upgrade it: docker pull fnproject/fnserver:latest',
    );
  }
  const words = withoutSecrets(said(answer), connection.token);
  if (answer.status === 404 && /^(Path not found|Method not allowed)/.test(words)) {
    return fail(
      `${url} is an Fn node without API v2, by its looks a load balancer (FN_NODE_TYPE=lb): fnmesh needs the URL of the API node`,
      'export FN_API_URL=http://API-NODE:8080',
    );
  }
  const { body } = answer;
  const page = typeof body === 'string' && isPage(body) ? 'a web page' : undefined;
  const what = page ?? (answer.status < 400 && typeof body !== 'string' ? 'JSON of another kind' : words);
  return fail(
    `${url} is no Fn server: ${asked.method} ${asked.path.replace(/\?.*/, '')} gives ${what}${answer.status === 200 ? '' : ` (status ${answer.status})`}`,
    `curl ${url}/version`,
  );
}

/** The error for a request without an answer. */
export function unreachable({ url, timeoutMs }: Connection, error: NoAnswer): FnmeshError {
  const { hostname, port } = new URL(url);
  const fail = (what: string, way: string): FnmeshError =>
    new FnmeshError('unreachable', what, { try: way, cause: error });
  switch (error.code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return fail(
        `the certificate of ${url} is signed by itself or by an authority that is not known here (${error.code})`,
        'export NODE_EXTRA_CA_CERTS=FILE with that authority’s certificate, as PEM',
      );
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return fail(
        `the certificate of ${url} has expired or is not valid yet (${error.code}): renew it, or set this machine’s clock`,
        `openssl s_client -connect ${hostname}:${port || 443} </dev/null | openssl x509 -noout -dates`,
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return fail(
        `the certificate of ${url} is for another host name: ${error.message.replace(/^.*altnames: /s, '')}`,
        'export FN_API_URL=https:// with a name that is in the certificate',
      );
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return fail(`${url} does not speak https`, `export FN_API_URL=${url.replace(/^https:/, 'http:')}`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail(
        `no Fn server answers at ${url}: the name ${hostname} is not known (${error.code})`,
        'correct --api-url, FN_API_URL or the Fn context',
      );
    case 'TIMEOUT':
      return fail(
        `no Fn server answers at ${url}: ${error.message}`,
        `curl -m ${Math.ceil(timeoutMs / 1000)} ${url}/version`,
      );
    default:
      return fail(
        `no Fn server answers at ${url}: ${error.message}`,
        error.code === 'ECONNREFUSED' && isLoopback(hostname) ? 'fnmesh start' : `curl ${url}/version`,
      );
  }
}

/** Neither a token nor the login of a syslog_url must come back out of what a server says. */
function withoutSecrets(words: string, token: string | undefined): string {
  const shown = /syslog/i.test(words) ? withoutLogin(words) : words;
  return token ? shown.replaceAll(token, '…') : shown;
}

/** Where a redirect leads, without the path that was asked for. */
function baseOf(location: string, url: string, path: string): string {
  try {
    const to = new URL(location, url);
    const asked = new URL(url + path).pathname.slice(new URL(url).pathname.replace(/\/$/, '').length);
    const base = to.pathname.endsWith(asked) ? to.pathname.slice(0, -asked.length) : '';
    return to.origin + base;
  } catch {
    return location.slice(0, 200);
  }
}

function messageIn(body: unknown): unknown {
  if (typeof body !== 'string') return (body as { message?: unknown } | null)?.message;
  if (isPage(body)) return undefined;
  const line = body.split('\n')[0]?.slice(0, 200) ?? '';
  try {
    return (JSON.parse(line) as { message?: unknown } | null)?.message;
  } catch {
    return line;
  }
}
