// Fn API v2 over HTTP, as fnproject/fn 0.3.753 answers it; where that server errs, what it should have answered.
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { PROTOCOL } from '../control/protocol.js';
import { FnmeshError } from '../errors.js';
import { ApiError } from '../fn/api-error.js';
import { methodsOf, type Answer } from './fn-api/endpoints.js';
import { readText } from './fn-api/read-text.js';
import { refusal, type AllowedHosts } from './guard.js';
import type { State } from './state.js';

/** How the API is served. */
export type FnApiOptions = {
  /** fnmesh's own version, for the header that names the embedded server. */
  version: string;
  /** Hosts that management requests may name besides loopback and `*.localhost`. */
  allowedHosts?: AllowedHosts;
  /** Called with what is a fault of the server's own, not of the request. */
  onError?: (error: unknown) => void;
};

/** The header by which the embedded server names itself on every answer. */
function serverHeader(version: string): [name: string, value: string] {
  return ['Fnmesh-Server', `${version}; protocol=${PROTOCOL}`];
}

/**
 * Makes the handler of everything that is no call of a function: it answers every request, unknown paths with 404.
 * Whoever mounts it takes out `/invoke/` and `/t/` before. It never throws.
 */
export function fnApi(
  state: State,
  options: FnApiOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const [name, value] = serverHeader(options.version);
  return async (request, response) => {
    response.setHeader(name, value);
    try {
      await answer(state, options, request, response);
    } catch (error) {
      if (!(error instanceof ApiError)) options.onError?.(error);
      sendError(response, error);
    }
  };
}

async function answer(
  state: State,
  { allowedHosts }: FnApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const cut = url.indexOf('?');
  const rawPath = cut < 0 ? url : url.slice(0, cut);
  const path = decoded(rawPath);
  // Looked at before the path is: an unknown one must not tell a web page more than a known one.
  if (path === '/v2' || path.startsWith('/v2/')) checkSender(request, allowedHosts);

  const target = methodsOf(path);
  if (!target) {
    if (rawPath.endsWith('/') && methodsOf(path.slice(0, -1))?.methods[method]) {
      return redirect(response, method, rawPath.slice(0, -1) + (cut < 0 ? '' : url.slice(cut)));
    }
    throw new ApiError(404, `Path not found: ${method} ${path}`);
  }
  const endpoint = Object.hasOwn(target.methods, method) ? target.methods[method] : undefined;
  if (!endpoint) throw new ApiError(405, `Method not allowed: ${method} ${path}`);
  const query = new URLSearchParams(cut < 0 ? '' : url.slice(cut + 1));
  const base = `http://${request.headers.host ?? 'localhost'}`;
  send(
    response,
    await endpoint({ objects: state.objects, id: target.id, query, base, body: () => readText(request) }),
  );
}

function checkSender(request: IncomingMessage, allowed: AllowedHosts = []): void {
  const { host = [], origin, 'sec-fetch-site': site } = request.headersDistinct;
  const why = refusal({ host, origin: origin?.[0], secFetchSite: site?.[0] }, allowed);
  if (why !== null) throw new ApiError(403, why);
}

function send(response: ServerResponse, answer: Answer): void {
  if ('json' in answer) return sendJson(response, 200, JSON.stringify(answer.json));
  // The real server labels an empty 204, and does not label an empty 410.
  if (answer.status === 204) response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  else response.setHeader('Content-Length', 0);
  response.writeHead(answer.status).end();
}

function sendJson(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(json),
  });
  response.end(json);
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const status = error instanceof ApiError ? error.status : 500;
  // A full disk is worth telling; anything else unforeseen is Fn's own text.
  const known = error instanceof ApiError || error instanceof FnmeshError;
  const message = known ? error.message : 'internal server error';
  sendJson(response, status, `${JSON.stringify({ message })}\n`);
}

function redirect(response: ServerResponse, method: string, location: string): void {
  response.setHeader('Location', location);
  if (method !== 'GET') return void response.writeHead(307, { 'Content-Length': 0 }).end();
  const page = `<a href="${escapeHtml(location)}">${STATUS_CODES[301]}</a>.\n\n`;
  response.writeHead(301, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(page),
  });
  response.end(page);
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;');
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new ApiError(400, `Invalid URL: ${path}`);
  }
}
