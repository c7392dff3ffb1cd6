// The routes and their history in memory. A write touches what it changes and nothing else.
import { FnmeshError } from '../../errors.js';
import type { Change, RouteChange, RoutedFunction, RouteTable } from '../../router/router.js';
import type { Split } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import { formatWeight } from '../../routing/weights.js';
import type { Write } from '../store/journal.js';
import { placeOf, type CheckedWrite } from './route-rules.js';

/** The changes kept per app. */
const KEPT_CHANGES = 200;

type AppRoutes = {
  byFunction: Map<string, RoutedFunction>;
  byPath: Map<string, RoutedFunction>;
  /** By function name. */
  sorted: RoutedFunction[];
  /** Oldest first. */
  history: Change[];
};

/** A write that may be made: what to store, and then what to show. */
export type RoutePlan = {
  app: string;
  change: Change;
  routes: [name: string, after: RoutedFunction | null][];
  writes: Write[];
};

/** All routes, by app and function and by app and path. */
export class Routes {
  private readonly ofApp = new Map<string, AppRoutes>();
  private readonly appsByPath = new Map<string, string[]>();

  /** Takes in a stored route. */
  load(routed: RoutedFunction): void {
    this.put(this.index(routed.route.app), routed);
  }

  /** Takes in a stored change. */
  loadChange(app: string, change: Change): void {
    const { history } = this.index(app);
    history.splice(place(history, change.number, numberOf), 0, change);
  }

  byFunction(app: string, name: string): RoutedFunction | undefined {
    return this.ofApp.get(app)?.byFunction.get(name);
  }

  byPath(app: string, path: string): RoutedFunction | undefined {
    return this.ofApp.get(app)?.byPath.get(path);
  }

  /** Whether the app has a route. */
  has(app: string): boolean {
    return (this.ofApp.get(app)?.sorted.length ?? 0) > 0;
  }

  /** The apps with this path, in name order. Not to be changed. */
  apps(path: string): readonly string[] {
    return this.appsByPath.get(path) ?? [];
  }

  /** The names of the apps that have routes, in order. */
  routedApps(): string[] {
    return [...this.ofApp.keys()].filter((app) => this.has(app)).sort();
  }

  table(app: string): RouteTable {
    return { app, routes: this.ofApp.get(app)?.sorted.slice() ?? [] };
  }

  /** The app's changes, or those of one function, oldest first. */
  history(app: string, name?: string): Change[] {
    const all = this.ofApp.get(app)?.history ?? [];
    return name === undefined ? all.slice() : all.filter((change) => touches(change, name));
  }

  /**
   * What a write will do.
   * @throws FnmeshError `conflict` when a revision differs or a path belongs to another function.
   */
  plan({ app, changes, reason }: CheckedWrite, at: string): RoutePlan {
    const mine = this.index(app);
    const late = changes.filter((change) => {
      return (mine.byFunction.get(placeOf(change).function)?.revision ?? null) !== change.ifRevision;
    });
    if (late.length > 0) throw conflict(late, mine);
    checkPaths(changes, mine);

    const number = (mine.history.at(-1)?.number ?? 0) + 1;
    const routes = changes
      .map((change): RoutePlan['routes'][number] => {
        const { function: name } = placeOf(change);
        return [name, change.kind === 'put' ? { route: change.route, revision: number } : null];
      })
      .sort(([a], [b]) => compare(a, b));
    const functions = routes.map(([name, after]) => ({
      function: name,
      before: mine.byFunction.get(name)?.route.split ?? null,
      after: after?.route.split ?? null,
    }));
    const change: Change = { ...reason, number, at, functions };
    const old = mine.history.slice(0, Math.max(0, mine.history.length + 1 - KEPT_CHANGES));
    const writes: Write[] = [
      ...routes.map(([name, after]): Write => {
        const id = `${app}/${name}`;
        return after ? ['put', 'routes', id, after] : ['delete', 'routes', id];
      }),
      ['put', 'changes', `${app}/${number}`, change],
      ...old.map((gone): Write => ['delete', 'changes', `${app}/${gone.number}`]),
    ];
    return { app, change, routes, writes };
  }

