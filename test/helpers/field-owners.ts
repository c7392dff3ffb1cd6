// Who owns which field of an object, as server-side apply has it (Kubernetes, "Server-Side Apply"): per leaf, with the lists
// that the built-in kinds merge by key, and every other list as one value.
import { FnmeshError } from '../../src/errors.js';
import { KINDS } from '../../src/kubernetes/object.js';
import type { KubeObject, Metadata } from '../../src/kubernetes/object.js';

/** A path such as `["f:spec","f:containers","k:{\"name\":\"nginx\"}","f:image"]`, as JSON. */
type Path = string;
/** `MANAGER OPERATION` → the leaves it owns. */
export type Owners = Map<string, Set<Path>>;

/** Lists of the built-in kinds that are merged, and by what. */
const KEYS: Record<string, string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  imagePullSecrets: ['name'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  conditions: ['type'],
};
const BUILT_IN = new Set(['', 'apps', 'policy', 'autoscaling', 'networking.k8s.io', 'discovery.k8s.io']);
const OWN = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'managedFields',
];

/** The leaves of what may be owned. */
function leavesOf(object: KubeObject): Map<Path, unknown> {
  const { apiVersion, metadata, ...rest } = object;
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
  const own = Object.fromEntries(Object.entries(metadata).filter(([field]) => !OWN.includes(field)));
  const found = new Map<Path, unknown>();
  collect({ metadata: own, ...rest }, [], BUILT_IN.has(group), found);
  for (const path of ['["f:metadata"]', '["f:kind"]']) found.delete(path);
  return found;
}

function collect(value: unknown, path: string[], isBuiltIn: boolean, found: Map<Path, unknown>): void {
  if (value === null || value === undefined) return;
  const keys = isBuiltIn && Array.isArray(value) ? keysOf(path.at(-1), value) : undefined;
  if (keys !== undefined) {
    for (const item of value as Record<string, unknown>[]) {
      collect(item, [...path, `k:${JSON.stringify(pick(item, keys))}`], isBuiltIn, found);
    }
  } else if (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0) {
    for (const [key, each] of Object.entries(value)) collect(each, [...path, `f:${key}`], isBuiltIn, found);
  } else found.set(JSON.stringify(path), value);
}

function keysOf(field: string | undefined, list: unknown[]): string[] | undefined {
  if (list.length === 0 || typeof list[0] !== 'object') return undefined;
  const name = field?.slice(2) ?? '';
  if (name === 'ports')
    return 'containerPort' in (list[0] as object) ? ['containerPort', 'protocol'] : ['port', 'protocol'];
  return KEYS[name];
}

function pick(item: Record<string, unknown>, keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, item[key] ?? (key === 'protocol' ? 'TCP' : '')]));
}

/**
 * What the object is after `manager` applied `sent`.
 * @param live null: there was none.
 * @throws FnmeshError `conflict` naming the fields that others own.
 */
export function applied(
  live: KubeObject | null,
  owners: Owners,
  sent: KubeObject,
  manager: string,
  force: boolean,
): KubeObject {
  const me = `${manager} Apply`;
  const wanted = leavesOf(sent);
  const there = live === null ? new Map<Path, unknown>() : leavesOf(live);
  const others = [...owners].filter(([name]) => name !== me);
  const conflicts = [...wanted]
    .filter(([path, value]) => there.has(path) && !same(there.get(path), value))
    .flatMap(([path]) => others.filter(([, paths]) => paths.has(path)).map(([name]) => ({ path, name })));
  if (conflicts.length > 0 && !force) {
    const words = conflicts.map(
      ({ path, name }) => `${wordsOf(path)} (conflict with "${name.split(' ')[0]}")`,
    );
    throw new FnmeshError(
      'conflict',
      `${sent.kind} ${sent.metadata.name} changed meanwhile: ${words.join(', ')}`,
    );
  }
  for (const { path, name } of conflicts) owners.get(name)!.delete(path);
  const result = structuredClone(
    live ?? { apiVersion: sent.apiVersion, kind: sent.kind, metadata: identityOf(sent) },
  );
  for (const path of owners.get(me) ?? []) {
    if (!wanted.has(path) && !others.some(([, paths]) => paths.has(path)))
      removeAt(result, JSON.parse(path) as string[]);
  }
  for (const [path, value] of wanted) setAt(result, JSON.parse(path) as string[], structuredClone(value));
  owners.set(me, new Set(wanted.keys()));
  return result;
}

