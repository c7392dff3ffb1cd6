// What the route objects of one app say together: its routes, their history, and which changes may be half done. Pure.
import { FnmeshError } from '../errors.js';
import { LABELS } from '../kubernetes/names.js';
import type { KubeObject } from '../kubernetes/object.js';
import { isParked } from '../kubernetes/front/live-routes.js';
import { readRoute } from '../kubernetes/render/read-route.js';
import { salvageRoute } from '../kubernetes/render/salvage-route.js';
import { changeOf, goesBy, KEPT_ENTRIES, removedOf } from '../kubernetes/route-record.js';
import type { Entry, Removed } from '../kubernetes/route-record.js';
import type { AppName, FunctionName, Route, Split } from '../routing/route.js';
import { formatSplit } from '../routing/weights.js';
import { functionOf } from './kubernetes-edits.js';
import type { RouteChange, RouteTable } from './router.js';

/** A function's route with the object that is bound to the gateway. */
export type LiveRoute = {
  function: FunctionName;
  object: KubeObject;
  route: Route;
  revision: number;
  history: readonly Entry[];
  /** The split that was asked for last, where somebody else has put another in its place. */
  asked?: Split;
  /** Why its notes could not be read; then the route is what its rules tell. */
  unreadable?: FnmeshError;
};

/** An app as its route objects tell of it. */
export type LiveApp = {
  app: AppName;
  /** By function. */
  routes: ReadonlyMap<FunctionName, LiveRoute>;
  /** The objects for callers inside the mesh, by function. */
  mesh: ReadonlyMap<FunctionName, KubeObject>;
  /** Functions that have no route any more, those last removed at the end. */
  removed: readonly Removed[];
  /** The number of the newest change. */
  number: number;
};

/**
 * Puts together the route objects of an app, as they were listed.
 * @throws FnmeshError `config` naming an object whose labels and notes are of different functions.
 */
export function liveApp(app: AppName, objects: readonly KubeObject[]): LiveApp {
  const routes = new Map<FunctionName, LiveRoute>();
  const mesh = new Map<FunctionName, KubeObject>();
  for (const object of objects) {
    const fn = object.metadata.labels?.[LABELS.function];
    if (fn === undefined || object.metadata.deletionTimestamp !== undefined) continue;
    if (object.metadata.labels?.[LABELS.mesh] !== undefined) {
      mesh.set(fn, object);
      continue;
    }
    const read = readOrSalvage(object, app, fn);
    if (read === null) continue;
    if (read.route.app !== app || read.route.function !== fn) throw misplaced(object, read.route);
    routes.set(fn, { function: fn, object, ...read });
  }
  const removed = newestRemoved([...routes.values()].flatMap(({ object }) => removedOf(object))).filter(
    (one) => !routes.has(one.function),
  );
  const numbers = [
    ...[...routes.values()].map(({ revision }) => revision),
    ...removed.map(({ entries }) => entries.at(-1)?.number ?? 0),
  ];
  return { app, routes, mesh, removed, number: Math.max(0, ...numbers) };
}

function readOrSalvage(
  object: KubeObject,
  app: AppName,
  fn: FunctionName,
): Omit<LiveRoute, 'function' | 'object'> | null {
  try {
    const read = readRoute(object);
    if (read === null) return null;
    const { route, revision, history, drift } = read;
    return { route, revision, history, ...(drift && { asked: drift.asked }) };
  } catch (error) {
    if (!(error instanceof FnmeshError)) throw error;
    return { ...salvageRoute(object, app, fn), unreadable: error };
  }
}

/**
 * Of the route objects of both APIs those that serve: a function's own ones, unless they are not there, or parked and
 * the others are not.
 * @param own Those of the API that the site has.
 */
