// Which fields of an object fnmesh's server-side apply has set: what is taken out of them goes with the next apply.
import { FIELD_MANAGER } from './names.js';
import type { KubeObject } from './object.js';

/** A field's way from the top. An object as a step: the item of a list that has these values, such as `{name: 'nginx'}`. */
export type FieldStep = string | Readonly<Record<string, unknown>>;

/**
 * The leaves that field manager `fnmesh` owns by apply, read from managedFields (Kubernetes 1.36, FieldsV1: `f:` a
 * field, `k:` a list's item by its keys, `v:` a set's item, `.` the thing itself). Items of sets and indexes are left
 * out: fnmesh writes no such lists.
 */
export function ownedFields(live: KubeObject): FieldStep[][] {
  const found: FieldStep[][] = [];
  for (const { manager, operation, subresource, fieldsV1 } of live.metadata.managedFields ?? []) {
    if (manager !== FIELD_MANAGER || operation !== 'Apply' || subresource !== undefined) continue;
    walk(fieldsV1, [], found);
  }
  return found;
}

function walk(fields: unknown, path: FieldStep[], found: FieldStep[][]): void {
  if (typeof fields !== 'object' || fields === null) return;
  const inner = Object.entries(fields).filter(([key]) => key !== '.');
  if (inner.length === 0 && path.length > 0) found.push(path);
  for (const [key, below] of inner) {
    if (key.startsWith('f:')) walk(below, [...path, key.slice(2)], found);
    if (key.startsWith('k:')) walk(below, [...path, JSON.parse(key.slice(2)) as FieldStep], found);
  }
}
