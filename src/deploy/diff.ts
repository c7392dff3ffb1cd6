// Field by field differences, and the PUT that levels them. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Annotations, Json } from '../fn/model.js';
import { isReserved } from '../fn/notes.js';

/** One difference: `memory`, `config.KEY`. null: not there. */
export type FieldChange = { field: string; from: Json; to: Json };

/** Differences of a map, and the part of a PUT that levels them: '' removes a key. */
export type MapDiff<Value> = { changes: FieldChange[]; body: Record<string, Value | ''> };

/**
 * What has to change for `before` to hold all of `after`. Keys that only `before` has go when fnmesh had put them
 * (`put`), and stay when somebody else did.
 */
export function diffMap<Value extends Json>(
  name: string,
  before: Readonly<Record<string, Value>>,
  after: Readonly<Record<string, Value>>,
  put: readonly string[],
): MapDiff<Value> {
  const diff: MapDiff<Value> = { changes: [], body: {} };
  for (const [key, to] of Object.entries(after)) {
    const from = own(before, key) ?? null;
    if (isDeepStrictEqual(from, to)) continue;
    diff.changes.push({ field: `${name}.${key}`, from, to });
    diff.body[key] = to;
  }
  for (const key of put) {
    if (Object.hasOwn(after, key) || !Object.hasOwn(before, key)) continue;
    diff.changes.push({ field: `${name}.${key}`, from: before[key] ?? null, to: null });
    diff.body[key] = '';
  }
  return diff;
}

/** `diffMap` of annotations that a user may decide on. */
export function diffAnnotations(
  before: Annotations,
  after: Annotations,
  put: readonly string[],
): MapDiff<Json> {
  const open = Object.fromEntries(Object.entries(before).filter(([key]) => !isReserved(key)));
  return diffMap('annotations', open, after, put);
}

/** The PUT that makes fnmesh's notes in `before` equal to `after`; null when they are. */
export function diffNotes(before: Annotations = {}, after: Annotations): Annotations | null {
  const noted = Object.fromEntries(Object.entries(before).filter(([key]) => key.startsWith('fnmesh/')));
  const { changes, body } = diffMap('annotations', noted, after, Object.keys(noted));
  return changes.length === 0 ? null : body;
}

/** What the map itself has under a key: a user's key may be `constructor`. */
function own<Value>(map: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** What stands in place of a value that is not to be shown. */
export const SECRET = '(secret)';

/** The differences with the values of these config keys hidden. */
export function withoutSecrets(changes: readonly FieldChange[], keys: readonly string[]): FieldChange[] {
  const hidden = new Set(keys.map((key) => `config.${key}`));
  const hide = (value: Json): Json => (value === null ? null : SECRET);
  return changes.map((change) =>
    hidden.has(change.field) ? { ...change, from: hide(change.from), to: hide(change.to) } : change,
  );
}

/** True when a map has no keys. */
export function isEmpty(map: object): boolean {
  return Object.keys(map).length === 0;
}
