// Makes the routes before the functions that are on the Fn server. What serves already is never shifted by it.
import { isDeepStrictEqual } from 'node:util';
import { FnmeshError } from '../errors.js';
import { firstTrigger } from '../fn/first-trigger.js';
import type { Trigger } from '../fn/model.js';
import type { Reason, RouteChange, RouteTable } from '../router/router.js';
import { hostOf, pathOf } from '../routing/match.js';
import type { AppName, Destination, Route, Split } from '../routing/route.js';
import { WHOLE } from '../routing/route.js';
import { compareVersions, versionsOf } from '../routing/versions.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import type { FrontPlan } from '../kubernetes/front.js';
import { isUnknown } from '../kubernetes/render/salvage-route.js';
import type { LivePorts, Locate } from './ports.js';
import { rewriteNote } from './rewrite-note.js';
import { type FrontRows, frontRows } from './route-rows.js';

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
  /** The split that was asked for last, where somebody else has put `before` in its place; null: nobody has. */
  asked: Split | null;
  /** Versions that no route can lead to, with the reason. */
  unrouted: { version: string; why: string }[];
};

/** What wire will do. `front`: what that changes on a cluster; null where the gateway is the embedded one. */
export type WirePlan = {
  app: AppName;
  functions: WiredFunction[];
  changes: RouteChange[];
  front: FrontRows | null;
};

/** What routes are made from. */
export type WireOptions = {
  /** Where routers reach a trigger. */
  locate: Locate;
  /** Names of functions; default: all that are on the server or routed. */
  only?: readonly string[] | undefined;
  /** The host that the target's functions answer on; default: the one they have, else the app's on this machine. */
  host?: string | undefined;
};

/** What wire acts through. */
export type WirePorts = Pick<LivePorts, 'router' | 'locate' | 'front' | 'emit'>;

/** The routes that the functions on the server need. */
export function planRoutes(
  app: AppName,
  observed: Observed,
  table: RouteTable,
  { locate, only, host }: WireOptions,
): Omit<WirePlan, 'front'> {
  const versions = new Map<string, Map<string, ObservedFn>>();
  for (const fn of observed.fns) {
    if (fn.notes === null) continue;
    const { function: name, version } = fn.notes;
    versions.set(name, (versions.get(name) ?? new Map<string, ObservedFn>()).set(version, fn));
  }
  const routed = new Map(table.routes.map((entry) => [entry.route.function, entry]));
  const names = [...new Set([...versions.keys(), ...routed.keys()])].sort();
  const plan: Omit<WirePlan, 'front'> = { app, functions: [], changes: [] };
  for (const name of names) {
    if (only !== undefined && !only.includes(name)) continue;
    const there = routed.get(name);
    const on = versions.get(name) ?? new Map<string, ObservedFn>();
    const before = there?.salvaged ? mended(there.route, on) : there?.route;
    const { wired, route } = wireOne(app, name, on, { locate, host }, before);
    if (there?.salvaged && route) checkMended(route);
    plan.functions.push({ ...wired, asked: there?.asked ?? null });
    if (route === null || isDeepStrictEqual(route, there?.route)) continue;
    plan.changes.push({ kind: 'put', route, ifRevision: there?.revision ?? null });
  }
  return plan;
}

/**
 * What wire would do; writes nothing. What is salvaged in the table is written anew.
 * @throws FnmeshError as Router and Front do.
 */
export async function planWire(
  app: AppName,
  observed: Observed,
  table: RouteTable,
  { locate, front }: Pick<WirePorts, 'locate' | 'front'>,
  only?: readonly string[],
): Promise<WirePlan & { steps: FrontPlan | null }> {
  const plan = planRoutes(app, observed, table, { locate, only, host: front?.host });
  if (front === undefined) return { ...plan, front: null, steps: null };
  const steps = await front.plan(routesAfter(table, plan.changes), table.routes);
  const changes = withRewrites(plan.changes, steps.rewrite, table);
  return { ...plan, changes, front: frontRows(front, steps, changes, table), steps };
}

