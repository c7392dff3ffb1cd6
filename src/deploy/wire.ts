// Makes the routes before the functions that are on the Fn server. What serves already is never shifted by it.
import { isDeepStrictEqual } from 'node:util';
import { FnmeshError } from '../errors.js';
import { firstTrigger } from '../fn/first-trigger.js';
import type { Trigger } from '../fn/model.js';
import type { Reason, RouteChange, Router, RouteTable } from '../router/router.js';
import { hostOf, pathOf } from '../routing/match.js';
import type { AppName, Destination, Route, Split } from '../routing/route.js';
import { WHOLE } from '../routing/route.js';
import { compareVersions, versionsOf } from '../routing/versions.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import type { Locate } from './ports.js';

/** One function as it is routed. */
export type WiredFunction = {
  function: string;
  host: string;
  path: string;
  /** null: it has no route. */
  before: Split | null;
  after: Split | null;
  /** Versions that are on the server and were not in the route. */
  added: string[];
  /** Versions that are in the route and no more on the server; their share stays theirs. */
  missing: string[];
  /** Versions that are in the route, and lead to another Fn server than the one that was asked. */
  elsewhere: string[];
  /** Versions whose part of the route now leads to another Fn server; null: the embedded one. */
  moved: { version: string; from: string | null; to: string | null }[];
  /** Versions that no route can lead to, with the reason. */
  unrouted: { version: string; why: string }[];
};

/** What wire will do. */
export type WirePlan = { app: AppName; functions: WiredFunction[]; changes: RouteChange[] };

/**
 * The routes that the functions on the server need.
 * @param locate Where routers reach a trigger.
 * @param only Names of functions; default: all that are on the server or routed.
 */
export function planWire(
  app: AppName,
  observed: Observed,
  table: RouteTable,
  locate: Locate,
  only?: readonly string[],
): WirePlan {
  const versions = new Map<string, Map<string, ObservedFn>>();
  for (const fn of observed.fns) {
    if (fn.notes === null) continue;
    const { function: name, version } = fn.notes;
    versions.set(name, (versions.get(name) ?? new Map<string, ObservedFn>()).set(version, fn));
  }
  const routed = new Map(table.routes.map((entry) => [entry.route.function, entry]));
  const names = [...new Set([...versions.keys(), ...routed.keys()])].sort();
  const plan: WirePlan = { app, functions: [], changes: [] };
  for (const name of names) {
    if (only !== undefined && !only.includes(name)) continue;
    const there = routed.get(name);
    const { wired, route } = wireOne(
      app,
      name,
      versions.get(name) ?? new Map<string, ObservedFn>(),
      locate,
      there?.route,
    );
    plan.functions.push(wired);
    if (route === null || isDeepStrictEqual(route, there?.route)) continue;
    plan.changes.push({ kind: 'put', route, ifRevision: there?.revision ?? null });
  }
  return plan;
}

/**
 * Plans and writes; when the routes change meanwhile, plans anew.
 * @throws FnmeshError as Router does.
 */
export async function wire(
  app: AppName,
  observed: Observed,
  router: Router,
  reason: Reason,
  locate: Locate,
  only?: readonly string[],
): Promise<WirePlan> {
  for (let attempt = 1; ; attempt++) {
    const plan = planWire(app, observed, await router.read(app), locate, only);
    if (plan.changes.length === 0) return plan;
    try {
      await router.write(plan.changes, reason);
      return plan;
    } catch (error) {
      if (!(error instanceof FnmeshError) || error.code !== 'conflict' || attempt === 5) throw error;
    }
  }
}

type Wired = { wired: WiredFunction; route: Route | null };

function wireOne(
  app: AppName,
  name: string,
  versions: ReadonlyMap<string, ObservedFn>,
  locate: Locate,
  before?: Route,
): Wired {
  const unrouted: WiredFunction['unrouted'] = [];
  const moved: WiredFunction['moved'] = [];
  const destinations: Record<string, Destination> = { ...before?.destinations };
  const runnable: string[] = [];
  for (const [version, { fn, triggers, notes }] of versions) {
    const trigger = firstTrigger(triggers);
    if (trigger === undefined) unrouted.push({ version, why: 'it has no http trigger' });
    else {
      const from = before?.destinations[version];
      const to = destination(app, fn.name, trigger, locate);
      const moves = from !== undefined && serverOf(from) !== serverOf(to);
      const runs = notes?.unready !== true && notes?.cannotRun === undefined;
      // What serves is not given up for what was not seen to run.
      if (moves && !runs) {
        const stays = serverOf(from) ?? 'the embedded server';
        unrouted.push({ version, why: `it did not answer there; its part of the route stays with ${stays}` });
      } else {
        destinations[version] = to;
        if (moves) moved.push({ version, from: serverOf(from), to: serverOf(to) });
      }
    }
    if (trigger !== undefined && !notes?.unready && notes?.cannotRun === undefined) runnable.push(version);
  }
  const [lowest] = runnable.sort(compareVersions);
  const split: Record<string, number> = {};
  for (const version of versionsOf(destinations)) {
    split[version] = before?.split[version] ?? (before === undefined && version === lowest ? WHOLE : 0);
  }
  const host = before?.host ?? hostOf(app);
  const path = before?.path ?? pathOf(app, name);
  const routable = before !== undefined || lowest !== undefined;
  const sorted = Object.fromEntries(
    versionsOf(destinations).map((version) => [version, destinations[version]]),
  );
  const route = routable
    ? {
        app,
        function: name,
        host,
        path,
        rules: before?.rules ?? [],
        split,
        destinations: sorted as Route['destinations'],
      }
    : null;
  const known = before?.split ?? {};
  const absent = versionsOf(known).filter((version) => !versions.has(version));
  // Of any version of this server its server can be told; without one they all count as its own.
  const own = [...versions.keys()].flatMap((version) => destinations[version] ?? []).map(serverOf)[0];
  const isElsewhere = (version: string): boolean =>
    own !== undefined && serverOf(destinations[version]!) !== own;
  const wired: WiredFunction = {
    function: name,
    host,
    path,
    before: before?.split ?? null,
    after: route?.split ?? null,
    added: versionsOf(split).filter((version) => routable && !Object.hasOwn(known, version)),
    missing: absent.filter((version) => !isElsewhere(version)),
    elsewhere: absent.filter(isElsewhere),
    moved,
    unrouted: unrouted.sort((a, b) => compareVersions(a.version, b.version)),
  };
  return { wired, route };
}

function destination(app: AppName, fn: string, trigger: Trigger, locate: Locate): Destination {
  const endpoint = locate(app, trigger);
  const { source } = trigger;
  return endpoint === undefined ? { fn, source } : { fn, source, endpoint };
}

/** Which server a destination is on; null: the embedded one. */
function serverOf({ endpoint }: Destination): string | null {
  return endpoint === undefined ? null : new URL(endpoint).origin;
}
