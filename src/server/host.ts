// Which app a request to the gateway names, and which path of it.
import type { Catalog } from './catalog.js';

const SUFFIX = '.localhost';
const BY_PATH = '/.app/';
const MOST_KNOWN = 1000;

/** Host headers already taken apart; the same few come with every request. */
const labels = new Map<string, string | undefined>();

/** Where a request goes: a path of what `host` names. `explicit`: the app was named in the path, so no other will do. */
export type Place = { host: string | undefined; path: string; explicit: boolean };

/**
 * The place of a request: `/.app/<app>/<path>` is that path of the app, whatever the Host; nothing is decoded. Names
 * below `.localhost` do not resolve in every function's runtime, and two apps may have the same path.
 */
export function placeOf(host: string | undefined, path: string): Place {
  if (!path.startsWith(BY_PATH)) return { host, path, explicit: false };
  const end = path.indexOf('/', BY_PATH.length);
  const app = path.slice(BY_PATH.length, end < 0 ? undefined : end);
  return { host: app + SUFFIX, path: end < 0 ? '/' : path.slice(end), explicit: true };
}

/**
 * The app that a place names as `<app>.localhost` (ASCII case and port do not count); undefined when it names none
 * that exists. By the path, apps whose names differ only in case are told apart.
 */
export function appOfPlace(catalog: Catalog, { host, path }: Place): string | undefined {
  const label = host === undefined ? undefined : labelOf(host);
  if (label === undefined) return undefined;
  if (exists(catalog, label)) return label;
  const lower = label.toLowerCase();
  if (exists(catalog, lower)) return lower;
  return catalog.appsWithPath(path).find((name) => name.toLowerCase() === lower);
}

/** An app that only other Fn servers have is known by its routes. */
function exists(catalog: Catalog, app: string): boolean {
  return catalog.appByName(app) !== undefined || catalog.hasRoutes(app);
}

/** What stands before `.localhost`, as written. */
function labelOf(host: string): string | undefined {
  if (labels.has(host)) return labels.get(host);
  const name = host.replace(/:\d*$/, '').replace(/\.$/, '');
  const isOurs = name.length > SUFFIX.length && name.toLowerCase().endsWith(SUFFIX);
  const label = isOurs ? name.slice(0, -SUFFIX.length) : undefined;
  if (labels.size >= MOST_KNOWN) labels.clear();
  if (host.length <= 300) labels.set(host, label);
  return label;
}
