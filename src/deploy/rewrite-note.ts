// What a change of routes that moves no traffic does, in words for the history. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { ObjectChange } from '../kubernetes/front.js';
import type { RouteChange, RouteTable } from '../router/router.js';
import type { Route } from '../routing/route.js';

/**
 * In what the routes that are written differ, but for their shares and new versions: `host a.example.com →
 * b.example.com`; undefined: in nothing that has a word.
 * @param table The routes as they are.
 * @param objects What else changes on a cluster.
 */
export function rewriteNote(
  changes: readonly RouteChange[],
  table: RouteTable,
  objects: readonly ObjectChange[],
): string | undefined {
  const there = new Map(table.routes.map(({ route }) => [route.function, route]));
  const words = changes.flatMap((change) => {
    const before = change.kind === 'put' ? there.get(change.route.function) : undefined;
    return change.kind === 'put' && before !== undefined ? differences(before, change.route) : [];
  });
  const isSwitched = ['create', 'remove'].every((action) =>
    objects.some((object) => object.kind === 'Deployment' && object.action === action),
  );
  if (isSwitched) words.push('other proxies');
  return words.length === 0 ? undefined : [...new Set(words)].join(', ');
}

function differences(before: Route, after: Route): string[] {
  const words: string[] = [];
  if (before.host !== after.host) words.push(`host ${before.host} → ${after.host}`);
  if (before.path !== after.path) words.push(`path ${before.path} → ${after.path}`);
  const leadsElsewhere = Object.entries(after.destinations).some(
    ([version, to]) =>
      before.destinations[version] !== undefined && !isDeepStrictEqual(before.destinations[version], to),
  );
  if (leadsElsewhere) words.push('other triggers');
  return words;
}
