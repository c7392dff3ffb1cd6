import { FnmeshError } from '../../src/errors.js';
import { versionsOf } from '../../src/routing/versions.js';
import type {
  Change,
  Readiness,
  RouteChange,
  RoutedFunction,
  Router,
  RouteTable,
} from '../../src/router/router.js';
import type { Split } from '../../src/routing/route.js';

/** A Router that lives in memory, and what tests can set and see of it. */
export type MemoryRouter = Router & {
  /** Versions, as `fn/version`, that are not ready, and why. */
  readonly unready: Map<string, string>;
  /** How often `write` was called. */
  writes: number;
  /** The versions, as `fn/version`, that were asked whether they are ready. */
  readonly asked: string[];
};

/** A Router of any number of apps. Times in its history are a fixed day's seconds. */
export function memoryRouter(): MemoryRouter {
  const routes = new Map<string, Map<string, RoutedFunction>>();
  const changes = new Map<string, Change[]>();
  const unready = new Map<string, string>();

  const of = (app: string) => routes.get(app) ?? new Map<string, RoutedFunction>();
  const table = (app: string): RouteTable => {
    const functions = [...of(app).values()];
    functions.sort((a, b) => (a.route.function < b.route.function ? -1 : 1));
    return structuredClone({ app, routes: functions });
  };

  return {
    unready,
    asked: [],
    writes: 0,
    pin: ({ version }) => Promise.resolve(['Fnmesh-Version', version]),
    apps: () => Promise.resolve([...routes.keys()].filter((app) => of(app).size > 0).sort()),
    read: (app) => Promise.resolve(table(app)),
    write(asked, reason) {
      this.writes++;
      const app = appOf(asked[0]!);
      const before = of(app);
      for (const change of asked) {
        const name = functionOf(change);
        const revision = before.get(name)?.revision ?? null;
        if (revision === change.ifRevision) continue;
        const now = revision === null ? 'has no route' : `is at change ${revision}`;
        return Promise.reject(new FnmeshError('conflict', `${name} changed meanwhile: it ${now}`));
      }
      const after = new Map(before);
      const list = changes.get(app) ?? [];
      const number = list.length + 1;
      for (const change of asked) {
        if (change.kind === 'put')
          after.set(change.route.function, { route: change.route, revision: number });
        else after.delete(change.function);
      }
      const functions = asked.map(functionOf).sort();
      list.push({
        ...structuredClone(reason),
        number,
        at: new Date(Date.UTC(2026, 0, 1, 0, 0, number)).toISOString(),
        functions: functions.map((name) => ({
          function: name,
          before: before.get(name)?.route.split ?? null,
          after: after.get(name)?.route.split ?? null,
        })),
      });
      changes.set(app, list);
      routes.set(app, after);
      const { routes: all } = table(app);
      return Promise.resolve({ app, routes: all.filter(({ route }) => functions.includes(route.function)) });
    },
    history(app, fn) {
      const list = changes.get(app) ?? [];
      const touches = (change: Change) => change.functions.some((row) => row.function === fn);
      return Promise.resolve(structuredClone(fn === undefined ? list : list.filter(touches)));
    },
    traffic(app) {
      const none = { requests: 0, errors: 0, pinned: 0, p50: null, p95: null, p99: null, inFlight: 0 };
      const rows = [...of(app)].map(([fn, { route }]) => [
        fn,
        versionsOf(route.split).map((version) => ({ version, ...none })),
      ]);
      return Promise.resolve(Object.fromEntries(rows));
    },
    served(app, fn) {
      const routed = of(app).get(fn);
      if (!routed) return Promise.resolve(null);
      return Promise.resolve({
        function: fn,
        revision: routed.revision,
        split: structuredClone(routed.route.split),
      });
    },
    ready({ function: fn, version }): Promise<Readiness> {
      this.asked.push(`${fn}/${version}`);
      const why = unready.get(`${fn}/${version}`);
      return Promise.resolve(why === undefined ? { ready: true } : { ready: false, why });
    },
    drained: () => Promise.resolve(true),
  };
}

function appOf(change: RouteChange): string {
  return change.kind === 'put' ? change.route.app : change.app;
}

function functionOf(change: RouteChange): string {
  return change.kind === 'put' ? change.route.function : change.function;
}

/** A put of a function's route with this split; `ifRevision` null for the first. */
export function put(fn: string, split: Split, ifRevision: number | null, app = 'shop'): RouteChange {
  const destinations = Object.fromEntries(
    Object.keys(split).map((version) => [version, { fn: `${fn}-${version}`, source: `/${fn}/${version}` }]),
  );
  const host = `${app}.localhost`;
  const route = { app, function: fn, host, path: `/${fn}`, rules: [], split, destinations };
  return { kind: 'put', route, ifRevision };
}