/** Notes that `manager` made `before` into `after` by a plain write. */
export function updated(owners: Owners, before: KubeObject | null, after: KubeObject, manager: string): void {
  const old = before === null ? new Map<Path, unknown>() : leavesOf(before);
  const now = leavesOf(after);
  const changed = [...now]
    .filter(([path, value]) => !old.has(path) || !same(old.get(path), value))
    .map(([path]) => path);
  for (const paths of owners.values()) {
    for (const path of [...paths]) if (!now.has(path) || changed.includes(path)) paths.delete(path);
  }
  if (changed.length === 0) return;
  const mine = owners.get(`${manager} Update`) ?? new Set();
  for (const path of changed) mine.add(path);
  owners.set(`${manager} Update`, mine);
}

/** As it stands in metadata. */
export function managedFields(owners: Owners): NonNullable<Metadata['managedFields']> {
  return [...owners]
    .filter(([, paths]) => paths.size > 0)
    .map(([name, paths]) => {
      const fieldsV1: Record<string, unknown> = {};
      for (const path of paths) {
        let at = fieldsV1;
        for (const step of JSON.parse(path) as string[]) at = (at[step] ??= {}) as Record<string, unknown>;
      }
      const [manager, operation] = name.split(' ') as [string, string];
      return { manager, operation, fieldsV1 };
    });
}

function identityOf({ metadata: { name, namespace } }: KubeObject): Metadata {
  return namespace === undefined ? { name } : { name, namespace };
}

function setAt(root: object, [step, ...rest]: string[], value: unknown): void {
  const at = root as Record<string, unknown>;
  const field = step!.slice(2);
  if (rest.length === 0) at[field] = value;
  else if (rest[0]!.startsWith('k:')) {
    if (!Array.isArray(at[field])) at[field] = [];
    const item = elementOf(at[field] as Record<string, unknown>[], rest[0]!);
    if (rest.length > 1) setAt(item, rest.slice(1), value);
  } else {
    if (typeof at[field] !== 'object' || at[field] === null || Array.isArray(at[field])) at[field] = {};
    setAt(at[field] as object, rest, value);
  }
}

function elementOf(list: Record<string, unknown>[], step: string): Record<string, unknown> {
  const key = JSON.parse(step.slice(2)) as Record<string, unknown>;
  const found = list.find((item) => same(pick(item, Object.keys(key)), key));
  if (found !== undefined) return found;
  const made = { ...key };
  list.push(made);
  return made;
}

function removeAt(root: object, path: string[]): void {
  const [step, ...rest] = path as [string, ...string[]];
  const at = root as Record<string, unknown>;
  const field = step.slice(2);
  if (rest.length === 0) {
    delete at[field];
    return;
  }
  const inner = at[field];
  if (rest[0]!.startsWith('k:') && Array.isArray(inner)) {
    const key = JSON.parse(rest[0]!.slice(2)) as Record<string, unknown>;
    const index = inner.findIndex((item: Record<string, unknown>) => same(pick(item, Object.keys(key)), key));
    if (index < 0) return;
    const item = inner[index] as Record<string, unknown>;
    if (rest.length > 1) removeAt(item, rest.slice(1));
    if (Object.keys(item).every((name) => name in key)) inner.splice(index, 1);
    if (inner.length === 0) delete at[field];
  } else if (typeof inner === 'object' && inner !== null) {
    removeAt(inner, rest);
    if (Object.keys(inner).length === 0 && field !== 'metadata') delete at[field];
  }
}

function wordsOf(path: Path): string {
  return (JSON.parse(path) as string[])
    .map((step) => (step.startsWith('k:') ? `[${step.slice(2)}]` : `.${step.slice(2)}`))
    .join('');
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** With keys in order, for comparison. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

/** Every kind with a status that plain writes do not touch. */
export const WITH_STATUS: ReadonlySet<string> = new Set(
  Object.values(KINDS)
    .filter(
      ({ kind }) =>
        ![
          'ConfigMap',
          'Secret',
          'ServiceAccount',
          'EndpointSlice',
          'Role',
          'RoleBinding',
          'ClusterRole',
        ].includes(kind),
    )
    .map(({ kind }) => kind),
);
