// Why nothing answers at the gateway, and what would.
import { hostOf } from '../routing/match.js';
import type { Catalog } from './catalog.js';
import { appOfPlace, type Place } from './host.js';

/** How many hosts a message names. */
const MOST_NAMED = 10;

/** The message of the 404 for a place without a route. */
export function noRoute(catalog: Catalog, place: Place): string {
  const { host, path, explicit } = place;
  const app = appOfPlace(catalog, place);
  if (app !== undefined)
    return `Route not found: ${app} has no function at ${shown(path)}${near(catalog, path, app)}`;
  const apps = catalog.appsWithPath(path);
  if (apps.length === 0)
    return `Route not found: no app has a function at ${shown(path)}${near(catalog, path)}`;
  const more = apps.length > MOST_NAMED ? ` and ${apps.length - MOST_NAMED} more` : '';
  const named = apps.slice(0, MOST_NAMED);
  if (explicit)
    return `Route not found: ${shown(host!)} is no app's host; ${path} is there at ${named.map(hostOf).join(', ')}${more}`;
  return `Route not found: several apps have a function at ${path}; send one of these as Host: ${named.map(hostOf).join(', ')}${more}`;
}

/** The path of the app, or of any, that was perhaps meant: nothing folds slashes, escapes or sub-paths. */
function near(catalog: Catalog, path: string, app?: string): string {
  for (
    let folded = path;
    folded.length > 1 && folded.length <= 300;
    folded = folded.slice(0, folded.lastIndexOf('/'))
  ) {
    const plain = folded
      .replaceAll(/%2f/gi, '/')
      .replaceAll(/\/+/g, '/')
      .replace(/(?<=.)\/$/, '');
    const exists =
      app === undefined ? catalog.appsWithPath(plain).length > 0 : catalog.routeByPath(app, plain);
    if (plain !== path && exists) return `; paths match exactly, and there is ${plain}`;
  }
  return '';
}

function shown(path: string): string {
  return path.length > 300 ? `${path.slice(0, 300)}…` : path;
}