  /** Shows a plan that was stored. */
  apply({ app, change, routes }: RoutePlan): void {
    const mine = this.index(app);
    for (const [name] of routes) this.remove(mine, app, name); // All first: two functions may swap their paths.
    for (const [, after] of routes) if (after) this.put(mine, after);
    mine.history.push(change);
    mine.history.splice(0, Math.max(0, mine.history.length - KEPT_CHANGES));
  }

  private put(mine: AppRoutes, routed: RoutedFunction): void {
    const { app, function: name, path } = routed.route;
    mine.byFunction.set(name, routed);
    mine.byPath.set(path, routed);
    mine.sorted.splice(place(mine.sorted, name, nameOf), 0, routed);
    let apps = this.appsByPath.get(path);
    if (!apps) this.appsByPath.set(path, (apps = []));
    apps.splice(place(apps, app, itself), 0, app);
  }

  private remove(mine: AppRoutes, app: string, name: string): void {
    const gone = mine.byFunction.get(name);
    if (!gone) return;
    const { path } = gone.route;
    mine.byFunction.delete(name);
    mine.byPath.delete(path);
    mine.sorted.splice(place(mine.sorted, name, nameOf), 1);
    const apps = this.appsByPath.get(path)!;
    apps.splice(place(apps, app, itself), 1);
    if (apps.length === 0) this.appsByPath.delete(path);
  }

  private index(app: string): AppRoutes {
    let index = this.ofApp.get(app);
    if (!index)
      this.ofApp.set(app, (index = { byFunction: new Map(), byPath: new Map(), sorted: [], history: [] }));
    return index;
  }
}

/** Where a key stands in an ordered list, or would stand. */
function place<T, K extends string | number>(sorted: readonly T[], key: K, keyOf: (one: T) => K): number {
  let low = 0;
  for (let high = sorted.length; low < high;) {
    const middle = (low + high) >> 1;
    if (keyOf(sorted[middle]!) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

const nameOf = ({ route }: RoutedFunction) => route.function;
const numberOf = ({ number }: Change) => number;
const itself = (name: string) => name;

function checkPaths(changes: readonly RouteChange[], mine: AppRoutes): void {
  const changed = new Set(changes.map((change) => placeOf(change).function));
  const taken = new Map<string, string>();
  for (const change of changes) {
    if (change.kind === 'remove') continue;
    const { path, function: name } = change.route;
    const owner = mine.byPath.get(path)?.route.function;
    const other = taken.get(path) ?? (owner !== undefined && !changed.has(owner) ? owner : undefined);
    if (other !== undefined)
      throw new FnmeshError('conflict', `${path} cannot lead to ${name}: it leads to ${other}`);
    taken.set(path, name);
  }
}

function conflict(late: readonly RouteChange[], mine: AppRoutes): FnmeshError {
  const lines = late.map((change) => {
    const { function: name } = placeOf(change);
    const since = mine.history.filter((one) => one.number > (change.ifRevision ?? 0) && touches(one, name));
    const newest = since.at(-1);
    if (!newest)
      return `${name} is at revision ${mine.byFunction.get(name)?.revision ?? 'none'}, not ${change.ifRevision}`;
    const before = splitOf(since[0]!, name, 'before');
    const after = splitOf(newest, name, 'after');
    const times = since.length > 1 ? ` (the last of ${since.length} changes)` : '';
    return `${name} was changed meanwhile by ${newest.by} at ${newest.at}${times}: ${before} → ${after} (${newest.verb}, change ${newest.number})`;
  });
  return new FnmeshError('conflict', lines.join('\n'), { try: 'fnmesh history' });
}

function splitOf(change: Change, name: string, side: 'before' | 'after'): string {
  const split: Split | null = change.functions.find((one) => one.function === name)?.[side] ?? null;
  if (split === null) return 'no route';
  return versionsOf(split)
    .map((version) => `${version}=${formatWeight(split[version]!)}`)
    .join(' ');
}

function touches(change: Change, name: string): boolean {
  return change.functions.some((one) => one.function === name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