/**
 * Plans and writes; when the routes change meanwhile, plans anew. Where nobody says why, the history says what.
 * @param table What was just read with `salvage`, to begin with.
 * @throws FnmeshError as Router and Front do.
 */
export async function wire(
  app: AppName,
  observed: Observed,
  ports: WirePorts,
  reason: Reason,
  only?: readonly string[],
  table?: RouteTable,
): Promise<WirePlan> {
  const { router, front, emit } = ports;
  for (let attempt = 1; ; attempt++) {
    const there =
      (attempt === 1 ? table : undefined) ?? (await router.read(app, { salvage: true, settle: true }));
    const { steps, ...plan } = await planWire(app, observed, there, ports, only);
    try {
      for (const text of steps?.warnings ?? []) emit({ type: 'warning', text });
      if (front !== undefined && steps !== null) await front.prepare(steps, emit);
      const message = reason.message ?? rewriteNote(plan.changes, there, plan.front?.objects ?? []);
      if (plan.changes.length > 0)
        await router.write(plan.changes, { ...reason, ...(message !== undefined && { message }) });
      else await router.tidy?.(app).catch(() => undefined);
      if (front !== undefined && steps !== null) await front.settle(steps, emit);
      return plan;
    } catch (error) {
      if (!(error instanceof FnmeshError) || error.code !== 'conflict' || attempt === 5) throw error;
    }
  }
}

/** The routes of the table once changes are made. */
export function routesAfter(table: RouteTable, changes: readonly RouteChange[]): Route[] {
  const routes = new Map(table.routes.map(({ route }) => [route.function, route]));
  for (const change of changes) {
    if (change.kind === 'put') routes.set(change.route.function, change.route);
    else routes.delete(change.function);
  }
  return [...routes.keys()].sort().map((name) => routes.get(name) as Route);
}

/** The changes, and those of routes that stay the same and are written otherwise than before. */
function withRewrites(
  changes: readonly RouteChange[],
  rewrite: readonly string[],
  table: RouteTable,
): RouteChange[] {
  const changed = new Set(changes.map((change) => (change.kind === 'put' ? change.route : change).function));
  const more = table.routes.flatMap(({ route, revision }): RouteChange[] =>
    rewrite.includes(route.function) && !changed.has(route.function)
      ? [{ kind: 'put', route, ifRevision: revision }]
      : [],
  );
  return [...changes, ...more];
}

/** Where a salvaged route's versions are, the Fn server says; one that it does not have and nobody gets, goes. */
function mended(route: Route, on: ReadonlyMap<string, ObservedFn>): Route {
  const isKept = (version: string): boolean => on.has(version) || (route.split[version] ?? 0) > 0;
  const kept = <Value>(of: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(of).filter(([version]) => isKept(version)));
  const destinations = Object.entries(route.destinations).filter(
    ([version, to]) => isKept(version) && !(on.has(version) && isUnknown(to)),
  );
  return { ...route, split: kept(route.split), destinations: Object.fromEntries(destinations) };
}

/** @throws FnmeshError `config` naming a version whose share nobody could serve. */
function checkMended({ app, function: fn, split, destinations }: Route): void {
  const lost = versionsOf(destinations).find(
    (version) => isUnknown(destinations[version]!) && (split[version] ?? 0) > 0,
  );
  if (lost === undefined) return;
  const message = `the notes of ${app}/${fn}'s route are garbled, and the Fn server has no ${fn}/${lost}: where its share goes is lost`;
  throw new FnmeshError('config', message, { try: `fnmesh deploy ${fn}/${lost}` });
}

type Wired = { wired: Omit<WiredFunction, 'asked'>; route: Route | null };

function wireOne(
  app: AppName,
  name: string,
  versions: ReadonlyMap<string, ObservedFn>,
  { locate, host: ownHost }: Pick<WireOptions, 'locate' | 'host'>,
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
  const host = ownHost ?? before?.host ?? hostOf(app);
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
  const wired: Wired['wired'] = {
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
