// What of an object on the cluster is not as it shall be. What the API server filled in by itself is no difference. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from './object.js';
import { type FieldStep, ownedFields } from './owned-fields.js';
import { quantityOf } from './quantity.js';

/** One difference, such as `spec.template.spec.containers[nginx].image`. null: not there. Secrets' values are not in it. */
export type FieldDifference = { field: string; from: unknown; to: unknown };

/** What stands in place of a secret's value. */
const MASKED = '(secret)';

/**
 * The fields that an apply of `desired` would change in `live`, in the order of `desired`; then what fnmesh once set
 * and `desired` no longer has, as managedFields tell. Equal: quantities of the same size, lists of the same items by
 * their keys, and what is empty and what is absent. Not looked at: status, and what only the API server writes.
 */
export function differences(desired: KubeObject, live: KubeObject): FieldDifference[] {
  const [wanted, there] = [comparable(desired), comparable(live)];
  const found: FieldDifference[] = [];
  compare(wanted, there, [], { found, kind: desired.kind });
  for (const path of ownedFields(live)) {
    const steps = path[0] === 'stringData' ? ['data', ...path.slice(1)] : path;
    const from = at(there, steps);
    if (from === undefined || at(wanted, steps) !== undefined || isServers(steps)) continue;
    found.push({ field: textOf(steps), from, to: null });
  }
  return desired.kind === 'Secret' ? found.map(masked) : found;
}

/** The paths of `differences`. Empty: an apply would change nothing. */
export function changedFields(desired: KubeObject, live: KubeObject): string[] {
  return differences(desired, live).map(({ field }) => field);
}

type Walk = { found: FieldDifference[]; kind: string };

const SERVERS = ['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields', 'selfLink'];

function comparable(object: KubeObject): Record<string, unknown> {
  const { metadata, stringData, ...rest } = object;
  const kept = Object.entries(metadata).filter(([key]) => !SERVERS.includes(key));
  const data = Object.entries(stringData ?? {}).map(([key, text]) => [key, base64(String(text))]);
  return {
    ...rest,
    status: undefined,
    metadata: Object.fromEntries(kept),
    ...(data.length > 0 && { data: { ...(rest['data'] as object), ...Object.fromEntries(data) } }),
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function compare(desired: unknown, live: unknown, path: FieldStep[], walk: Walk): void {
  if (isRecord(desired) && isRecord(live)) {
    for (const [key, value] of Object.entries(desired))
      compare(value, Object.hasOwn(live, key) ? live[key] : undefined, [...path, key], walk);
    return;
  }
  if (Array.isArray(desired) && Array.isArray(live)) {
    const keys = keysOf(desired, path, walk.kind);
    if (keys !== null) {
      for (const item of desired as Record<string, unknown>[]) {
        const key = keyOf(item, keys);
        compare(
          item,
          (live as unknown[]).find((other) => hasKey(other, key)),
          [...path, key],
          walk,
        );
      }
      return;
    }
    if (desired.length === live.length) {
      desired.forEach((item, index) => compare(item, live[index], [...path, String(index)], walk));
      return;
    }
  }
  if (!isSame(desired, live, path))
    walk.found.push({ field: textOf(path), from: live ?? null, to: desired ?? null });
}

// Of these, the API server drops what is zero or false; of all others (pointers in its types) it keeps it.
const DROPPED_WHEN_ZERO = [
  'minReadySeconds',
  'initialDelaySeconds',
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'readOnly',
  'paused',
  'publishNotReadyAddresses',
];
const OF_QUANTITIES = ['limits', 'requests', 'sizeLimit', 'averageValue'];

function isSame(desired: unknown, live: unknown, path: readonly FieldStep[]): boolean {
  if (isDeepStrictEqual(desired, live)) return true;
  if (live === undefined || live === null) {
    if (desired === undefined || desired === null || desired === '') return true;
    if (Array.isArray(desired)) return desired.length === 0;
    const last = path.at(-1);
    return (
      (desired === 0 || desired === false) && typeof last === 'string' && DROPPED_WHEN_ZERO.includes(last)
    );
  }
  if (!isAmount(desired) || !isAmount(live)) return false;
  if (!path.slice(-2).some((step) => typeof step === 'string' && OF_QUANTITIES.includes(step))) return false;
  const size = quantityOf(desired);
  return size !== null && size === quantityOf(live);
}

const isAmount = (value: unknown): value is string | number =>
  typeof value === 'string' || typeof value === 'number';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** By what server-side apply tells the items of a list from each other; null: the list is one value. */
function keysOf(items: readonly unknown[], path: readonly FieldStep[], kind: string): string[] | null {
  const name = path.at(-1);
  if (items.length === 0 || typeof name !== 'string' || !items.every(isRecord)) return null;
  if (name === 'ports') {
    if (items.every((item) => 'containerPort' in item)) return ['containerPort', 'protocol'];
    return kind === 'Service' ? ['port', 'protocol'] : null;
  }
  return (kind === 'Service' ? null : LIST_KEYS[name]) ?? null;
}

const LIST_KEYS: Readonly<Record<string, string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  imagePullSecrets: ['name'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
};

const keyOf = (item: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, item[key] ?? (key === 'protocol' ? 'TCP' : undefined)]));

const hasKey = (item: unknown, key: Readonly<Record<string, unknown>>): boolean =>
  isRecord(item) && isDeepStrictEqual(keyOf(item, Object.keys(key)), key);

function at(value: unknown, path: readonly FieldStep[]): unknown {
  return path.reduce<unknown>((inner, step) => {
    if (typeof step !== 'string')
      return Array.isArray(inner) ? inner.find((item) => hasKey(item, step)) : undefined;
    return isRecord(inner) && Object.hasOwn(inner, step) ? inner[step] : undefined;
  }, value);
}

const isServers = ([first, second]: readonly FieldStep[]): boolean =>
  first === 'status' || (first === 'metadata' && typeof second === 'string' && SERVERS.includes(second));

function textOf(path: readonly FieldStep[]): string {
  return path
    .map((step, index) => {
      if (typeof step !== 'string') return `[${String(Object.values(step)[0])}]`;
      if (/^\d+$/.test(step)) return `[${step}]`;
      return /^[\w-]+$/.test(step) ? `${index === 0 ? '' : '.'}${step}` : `['${step}']`;
    })
    .join('');
}

const masked = (one: FieldDifference): FieldDifference =>
  /^(data|stringData)\b/.test(one.field)
    ? { field: one.field, from: one.from === null ? null : MASKED, to: one.to === null ? null : MASKED }
    : one;
