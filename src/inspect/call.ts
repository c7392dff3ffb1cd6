import { FnmeshError } from '../errors.js';
import { headerOf, type GatewayClient } from '../router/gateway-client.js';
import type { PinHeader, Router, RouteTable, VersionRef } from '../router/router.js';
import { nearest } from '../routing/near.js';
import { routeOf } from './route-of.js';

/** One request to a function, perhaps pinned to a version. */
export type CallOptions = {
  function: string;
  version?: string | undefined;
  method: string;
  /** With a leading `?`, or ''. */
  query: string;
  headers: [name: string, value: string][];
  body?: Buffer | undefined;
};

/** What the function answered. `body` is text where it is UTF-8, else base64 with `encoding` saying so. */
export type CallResult = {
  function: string;
  version: string | null;
  callId: string | null;
  status: number;
  headers: [name: string, value: string][];
  encoding: 'utf8' | 'base64';
  body: string;
  ms: number;
};

/**
 * Calls a function through the gateway as any client does; a version pins the request.
 * @throws FnmeshError `not_found` for an unknown version, `unreachable` without a gateway.
 */
export async function callFunction(
  table: RouteTable,
  gatewayUrl: string,
  client: GatewayClient,
  pin: Router['pin'],
  options: CallOptions,
): Promise<CallResult> {
  const { route } = routeOf(table, options.function);
  const { version } = options;
  const headers = [...options.headers];
  if (version !== undefined) {
    if (!Object.hasOwn(route.split, version)) {
      throw new FnmeshError(
        'not_found',
        `${route.function} has no version ${version}; it has ${Object.keys(route.split).join(', ')}`,
        {
          try: `fnmesh call ${route.function}/${nearest(version, Object.keys(route.split))[0] ?? Object.keys(route.split)[0]}`,
        },
      );
    }
    headers.push(await pinned(pin, { app: table.app, function: route.function, version }));
  }
  const { method, body } = options;
  const reply = await client.send({
    gatewayUrl,
    host: route.host,
    path: route.path + options.query,
    method,
    headers,
    body,
  });
  const text = reply.body.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(reply.body);
  return {
    function: route.function,
    version: headerOf(reply, 'fnmesh-version') ?? null,
    callId: headerOf(reply, 'fn-call-id') ?? null,
    status: reply.status,
    headers: reply.headers,
    encoding: isText ? 'utf8' : 'base64',
    body: isText ? text : reply.body.toString('base64'),
    ms: Math.round(reply.ms * 10) / 10,
  };
}

/**
 * The header that pins a request to a version.
 * @throws FnmeshError `config` where pins are off.
 */
export async function pinned(
  pin: Router['pin'],
  version: VersionRef,
): Promise<[name: string, value: string]> {
  const header: PinHeader | null = await pin(version);
  if (header !== null) return [...header];
  throw new FnmeshError(
    'config',
    `${version.function}/${version.version} cannot be called alone: pins are off`,
    {
      try: 'pin: secret for the target in fnmesh.yaml, then fnmesh wire',
    },
  );
}
