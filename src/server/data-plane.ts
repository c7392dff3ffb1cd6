// Everything that calls functions: the invocation paths of the Fn port, and the gateway port.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pathOfTarget } from '../routing/match.js';
import type { Catalog } from './catalog.js';
import type { Functions } from './functions/functions.js';
import type { Gateway } from './gateway.js';
import { createGateway } from './gateway.js';
import { createInvoke } from './invoke.js';
import { createTrigger } from './trigger.js';
import { createUpstream } from './upstream.js';

/** What the data plane needs. `maxRequestSize` in bytes, `upstreamTimeoutMs` how long another Fn server may take. */
export type DataPlaneOptions = {
  catalog: Catalog;
  functions: Functions;
  maxRequestSize: number;
  upstreamTimeoutMs?: number;
};

/** Handlers for both ports. */
export interface DataPlane {
  /** Handles `/invoke`, `/t` and `/r` of the Fn port; false when the request is for none of them. */
  fn(req: IncomingMessage, res: ServerResponse): boolean;
  gateway: Gateway;
  /** Closes the connections to other Fn servers. */
  close(): void;
}

/** The data plane over a catalog. */
export function createDataPlane(options: DataPlaneOptions): DataPlane {
  const invoke = createInvoke(options);
  const trigger = createTrigger(options);
  const upstream = createUpstream(options.upstreamTimeoutMs);
  return {
    fn(req, res) {
      const path = pathOfTarget(req.url!);
      if (isBelow(path, '/t') || isBelow(path, '/r')) trigger(req, res);
      else if (isBelow(path, '/invoke')) invoke(req, res);
      else return false;
      return true;
    },
    gateway: createGateway({ ...options, upstream }),
    close: () => upstream.close(),
  };
}

/** Whether the path is `root` or lies below it. */
function isBelow(path: string, root: string): boolean {
  return path.startsWith(root) && (path.length === root.length || path[root.length] === '/');
}
