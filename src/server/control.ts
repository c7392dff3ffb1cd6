// The control socket: what only the owner of the state folder may do and see. HTTP with JSON on a unix socket.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type {
  BuildRegistration,
  ControlCalls,
  ControlError,
  FunctionState,
  LogLine,
  ServerInfo,
  WarmRequest,
  WarmResult,
} from '../control/protocol.js';
import { FnmeshError, messageOf } from '../errors.js';
import type { Change, Reason, RouteChange, RouteTable, Served, VersionTraffic } from '../router/router.js';

/** What the control calls are answered from. */
export interface Controlled {
  info(): ServerInfo;
  routedApps(): string[];
  routes(app: string): RouteTable;
  writeRoutes(changes: RouteChange[], reason: Reason): Promise<RouteTable>;
  history(app: string, fn: string | undefined): Change[];
  traffic(app: string): Record<string, VersionTraffic[]>;
  served(app: string, fn: string): Served | null;
  drained(app: string, fn: string, version: string, timeoutMs: number): Promise<boolean>;
  registerBuilds(builds: BuildRegistration[]): Promise<void>;
  builds(): BuildRegistration[];
  warm(request: WarmRequest): Promise<WarmResult>;
  functions(app: string): FunctionState[];
  /** The last lines of the fns, then, when asked to follow, each new one until the returned function is called. */
  logs(
    fnIds: string[],
    tail: number,
    follow: ((line: LogLine) => void) | undefined,
  ): { lines: LogLine[]; stop: () => void };
  stop(): void;
}

/** The largest body of a control call, in bytes: a write of 10,000 routes has its place. */
const MOST_BYTES = 64 * 1024 * 1024;

/** How much of a followed log may wait for its reader, in bytes; the last 8 MiB of all lines fit. */
const MOST_UNREAD = 16 * 1024 * 1024;

type Names = { [Name in keyof ControlCalls]: ControlCalls[Name]['call'] }[keyof ControlCalls];
type Ask = { query: URLSearchParams; body: unknown; response: ServerResponse };

/**
 * Serves the control calls at the socket's path, which only its owner can open; a file that an ended server left
 * there is replaced.
 */
export function serveControl(path: string, controlled: Controlled): Promise<Server> {
  const calls = answers(controlled);
  // Thousands of fns may be named in one query.
  const server = createServer(
    { maxHeaderSize: 1024 * 1024 },
    (request, response) => void answer(calls, request, response),
  );
  // Following logs lasts as long as the reader wants.
  server.requestTimeout = 0;
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    // The socket is made without rights for others, not stripped of them afterwards.
    const mask = process.umask(0o177);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
    process.umask(mask);
  });
}

/** One entry per call; undefined = the answer was written already. */
function answers(controlled: Controlled): Record<Names, (ask: Ask) => unknown> {
  return {
    'GET /': () => controlled.info(),
    'GET /apps': () => controlled.routedApps(),
    'GET /routes': ({ query }) => controlled.routes(needed(query, 'app')),
    'POST /routes': ({ body }) => {
      const { changes, reason } = body as ControlCalls['write']['body'];
      return controlled.writeRoutes(changes, reason);
    },
    'GET /history': ({ query }) =>
      controlled.history(needed(query, 'app'), query.get('function') ?? undefined),
    'GET /traffic': ({ query }) => controlled.traffic(needed(query, 'app')),
    'GET /served': ({ query }) => controlled.served(needed(query, 'app'), needed(query, 'function')),
    'GET /drained': async ({ query }) => {
      const timeoutMs = Number(query.get('timeoutMs') ?? 0);
      const [app, fn, version] = [needed(query, 'app'), needed(query, 'function'), needed(query, 'version')];
      return { drained: await controlled.drained(app, fn, version, timeoutMs) };
    },
    'POST /builds': async ({ body }) => {
      const builds = body as BuildRegistration[];
      await controlled.registerBuilds(builds);
      return { registered: builds.length };
    },
    'GET /builds': () => controlled.builds(),
    'POST /warm': ({ body }) => controlled.warm(body as WarmRequest),
    'GET /functions': ({ query }) => controlled.functions(needed(query, 'app')),
    'GET /logs': ({ query, response }) => {
      // A reader that does not read must not make the server hold what all functions write: it loses lines.
      const write = (line: LogLine): void => {
        if (response.writableLength < MOST_UNREAD) response.write(`${JSON.stringify(line)}\n`);
      };
      const follow = query.get('follow') === '1';
      const { lines, stop } = controlled.logs(
        query.getAll('fnId'),
        Number(query.get('tail') ?? 100),
        follow ? write : undefined,
      );
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.flushHeaders();
      for (const line of lines) write(line);
      if (!follow) response.end();
      response.on('close', stop);
      return undefined;
    },
    'POST /stop': () => {
      // After the answer is on its way.
      setImmediate(() => controlled.stop());
      return { stopping: true };
    },
  };
}

async function answer(
  calls: Record<Names, (ask: Ask) => unknown>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://control');
    const name = `${request.method} ${url.pathname}`;
    const text = await readBody(request);
    const call = Object.hasOwn(calls, name) ? calls[name as Names] : undefined;
    if (!call)
      throw new FnmeshError(
        'not_found',
        `the embedded server knows no call ${name}: it may be older than this fnmesh`,
      );
    const result = await call({
      query: url.searchParams,
      body: text ? JSON.parse(text) : undefined,
      response,
    });
    if (result !== undefined) send(response, 200, result);
  } catch (error) {
    const known = error instanceof FnmeshError ? error : undefined;
    const code: ControlError['code'] =
      known?.code === 'conflict' || known?.code === 'not_found' || known?.code === 'usage'
        ? known.code
        : 'failed';
    const status = { conflict: 409, not_found: 404, usage: 400, failed: 500 }[code];
    if (!known) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    const way = known?.try === undefined ? {} : { try: known.try };
    send(response, status, { code, message: messageOf(error), ...way } satisfies ControlError);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return void response.destroy();
  const payload = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': payload.length });
  response.end(payload);
}

function needed(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value) return value;
  throw new FnmeshError('usage', `the call needs ?${name}=`);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new FnmeshError('usage', `a control call's body is limited to ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
