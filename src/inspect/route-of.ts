import { FnmeshError } from '../errors.js';
import type { RoutedFunction, RouteTable } from '../router/router.js';
import { nearest } from '../routing/near.js';

/**
 * Finds a function's route.
 * @throws FnmeshError `not_found` with the nearest names.
 */
export function routeOf(table: RouteTable, name: string): RoutedFunction {
  const found = table.routes.find(({ route }) => route.function === name);
  if (found) return found;
  const names = table.routes.map(({ route }) => route.function);
  const close = nearest(name, names);
  throw new FnmeshError(
    'not_found',
    names.length === 0
      ? `app ${table.app} has no routes`
      : `app ${table.app} has no function '${name}'; it has ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`,
    { try: close[0] ? `the name ${close[0]}` : 'fnmesh deploy --all' },
  );
}
