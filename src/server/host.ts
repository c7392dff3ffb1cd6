// Which app a Host header names.
import type { Catalog } from './catalog.js';

const SUFFIX = '.localhost';
const MOST_KNOWN = 1000;

/** Host headers already taken apart; the same few come with every request. */
const labels = new Map<string, string | undefined>();

/**
 * The app that the host names as `<app>.localhost` (ASCII case and port do not count); undefined when it names none
 * that exists.
 * @param path The request's path, by which apps whose names differ only in case are told apart.
 */
export function appOfHost(catalog: Catalog, host: string | undefined, path: string): string | undefined {
  const label = host === undefined ? undefined : labelOf(host);
  if (label === undefined) return undefined;
  if (catalog.appByName(label)) return label;
  const lower = label.toLowerCase();
  if (catalog.appByName(lower)) return lower;
  return catalog.appsWithPath(path).find((name) => name.toLowerCase() === lower);
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
