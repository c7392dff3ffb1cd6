// What `fnmesh diff` says of a cluster: the objects as they shall be against those that are there. Pure.
import { type FieldDifference, differences } from './compare.js';
import { objectName, type KubeObject } from './object.js';
import { inOrder } from './render/order.js';

/** An object that is not as it shall be. `fields` of one that is missing or too many: empty. */
export type ObjectDifference = {
  /** `orphan`: fnmesh made it, and nothing needs it now. */
  state: 'missing' | 'changed' | 'orphan';
  kind: string;
  namespace: string | null;
  name: string;
  fields: FieldDifference[];
};

/**
 * What an apply of `desired` would change, object by object, in the order in which objects are applied. Values of
 * Secrets are masked.
 * @param live What carries the app's labels, or has the name of a desired object.
 */
export function diffObjects(desired: readonly KubeObject[], live: readonly KubeObject[]): ObjectDifference[] {
  const there = new Map(live.map((object) => [idOf(object), object]));
  const wanted = new Set(desired.map(idOf));
  const orphans = live.filter((object) => !wanted.has(idOf(object)));
  return inOrder([...desired, ...orphans]).flatMap((object): ObjectDifference[] => {
    const { kind, metadata } = object;
    const named = { kind, namespace: metadata.namespace ?? null, name: metadata.name };
    if (!wanted.has(idOf(object))) return [{ state: 'orphan', ...named, fields: [] }];
    const other = there.get(idOf(object));
    if (other === undefined) return [{ state: 'missing', ...named, fields: [] }];
    const fields = differences(object, other);
    return fields.length === 0 ? [] : [{ state: 'changed', ...named, fields }];
  });
}

/** Without the version of the API: the same object may be read in another one. */
const idOf = (object: KubeObject): string => `${object.apiVersion.split('/', 1)[0]} ${objectName(object)}`;
