// Which objects a change of routes writes or removes, and what each shall be. Pure.
import { isDeepStrictEqual } from 'node:util';
import { FnmeshError } from '../errors.js';
import type { Site } from '../kubernetes/site.js';
import { functionObject, meshRouteObject } from '../kubernetes/names.js';
import { isLive } from '../kubernetes/owner.js';
import { kindOf } from '../kubernetes/object.js';
import type { Kind, KubeObject } from '../kubernetes/object.js';
import { isOwnRule, mergeRoute, rulesOf } from '../kubernetes/render/merge-route.js';
import { renderRoutes, routeKind } from '../kubernetes/render/routes.js';
import { annotated, keptEntry, RECORD, removedNote } from '../kubernetes/route-record.js';
import type { Entry, Removed } from '../kubernetes/route-record.js';
import type { AppName, FunctionName } from '../routing/route.js';
import type { LiveApp } from './kubernetes-state.js';
import type { Reason, RouteChange } from './router.js';

/** One object of a change. */
export type Edit = {
  function: FunctionName;
  kind: Kind;
  namespace: string;
  name: string;
  /** What was read; null: there is none. */
  before: KubeObject | null;
  /** What it shall be; null: gone. */
  desired: KubeObject | null;
};

/** What a change does. `note`: the object that keeps the history of what is removed, and how it does so. */
export type EditPlan = {
  id: string;
  number: number;
  edits: Edit[];
  note: Edit | null;
};

/** The function that a change is of. */
export function functionOf(change: RouteChange): FunctionName {
  return change.kind === 'put' ? change.route.function : change.function;
}

/** The app that a change is of. */
export function appOf(change: RouteChange): AppName {
  return change.kind === 'put' ? change.route.app : change.app;
}

/** Whether carrying it out takes more than one object, and therefore a journal. */
export function isLarge({ edits }: EditPlan): boolean {
  return edits.length > 1;
}

/**
 * The edits of some changes.
 * @param id The change's own, unique. @param at When, RFC 3339.
 * @throws FnmeshError `config` when a route cannot be rendered.
 */
export function planEdits(
  live: LiveApp,
  site: Site,
  changes: readonly RouteChange[],
  reason: Reason,
  { id, at }: { id: string; at: string },
): EditPlan {
  const number = live.number + 1;
  const kind = routeKind(site.api);
  const puts = changes.filter((change) => change.kind === 'put');
  const isAlone =
    changes.length === 1 && !(puts.length === 1 && site.mesh) && !live.mesh.has(functionOf(changes[0]!));
  const of = isAlone ? undefined : { functions: puts.length, mesh: site.mesh };

  const objectOf = (name: string, known: KubeObject | undefined): KubeObject | null => {
    // An object of the other API is not replaced by one of this: what made it goes once this one is there.
    return known?.kind === kind.kind && known.metadata.name === name ? known : null;
  };
  const entryOf = (fn: FunctionName, after: Entry['after']): Entry[] => {
    const there = live.routes.get(fn);
    const earlier = there?.history ?? live.removed.find((one) => one.function === fn)?.entries ?? [];
    const before = there?.route.split ?? null;
    return [
      ...earlier,
      keptEntry({ ...reason, number, id, at, before, after, ...(of && after !== null && { of }) }),
    ];
  };

  const edits: Edit[] = [];
  const gone: Removed[] = [];
  // In one order for everybody, so that of two who change the same functions one comes first.
  const ordered = [...changes].sort((a, b) => (functionOf(a) < functionOf(b) ? -1 : 1));
  for (const change of ordered) {
    const fn = functionOf(change);
    const mesh = live.mesh.get(fn);
    const edit = (name: string, known: KubeObject | undefined, desired: KubeObject | null): Edit => {
      return { function: fn, kind, namespace: site.namespace, name, before: objectOf(name, known), desired };
    };
    const removal = (object: KubeObject): Edit => {
      const { name, namespace = site.namespace } = object.metadata;
      return { function: fn, kind: kindOf(object) ?? kind, namespace, name, before: object, desired: null };
    };
    const gatewayName = functionObject(live.app, fn);
    const meshName = meshRouteObject(live.app, fn);
    const known = live.routes.get(fn)?.object;
    if (change.kind === 'put') {
      const record = { route: change.route, revision: number, history: entryOf(fn, change.route.split) };
      const [forGateway, forMesh] = renderRoutes(site, record).map((object) =>
        annotated(object, { [RECORD.change]: id }),
      );
      edits.push(edit(gatewayName, known, forGateway!));
      if (forMesh) edits.push(edit(meshName, mesh, forMesh));
      else if (mesh && objectOf(meshName, mesh)) edits.push(removal(mesh));
    } else {
      if (known) edits.push(removal(known));
      if (mesh) edits.push(removal(mesh));
      gone.push({ function: fn, entries: entryOf(fn, null) });
    }
  }
  return { id, number, edits, note: gone.length === 0 ? null : noteOf(live, site, edits, gone) };
}

