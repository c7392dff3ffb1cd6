// Which route objects a change of routes writes or removes on a cluster, for people. Pure.
import type { Front, FrontPlan, ObjectRef } from '../kubernetes/front.js';
import type { RouteChange, RouteTable } from '../router/router.js';

/** A route object that is written or removed, and where its function answers, or did. */
export type RouteRow = ObjectRef & {
  action: 'write' | 'remove';
  function: string;
  host: string;
  path: string;
};

/** What changes on a cluster: the routes, and the other objects before the functions. */
export type FrontRows = Pick<FrontPlan, 'objects' | 'warnings'> & { routes: RouteRow[] };

/**
 * What changes on a cluster with some routes.
 * @param table The routes as they are.
 */
export function frontRows(
  front: Pick<Front, 'routeObjects'>,
  { objects, warnings }: Pick<FrontPlan, 'objects' | 'warnings'>,
  changes: readonly RouteChange[],
  table: RouteTable,
): FrontRows {
  const there = new Map(table.routes.map(({ route }) => [route.function, route]));
  const routes = changes.flatMap((change): RouteRow[] => {
    const fn = change.kind === 'put' ? change.route.function : change.function;
    const route = change.kind === 'put' ? change.route : there.get(fn);
    const { host = '', path = '' } = route ?? {};
    const action = change.kind === 'put' ? 'write' : 'remove';
    return front.routeObjects(fn).map((object) => ({ action, ...object, function: fn, host, path }));
  });
  return { objects, routes, warnings };
}
