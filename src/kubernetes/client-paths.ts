// Where the API serves things (Kubernetes, "API Concepts"). Pure.
import type { Kind } from './object.js';

/** The path of a kind's group and version: `/api/v1`, `/apis/apps/v1`. */
export function groupPath({ group, version }: Pick<Kind, 'group' | 'version'>): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** The path of all objects of a kind, or of one. `namespace` null: in all namespaces; of no matter to kinds without. */
export function objectPath(kind: Kind, namespace: string | null, name?: string): string {
  const inside = kind.namespaced && namespace !== null ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${groupPath(kind)}${inside}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** A query from what is not undefined: `?limit=500&continue=…`, or nothing. */
export function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(values))
    if (value !== undefined) search.append(key, String(value));
  return search.size === 0 ? '' : `?${search.toString()}`;
}