/** Which object keeps the history of what goes, as its routes' own objects do not: one that stays, and is no GitOps tool's. */
function noteOf(live: LiveApp, site: Site, edits: Edit[], gone: readonly Removed[]): Edit | null {
  const goes = new Set(gone.map((one) => one.function));
  const text = removedNote([...live.removed.filter((one) => !goes.has(one.function)), ...gone]);
  const written = edits.find(({ function: fn, desired }) => desired !== null && !goes.has(fn));
  if (written) {
    written.desired = annotated(written.desired!, { [RECORD.removed]: text });
    return null;
  }
  const keeper = [...live.routes.values()].find(
    (each) =>
      !goes.has(each.function) && isLive(each.object) && each.object.kind === routeKind(site.api).kind,
  );
  if (!keeper) return null;
  const { object, function: fn } = keeper;
  const { namespace = site.namespace, name } = object.metadata;
  const kind = routeKind(site.api);
  return {
    function: fn,
    kind,
    namespace,
    name,
    before: object,
    desired: annotated(object, { [RECORD.removed]: text }),
  };
}

/** The object to write: the live one with the edit's part in it. */
export function withEdit({ desired }: Edit, live: KubeObject | null): KubeObject {
  if (desired === null) throw new TypeError('an edit that removes has nothing to write');
  // A mark of a removal that was broken off does not outlive a write.
  return live === null ? desired : annotated(mergeRoute(live, desired), { [RECORD.goes]: null });
}

/** Whether of an object only that changed which is not fnmesh's: foreign rules, labels and annotations, its status. */
export function isSameToUs(a: KubeObject, b: KubeObject): boolean {
  return isDeepStrictEqual(ownPart(a), ownPart(b));
}

function ownPart(object: KubeObject): unknown {
  const { annotations = {}, labels } = object.metadata;
  const notes = Object.entries(annotations)
    // What others' removals leave here is not about this function.
    .filter(([key]) => key.startsWith('fnmesh/') && key !== RECORD.removed)
    .sort(([x], [y]) => (x < y ? -1 : 1));
  const own = Object.entries(labels ?? {}).filter(([key]) => key.startsWith('fnmesh/'));
  const spec = { ...(object.spec as Record<string, unknown>), http: null, rules: null };
  return plain({ notes, own: own.sort(), spec, rules: rulesOf(object).filter(isOwnRule) });
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

/**
 * Refuses two functions on one address.
 * @throws FnmeshError `conflict` naming both.
 */
export function checkPaths(live: LiveApp, changes: readonly RouteChange[]): void {
  const changed = new Set(changes.map(functionOf));
  const taken = new Map<string, FunctionName>();
  for (const { route } of live.routes.values())
    if (!changed.has(route.function)) taken.set(`${route.host}${route.path}`, route.function);
  for (const change of changes) {
    if (change.kind === 'remove') continue;
    const { host, path, function: fn } = change.route;
    const other = taken.get(`${host}${path}`);
    if (other !== undefined)
      throw new FnmeshError('conflict', `${host}${path} cannot lead to ${fn}: it leads to ${other}`);
    taken.set(`${host}${path}`, fn);
  }
}
