// A route object read back: the route with the weights that its rules really have, and its history.
import { sameShares } from '../../routing/diff.js';
import { WHOLE } from '../../routing/route.js';
import type { Route, Split } from '../../routing/route.js';
import { shareOut } from '../../routing/share-out.js';
import { firstSplit } from '../../routing/split.js';
import { versionsOf } from '../../routing/versions.js';
import { LABELS, versionObject } from '../names.js';
import { KINDS } from '../object.js';
import type { KubeObject } from '../object.js';
import type { Entry } from '../route-record.js';
import { isOwnRule, rulesOf } from './merge-route.js';
import type { AnyRule } from './merge-route.js';
import { notesOf } from './route-notes.js';
import { SPLIT_RULE } from './rules.js';

/** The weights that fnmesh wrote last, and those that somebody else has put in their place. */
type Drift = {
  asked: Split;
  /** All 0 when no version gets anything any more. */
  live: Split;
};

/** What a route object says. `foreignRules`: the names of rules that are not fnmesh's, or `#3` for one without. */
export type ReadRoute = {
  /** With the live weights; with those asked for when the live ones serve nobody. */
  route: Route;
  revision: number;
  /** This function's part of the last changes, oldest first. */
  history: Entry[];
  drift: Drift | null;
  foreignRules: string[];
};

/**
 * Reads the route object that is bound to the gateway; null for any other: one that fnmesh did not make, or the one
 * for the mesh.
 * @throws FnmeshError `config` naming the object when its annotations are missing or garbled.
 */
export function readRoute(object: KubeObject): ReadRoute | null {
  const { labels = {} } = object.metadata;
  if (labels[LABELS.managedBy] !== 'fnmesh' || labels[LABELS.function] === undefined) return null;
  if (labels[LABELS.mesh] !== undefined) return null;
  if (object.kind !== KINDS.VirtualService.kind && object.kind !== KINDS.HTTPRoute.kind) return null;
  const { route, revision, history } = notesOf(object);
  const live = liveSplit(object, route);
  const asked = history.at(-1)?.after;
  const split = live ?? asked ?? firstSplit(Object.keys(route.destinations));
  const isAsLeft = live !== null && sameShares(asked ?? live, live);
  return {
    route: { ...route, split },
    revision,
    history,
    drift: isAsLeft ? null : { asked: asked ?? split, live: live ?? unserved(route) },
    foreignRules: rulesOf(object).flatMap((rule, index) => {
      return isOwnRule(rule) ? [] : [rule.name ?? `#${index + 1}`];
    }),
  };
}

/**
 * The shares of a route object's split rule, of either api and of the one for the mesh as well, in basis points that
 * sum to 10 000; null when no version gets anything. What goes elsewhere than to a version of the route is left out.
 */
export function liveSplit(
  object: KubeObject,
  route: Pick<Route, 'app' | 'function' | 'destinations'>,
): Split | null {
  const rule = rulesOf(object).find(({ name }) => name === SPLIT_RULE);
  if (!rule) return null;
  const versions = versionsOf(route.destinations);
  const byService = new Map(
    versions.map((version) => [versionObject(route.app, route.function, version), version]),
  );
  const weights = unserved(route);
  const { namespace } = object.metadata;
  for (const { service, weight, ...target } of targetsOf(object, rule)) {
    const version = (target.namespace ?? namespace) === namespace ? byService.get(service) : undefined;
    if (version !== undefined) weights[version] = weights[version]! + weight;
  }
  if (Object.values(weights).every((weight) => weight === 0)) return null;
  return Object.fromEntries(
    shareOut(WHOLE, versions, weights).map(({ version, points }) => [version, points]),
  );
}

/** Where a part of the requests goes; `namespace` absent: the object's own. */
type Target = { service: string; namespace?: string; weight: number };

/** Where a rule of the object leads to. */
export function targetsOf({ kind }: Pick<KubeObject, 'kind'>, rule: AnyRule): Target[] {
  return kind === KINDS.HTTPRoute.kind ? backendsOf(rule) : destinationsOf(rule);
}

/** A single destination gets everything, whatever its weight; beside others, one without a weight gets nothing (Istio 1.31). */
function destinationsOf(rule: AnyRule): Target[] {
  const route = (rule.route ?? []) as { destination?: { host?: string }; weight?: number }[];
  return route.map(({ destination, weight = 0 }) => {
    const [service = '', namespace] = (destination?.host ?? '').split('.');
    return {
      service,
      ...(namespace !== undefined && { namespace }),
      weight: route.length === 1 ? 1 : weight,
    };
  });
}

/** The default weight is 1 (Gateway API 1.6, BackendRef). */
function backendsOf(rule: AnyRule): Target[] {
  const backends = (rule.backendRefs ?? []) as { name?: string; namespace?: string; weight?: number }[];
  return backends.map(({ name = '', namespace, weight = 1 }) => {
    return { service: name, ...(namespace !== undefined && { namespace }), weight };
  });
}

function unserved({ destinations }: Pick<Route, 'destinations'>): Record<string, number> {
  return Object.fromEntries(versionsOf(destinations).map((version) => [version, 0]));
}
