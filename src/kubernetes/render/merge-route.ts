// Route objects are shared: of a live one only fnmesh's rules and notes are replaced. Their lists are atomic, so that
// server-side apply would take what it does not own.
import { KINDS, objectName } from '../object.js';
import type { KubeObject, Metadata } from '../object.js';
import { ownLabels } from '../names.js';
import { checkRuleCount } from './http-route.js';
import { OWN_RULE } from './rules.js';

/** A rule of either api, as far as it matters here. */
export type AnyRule = { name?: string; [field: string]: unknown };

/** Where an object of either api has its rules, and what binds it. */
const PARTS = {
  [KINDS.VirtualService.kind]: { rules: 'http', bindings: ['hosts', 'gateways'] },
  [KINDS.HTTPRoute.kind]: { rules: 'rules', bindings: ['parentRefs', 'hostnames'] },
};

/**
 * The live object with fnmesh's rules, labels, annotations and bindings as desired; everything else as it is, with
 * its resourceVersion. A foreign rule keeps its place among the rules of fnmesh; where there are none of these yet,
 * they come first, for a rule without a match ends a VirtualService.
 * @throws FnmeshError `config` when an HTTPRoute has no room for all of them.
 */
export function mergeRoute(live: KubeObject, desired: KubeObject): KubeObject {
  const { rules, bindings } = partsOf(live);
  const wanted = rulesOf(desired);
  const merged = mergeRules(rulesOf(live), wanted);
  if (live.kind === KINDS.HTTPRoute.kind) {
    checkRuleCount(objectName(live), wanted.length, merged.length - wanted.length);
  }
  const { labels, annotations } = desired.metadata;
  const spec = {
    ...without(specOf(live), (field) => bindings.includes(field)),
    ...specOf(desired),
    [rules]: merged,
  };
  return {
    ...live,
    metadata: {
      ...live.metadata,
      labels: { ...live.metadata.labels, ...labels },
      ...(annotations && { annotations: { ...live.metadata.annotations, ...annotations } }),
    },
    spec,
  };
}

/**
 * What is left of a live route object when fnmesh takes out what is its own; null: nothing, so it can be deleted.
 * What binds it stays, for the foreign rules' sake.
 */
export function withoutRoute(live: KubeObject): KubeObject | null {
  const { rules } = partsOf(live);
  const foreign = rulesOf(live).filter((rule) => !isOwnRule(rule));
  if (foreign.length === 0) return null;
  const { labels = {}, annotations = {} } = live.metadata;
  const own = ownLabels(labels['app.kubernetes.io/part-of'] ?? '', labels['app.kubernetes.io/name'] ?? '');
  const metadata: Metadata = {
    ...live.metadata,
    labels: without(labels, (key) => isOwnKey(key) || labels[key] === own[key]),
    annotations: without(annotations, isOwnKey),
  };
  return { ...live, metadata, spec: { ...specOf(live), [rules]: foreign } };
}

/** The rules of a route object of either api, in order. */
export function rulesOf(object: KubeObject): AnyRule[] {
  const list = specOf(object)[partsOf(object).rules];
  return Array.isArray(list) ? (list as AnyRule[]) : [];
}

/** Whether fnmesh made the rule. */
export function isOwnRule({ name }: AnyRule): boolean {
  return name?.startsWith(OWN_RULE) ?? false;
}

/** Each foreign rule goes before the first own one that it stood before; the rest goes to the end. */
function mergeRules(live: readonly AnyRule[], wanted: readonly AnyRule[]): AnyRule[] {
  const place = new Map(wanted.map(({ name }, index) => [name, index]));
  const before: AnyRule[][] = wanted.map(() => []);
  const rest: AnyRule[] = [];
  let next = wanted.length;
  // From the end, so that the order among the foreign ones is kept even where the own ones were moved.
  for (const rule of [...live].reverse()) {
    if (isOwnRule(rule)) next = Math.min(next, place.get(rule.name) ?? next);
    else (before[next] ?? rest).unshift(rule);
  }
  return [...wanted.flatMap((rule, index) => [...before[index]!, rule]), ...rest];
}

function partsOf({ kind }: KubeObject): { rules: string; bindings: readonly string[] } {
  const parts = PARTS[kind];
  if (!parts) throw new TypeError(`${kind} is no kind of route object`);
  return parts;
}

function specOf(object: KubeObject): Record<string, unknown> {
  return (object.spec ?? {}) as Record<string, unknown>;
}

function isOwnKey(key: string): boolean {
  return key.startsWith('fnmesh/');
}

function without<Value>(
  record: Record<string, Value>,
  leaves: (key: string) => boolean,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !leaves(key)));
}
