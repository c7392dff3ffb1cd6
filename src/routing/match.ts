// Which host and path a function answers on. Paths are exact, as Fn's triggers are.
import type { AppName, FunctionName } from './route.js';
import { nearestFunctionName } from './versions.js';

/** The host an app's functions answer on. */
export function hostOf(app: AppName): string {
  return `${app.toLowerCase()}.localhost`;
}

const LABEL = '[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?';
const HOST = new RegExp(String.raw`^${LABEL}(\.${LABEL})*$`);

/** Whether a route may have this host: a DNS name in lower case, with underscores for apps that are named so. */
export function isHost(text: string): boolean {
  return text.length <= 253 && HOST.test(text);
}

/** Whether the function is the one named like its app, as near as a function's name can be to an app's. */
export function isNamedLikeApp(app: AppName, fn: FunctionName): boolean {
  return fn === app || fn === nearestFunctionName(app);
}

/** The path a function answers on: `/` for the one named like its app, else `/<function>`. */
export function pathOf(app: AppName, fn: FunctionName): string {
  return isNamedLikeApp(app, fn) ? '/' : `/${fn}`;
}

/**
 * The path of a request's target, as it was sent: no decoding, no merging of slashes, no query. A target may name
 * scheme and host too, as sent to a proxy.
 */
export function pathOfTarget(target: string): string {
  const query = target.indexOf('?');
  const plain = query < 0 ? target : target.slice(0, query);
  if (plain.startsWith('/')) return plain;
  const path = /^https?:\/\/[^/#]*(.*)$/is.exec(plain)?.[1];
  return path === undefined ? plain : path.startsWith('/') ? path : `/${path}`;
}

/**
 * The address by which callers reach a route.
 * @param gatewayUrl The gateway's base URL, of which scheme and port count; null: http and its usual port.
 */
export function routeUrl(gatewayUrl: string | null, { host, path }: { host: string; path: string }): string {
  const { protocol, port } = new URL(gatewayUrl ?? 'http://gateway');
  return `${protocol}//${host}${port === '' ? '' : `:${port}`}${path}`;
}
