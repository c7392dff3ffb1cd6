// What a registry's answers and broken connections mean, and what helps.
import { FnmeshError, messageOf } from '../../errors.js';
import { isLoopback } from '../../loopback.js';
import type { Reply } from './http.js';

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
]);

/** The code of a connection error; a name with several addresses gives one error with all of them inside. */
export function codeOf(error: unknown): string | undefined {
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return (one as NodeJS.ErrnoException | undefined)?.code;
}

/** Whether TLS was spoken to a server that speaks plain http. */
export function isPlain(error: unknown): boolean {
  return codeOf(error) === 'EPROTO' || /^ERR_SSL_(WRONG_VERSION|PACKET_LENGTH)/.test(codeOf(error) ?? '');
}

/** The error for a registry to which there was no connection, or whose connections break. */
export function unreachable(host: string, error: unknown): FnmeshError {
  if (error instanceof FnmeshError) return error;
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (UNTRUSTED.has(codeOf(error) ?? '')) {
    return new FnmeshError('unreachable', `the certificate of ${host} is not trusted: ${messageOf(cause)}`, {
      try: `NODE_EXTRA_CA_CERTS=/path/to/ca.pem fnmesh …, or --insecure`,
      cause,
    });
  }
  if (isPlain(error)) {
    return new FnmeshError(
      'unreachable',
      `${host} speaks plain http, so anyone on the way could read logins`,
      {
        try: 'put TLS in front of the registry, or add --insecure',
        cause,
      },
    );
  }
  const code = codeOf(error);
  if (code === undefined || code === 'ECONNRESET' || code === 'EPIPE') {
    return new FnmeshError('unreachable', `${host} keeps breaking off: ${messageOf(cause)}`, {
      try: 'try again; a proxy in front of the registry may limit uploads (nginx: client_max_body_size)',
      cause,
    });
  }
  return new FnmeshError('unreachable', `no registry answers at ${host}: ${messageOf(cause)}`, {
    try: `curl -i ${urlOf(host)}/v2/`,
    cause,
  });
}

function urlOf(host: string): string {
  const plain = `http://${host}`;
  return isLoopback(new URL(plain).hostname) ? plain : `https://${host}`;
}

/** The error for a server that is something else than a registry. */
export function notARegistry(host: string, reply: Reply): FnmeshError {
  const what = /html/.test(reply.headers['content-type'] ?? '') ? 'a web page' : `status ${reply.status}`;
  return new FnmeshError('unreachable', `${host} is not a container registry: GET /v2/ gives ${what}`, {
    try: 'name a registry with --registry HOST/PATH (FN_REGISTRY)',
  });
}

/** The error for a registry that wants a login, or another one. */
export function loginRefused(host: string, hadLogin: boolean): FnmeshError {
  const what = hadLogin ? `${host} does not take the login that is known for it` : `${host} wants a login`;
  return new FnmeshError('failed', what, { try: `docker login ${host}` });
}

/**
 * The error for an answer that means no.
 * @param doing What was asked for, such as `the manifest of team/cart`.
 * @param secrets Not shown, even where the registry repeats them.
 */
export function refusal(
  host: string,
  repository: string,
  doing: string,
  reply: Reply,
  secrets: readonly string[],
): FnmeshError {
  const { status } = reply;
  const said = saidIn(reply, secrets);
  const failed = (message: string, help: string): FnmeshError =>
    new FnmeshError('failed', said === '' ? message : `${message}: ${said}`, { try: help });
  if (status === 403) {
    return failed(
      `${host} does not let you push to ${repository}`,
      `docker login ${host} as somebody who may, or choose another --registry`,
    );
  }
  if (status === 404) {
    return failed(
      `${host} has no repository ${repository}, and makes none`,
      'create it there, or choose another --registry',
    );
  }
  if (status === 405) {
    return failed(
      `${host} takes no pushes (a mirror?)`,
      'choose a registry that can be pushed to with --registry',
    );
  }
  if (status === 413) {
    return failed(
      `${host} says that ${doing} is too large`,
      'raise the limit of the proxy in front of the registry (nginx: client_max_body_size)',
    );
  }
  if (status === 429) return failed(`${host} wants fewer requests, and kept saying so`, 'try again later');
  if (status >= 500) {
    return failed(`${host} fails with status ${status} on ${doing}`, `try again, or read the log of ${host}`);
  }
  return failed(
    `${host} refuses ${doing} with status ${status}`,
    `curl -i ${urlOf(host)}/v2/${repository}/tags/list`,
  );
}

/** The registry's own words (distribution-spec, error codes), without line breaks and secrets. */
function saidIn({ body }: Reply, secrets: readonly string[]): string {
  let text: string;
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: unknown; message?: unknown }[] };
    text = (errors ?? []).map(({ code, message }) => [code, message].filter(Boolean).join(' ')).join('; ');
  } catch {
    return '';
  }
  for (const secret of secrets) text = text.replaceAll(secret, '***');
  return [...text]
    .map((c) => (c < ' ' || c === '\u007f' ? ' ' : c))
    .join('')
    .slice(0, 200)
    .trim();
}
