// What a destroy will do, as data. Pure.
import { FnmeshError } from '../errors.js';
import type { RouteChange, RouteTable } from '../router/router.js';
import type { BasisPoints, Route } from '../routing/route.js';
import { compareVersions, versionsOf } from '../routing/versions.js';
import { formatPercent } from '../routing/weights.js';
import type { Observed } from '../fn/observe.js';
import { labelOf } from './result.js';

/** What to destroy: an app's version, function, or everything that fnmesh made in it. */
export type DestroyTarget = { app: string; function?: string; version?: string };

/** One version that goes. */
export type DoomedVersion = {
  function: string;
  version: string;
  /** null: it is missing on the server, and only its place in the route goes. */
  fn: { id: string; name: string } | null;
  /** Ids of the copies of its earlier releases. */
  releases: string[];
  /** What it serves now, in basis points; null: it is in no route. */
  share: BasisPoints | null;
};

/** What a destroy will do. */
export type DestroyPlan = {
  app: string;
  versions: DoomedVersion[];
  routes: RouteChange[];
  /** The app's id when the app goes too: nothing but what fnmesh made is in it. */
  deletesApp: string | null;
  /** Names of fns that somebody else made; they stay, and the app with them. */
  kept: string[];
};

/**
 * What has to go.
 * @throws FnmeshError `not_found` when there is nothing of that name; `conflict` for a single version that has
 * weight, that a rule leads to, or that is its function's only one.
 */
export function planDestroy(target: DestroyTarget, observed: Observed, table: RouteTable): DestroyPlan {
  const { app } = target;
  const all = doomed(observed, table);
  const versions = all.filter(
    (each) =>
      (target.function === undefined || each.function === target.function) &&
      (target.version === undefined || each.version === target.version),
  );
  if (versions.length === 0 && (target.function !== undefined || observed.app === null))
    throw nothing(target, all);
  const routes = table.routes.filter(
    ({ route }) => target.function === undefined || route.function === target.function,
  );
  if (target.version !== undefined) {
    const routed = routes[0];
    checkSingle(versions[0] as DoomedVersion, all, routed?.route);
    const change = routed && without(routed.route, target.version, routed.revision);
    return { app, versions, routes: change ? [change] : [], deletesApp: null, kept: [] };
  }
  const changes = routes.map(({ route, revision }): RouteChange => ({
    kind: 'remove',
    app,
    function: route.function,
    ifRevision: revision,
  }));
  const gone = new Set(versions.map(({ fn }) => fn?.id));
  const kept = observed.fns.filter(({ fn }) => !gone.has(fn.id)).map(({ fn }) => fn.name);
  const deletesApp = target.function === undefined && kept.length === 0 ? (observed.app?.id ?? null) : null;
  return { app, versions, routes: changes, deletesApp, kept: target.function === undefined ? kept : [] };
}

function doomed(observed: Observed, table: RouteTable): DoomedVersion[] {
  const found = new Map<string, DoomedVersion>();
  for (const { route } of table.routes) {
    for (const version of versionsOf(route.split)) {
      const share = route.split[version] ?? 0;
      const each = { function: route.function, version, fn: null, releases: [], share };
      found.set(labelOf(each), each);
    }
  }
  for (const { fn, notes } of observed.fns) {
    if (notes === null) continue;
    const each = { function: notes.function, version: notes.version };
    const share = found.get(labelOf(each))?.share ?? null;
    const releases = observed.releases.filter(({ of }) => of === fn.name).map((kept) => kept.fn.id);
    found.set(labelOf(each), { ...each, fn: { id: fn.id, name: fn.name }, releases, share });
  }
  return [...found.values()].sort(
    (a, b) =>
      Number(a.function > b.function) - Number(a.function < b.function) ||
      compareVersions(a.version, b.version),
  );
}

function checkSingle(doomed: DoomedVersion, all: readonly DoomedVersion[], route: Route | undefined): void {
  const { function: fn, version, share } = doomed;
  const others = all.filter((other) => other.function === fn && other.version !== version);
  const label = labelOf(doomed);
  if (others.length === 0) {
    throw new FnmeshError('conflict', `${label} is the only version of ${fn}`, {
      try: `fnmesh destroy ${fn}`,
    });
  }
  if (share !== null && share > 0) {
    const heir = others.reduce((best, other) => ((other.share ?? 0) > (best.share ?? 0) ? other : best));
    throw new FnmeshError(
      'conflict',
      `${label} serves ${formatPercent(share)} of ${fn}; move that away first`,
      {
        try: `fnmesh shift ${labelOf(heir)}=100`,
      },
    );
  }
  if (route?.rules.some((rule) => rule.version === version)) {
    throw new FnmeshError('conflict', `a rule of ${fn} leads to ${label}; take it away first`);
  }
}

function without(route: Route, version: string, ifRevision: number): RouteChange | undefined {
  if (!Object.hasOwn(route.split, version)) return undefined;
  const rest = <T>(of: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(of).filter(([name]) => name !== version));
  return {
    kind: 'put',
    route: { ...route, split: rest(route.split), destinations: rest(route.destinations) },
    ifRevision,
  };
}

function nothing(target: DestroyTarget, all: readonly DoomedVersion[]): FnmeshError {
  const { app, function: fn, version } = target;
  if (fn === undefined)
    return new FnmeshError('not_found', `there is no app ${app}`, { try: 'fnmesh status' });
  const what = version === undefined ? `function ${fn}` : `version ${fn}/${version}`;
  const known = all.map(labelOf).join(', ') || 'nothing that fnmesh made';
  return new FnmeshError('not_found', `app ${app} has no ${what}; it has ${known}`, { try: 'fnmesh status' });
}
