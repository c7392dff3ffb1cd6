// The gateway: one address per function, its requests split between the function's versions. An app's functions answer
// on the host `<app>.localhost`, and on any host below `/.app/<app>`, which functions call each other by.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RoutedFunction, Served, VersionTraffic } from '../router/router.js';
import { decide } from '../routing/decide.js';
import type { RequestHead } from '../routing/decide.js';
import { createDraw } from '../routing/draw.js';
import type { Draw } from '../routing/draw.js';
import { pathOfTarget } from '../routing/match.js';
import type { AppName, FunctionName, VersionName } from '../routing/route.js';
import { readBody } from './body.js';
import { VersionCounters } from './counters.js';
import { appOfPlace, placeOf, type Place } from './host.js';
import { sendMessage } from './http-call.js';
import type { InvokeOptions } from './invoke.js';
import { noRoute } from './no-route.js';
import { TRIGGER_METHODS, requestTooLarge } from './request.js';
import { callTrigger } from './trigger.js';
import type { Upstream } from './upstream.js';

/** The gateway and what it can tell about its traffic. */
export interface Gateway {
  /** Handles every request of the gateway's port. */
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** Counters per version, in the order of the split; versions that have left the split are not told. */
  traffic(app: AppName, fn: FunctionName): VersionTraffic[];
  /** What the next request of a function will be decided by; null when it has no route. */
  served(app: AppName, fn: FunctionName): Served | null;
  /** Resolves when no request to the version is under way, or with false after `timeoutMs` milliseconds. */
  drained(app: AppName, fn: FunctionName, version: VersionName, timeoutMs: number): Promise<boolean>;
}

/** What the gateway needs. */
export type GatewayOptions = InvokeOptions & { upstream: Upstream };

/** How often it is looked whether a removed route can be forgotten, in milliseconds. */
const FORGET_MS = 60_000;

/** What the gateway has for one written route. `versions` outlives writes, so that counters do. */
type RouteState = { routed: RoutedFunction; draw: Draw; versions: Map<VersionName, VersionCounters> };

/** A gateway over the routes of the catalog; a write is in effect for the next request it decides on. */
export function createGateway(options: GatewayOptions): Gateway {
  const { catalog, upstream, maxRequestSize } = options;
  const states = new Map<AppName, Map<FunctionName, RouteState>>();

  /** The state of a route as written. Another object means another write, and that starts a new draw. */
  function stateOf(routed: RoutedFunction): RouteState {
    const { app, function: name, split } = routed.route;
    let ofApp = states.get(app);
    if (!ofApp) states.set(app, (ofApp = new Map<FunctionName, RouteState>()));
    const known = ofApp.get(name);
    if (known?.routed === routed) return known;
    const versions = known?.versions ?? new Map<VersionName, VersionCounters>();
    for (const [version, counters] of versions) {
      if (!Object.hasOwn(split, version) && counters.inFlight === 0) versions.delete(version);
    }
    const state = { routed, draw: createDraw(split), versions };
    ofApp.set(name, state);
    return state;
  }

  function countersOf(state: RouteState, version: VersionName): VersionCounters {
    let counters = state.versions.get(version);
    if (!counters) {
      counters = new VersionCounters(state.routed.route.function, version);
      state.versions.set(version, counters);
    }
    return counters;
  }

  /** Lets go of what a removed route had, once nothing is under way: until then `drained` needs it. */
  async function forget(app: AppName, name: FunctionName): Promise<void> {
    for (const counters of states.get(app)?.get(name)?.versions.values() ?? []) {
      while (!(await counters.drained(FORGET_MS))) continue;
    }
    const ofApp = states.get(app);
    if (catalog.route(app, name) || !ofApp?.delete(name)) return;
    if (ofApp.size === 0) states.delete(app);
  }

  catalog.onRouteChange((app, name) => {
    if (!catalog.route(app, name)) void forget(app, name);
  });

  /** The route of a place, or nothing. */
  function find(place: Place): RoutedFunction | undefined {
    const { path } = place;
    const own = appOfPlace(catalog, place);
    if (own !== undefined) return catalog.routeByPath(own, path);
    if (place.explicit) return undefined;
    const apps = catalog.appsWithPath(path);
    return apps.length === 1 ? catalog.routeByPath(apps[0]!, path) : undefined;
  }

  function route(req: IncomingMessage, res: ServerResponse, place: Place, body: Buffer | undefined): void {
    const startedAt = performance.now();
    // Decided only when the body is there: a slow sender is not served by what was true when it began.
    const routed = find(place);
    if (!routed) return sendMessage(req, res, 404, noRoute(catalog, place));
    const state = stateOf(routed);
    head.headers = req.headers;
    const { version, pinned } = decide(routed.route, head, state.draw);
    const counters = countersOf(state, version);
    counters.started(pinned);
    const { app, destinations } = routed.route;
    const { source, endpoint } = destinations[version]!;
    const escort = { marks: counters.marks, watch: counters, startedAt };
    if (endpoint === undefined) callTrigger(options, app, source, req, res, body, escort);
    else upstream.forward(endpoint, req, res, body, escort);
  }

  return {
    handle(req, res) {
      const path = pathOfTarget(req.url!);
      if (!TRIGGER_METHODS.has(req.method!)) {
        return sendMessage(req, res, 405, `Method not allowed: ${req.method} ${path}`);
      }
      const place = placeOf(req.headers.host, path);
      readBody(
        req,
        maxRequestSize,
        (body) => route(req, res, place, body),
        (bytes) => {
          const routed = find(place);
          const marks = routed && ['Fnmesh-Function', routed.route.function];
          requestTooLarge(req, res, bytes, maxRequestSize, marks);
        },
      );
    },
    traffic(app, fn) {
      const routed = catalog.route(app, fn);
      if (!routed) return [];
      const state = stateOf(routed);
      return Object.keys(routed.route.split).map((version) => countersOf(state, version).read());
    },
    served(app, fn) {
      const routed = catalog.route(app, fn);
      if (!routed) return null;
      const { route, revision } = stateOf(routed).routed;
      return { function: fn, revision, split: route.split };
    },
    drained(app, fn, version, timeoutMs) {
      const counters = states.get(app)?.get(fn)?.versions.get(version);
      return counters ? counters.drained(timeoutMs) : Promise.resolve(true);
    },
  };
}

/** One for all requests, since a decision is made in one go. */
const head: RequestHead & { headers: IncomingMessage['headers'] } = {
  headers: {},
  header(name) {
    const value = this.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  },
};