export function serving(own: readonly KubeObject[], other: readonly KubeObject[]): KubeObject[] {
  const fnOf = ({ metadata }: KubeObject) => metadata.labels?.[LABELS.function];
  const isBound = ({ metadata }: KubeObject) => metadata.labels?.[LABELS.mesh] === undefined;
  const mine = new Map(own.filter(isBound).map((object) => [fnOf(object), object]));
  const theirs = other.filter(isBound).filter((object) => {
    const same = mine.get(fnOf(object));
    return same === undefined || (isParked(same) && !isParked(object));
  });
  const left = new Set(theirs.map(fnOf));
  return [
    ...own.filter((object) => !left.has(fnOf(object))),
    ...other.filter((object) => left.has(fnOf(object))),
  ];
}

/** One for each function, the newest; ordered by the number of the removal. */
function newestRemoved(notes: readonly Removed[]): Removed[] {
  const byFunction = new Map<FunctionName, Removed>();
  const numberOf = ({ entries }: Removed) => entries.at(-1)?.number ?? 0;
  for (const note of [...notes].sort((a, b) => numberOf(a) - numberOf(b))) {
    byFunction.delete(note.function);
    byFunction.set(note.function, note);
  }
  return [...byFunction.values()];
}

function misplaced({ metadata }: KubeObject, route: Route): FnmeshError {
  const message = `route object ${metadata.namespace}/${metadata.name} says that it is of ${route.app}/${route.function}, and its labels say otherwise`;
  return new FnmeshError('config', message, {
    try: 'kubectl describe it; a copied object must be deleted or get its own labels',
  });
}

/** The routes, ordered by function. */
export function tableOf({ app, routes }: LiveApp): RouteTable {
  const names = [...routes.keys()].sort();
  return {
    app,
    routes: names.map((name) => {
      const { route, revision, asked, unreadable } = routes.get(name)!;
      return { route, revision, ...(asked && { asked }), ...(unreadable && { salvaged: true as const }) };
    }),
  };
}

/**
 * The ids of changes of several objects of which not all objects are there as written: they are under way, or were
 * broken off. Told from the objects alone: the newest entry of a function's history says of how many functions the
 * change was.
 */
export function halfDone(live: LiveApp): string[] {
  const found = new Set<string>();
  for (const object of [...live.mesh.values(), ...[...live.routes.values()].map((each) => each.object)]) {
    const id = goesBy(object);
    if (id !== undefined) found.add(id);
  }
  const parts = [...live.routes.values(), ...live.removed.map((one) => ({ history: one.entries }))];
  for (const { function: fn, history } of live.routes.values()) {
    const newest = history.at(-1);
    if (newest?.of === undefined || found.has(newest.id)) continue;
    const { functions, mesh } = newest.of;
    const meshObject = live.mesh.get(fn);
    const isMeshDone = !mesh || (meshObject !== undefined && changeOf(meshObject) === newest.id);
    const written = parts.filter((part) => mayHave(part.history, newest)).length;
    if (!isMeshDone || written < functions) found.add(newest.id);
  }
  return [...found];
}

/** Whether the change stands in the history, or may have stood where the oldest were dropped. */
function mayHave(history: readonly Entry[], { id, number }: Entry): boolean {
  if (history.some((entry) => entry.id === id)) return true;
  return history.length >= KEPT_ENTRIES && history[0]!.number > number;
}

/** The changes whose writer saw another revision than the one there is. */
export function late(live: LiveApp, changes: readonly RouteChange[]): RouteChange[] {
  return changes.filter(
    (change) => (live.routes.get(functionOf(change))?.revision ?? null) !== change.ifRevision,
  );
}

/** The error that says how the routes differ from what their writers saw. */
export function conflict(refused: readonly RouteChange[], live: LiveApp): FnmeshError {
  const lines = refused.map((change) => {
    const fn = functionOf(change);
    const there = live.routes.get(fn);
    if (!there) return `${fn} has no route any more`;
    const newest = there.history.at(-1);
    const split = formatSplit(there.route.split);
    if (newest === undefined || there.revision <= (change.ifRevision ?? 0))
      return `${fn} is at change ${there.revision} (${split}), not ${change.ifRevision}`;
    return `${fn} was changed meanwhile by ${newest.by} at ${newest.at}: ${split} (${newest.verb}, change ${newest.number})`;
  });
  return new FnmeshError('conflict', lines.join('\n'), { try: 'fnmesh history' });
}
