// Where a proxy leads: a destination's endpoint taken apart, by grammars so strict that no part of it can be more than
// itself in an nginx configuration, in a header or in an environment variable.
import { isIP } from 'node:net';
import { FnmeshError } from '../../errors.js';
import { isLoopback } from '../../loopback.js';
import type { Site } from '../site.js';

/** A trigger on an Fn server, as a Pod reaches it. */
export type Upstream = {
  readonly scheme: 'http' | 'https';
  /** A DNS name in lower case, or an IP address (IPv6 in brackets). Names of Services are whole: nginx searches no domains. */
  readonly host: string;
  readonly port: number;
  /** `HOST:PORT`. */
  readonly authority: string;
  /** The path, such as `/t/shop/cart/v2`. */
  readonly route: string;
};

const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const DNS_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const URL_PARTS = /^(https?):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(\/.*)$/;
/** One segment of a path: unreserved characters (RFC 3986, 2.3), no dot segment. Valid in JavaScript and in PCRE. */
export const SEGMENT = String.raw`(?!\.\.?(?:/|\z))[A-Za-z0-9._~-]+`;
const ROUTE = new RegExp(`^/t/[^/]+(?:/|(?:/${SEGMENT.replace(String.raw`\z`, '$')})+/?)$`);
/** The longest path, in characters; a header that carries it stays well within what proxies take. */
const LONGEST_ROUTE = 1000;

/** Whether the text is a DNS name (RFC 1123) in lower case. Names that end in a number are none: they may be read as addresses. */
export function isDnsName(text: string): boolean {
  return text.length <= 253 && DNS_NAME.test(text) && !/(?:^|\.)\d+$/.test(text);
}

/**
 * An endpoint taken apart.
 * @param of Names the version in errors: `shop/cart/v2`.
 * @throws FnmeshError `config` when there is none, when it is no `http(s)://HOST[:PORT]/t/APP/SOURCE` of the site's
 *   app, or has a character that nginx, a header or a route could read in another way.
 */
export function upstreamOf(
  endpoint: string | undefined,
  of: string,
  site: Pick<Site, 'app' | 'namespace' | 'clusterDomain'>,
): Upstream {
  if (endpoint === undefined) {
    throw new FnmeshError('config', `${of} is on no Fn server that the cluster reaches`, {
      try: 'name one under fn: of the target in fnmesh.yaml, then fnmesh deploy',
    });
  }
  const wrong = (problem: string, way: string): FnmeshError =>
    new FnmeshError('config', `${of}: no proxy can lead to ${shown(endpoint)}: ${problem}`, { try: way });
  const server = 'set fn.invoke of the target in fnmesh.yaml to http(s)://HOST[:PORT], without a path';

  const [, scheme, said, digits, route] = URL_PARTS.exec(endpoint) ?? [];
  if ((scheme !== 'http' && scheme !== 'https') || said === undefined || route === undefined) {
    throw wrong('it is no http(s)://HOST[:PORT]/t/APP/SOURCE', server);
  }
  const host = hostOf(said.toLowerCase(), site);
  if (host === null) throw wrong(`${said} is neither a DNS name nor an IP address`, server);
  if (isLoopback(host)) throw wrong(`${said} is each Pod itself`, `${server}, as Pods reach it`);
  const isAddress = isIP(host.replace(/^\[|\]$/g, '')) > 0;
  // nginx compares a certificate's DNS names only (ngx_http_proxy_module, proxy_ssl_verify).
  if (scheme === 'https' && isAddress)
    throw wrong('https needs a host name that its certificate has', server);
  const port = Number(digits ?? (scheme === 'http' ? 80 : 443));
  if (port < 1 || port > 65_535) throw wrong(`there is no port ${port}`, server);
  if (!route.startsWith(`/t/${site.app}/`)) throw wrong(`its path is not /t/${site.app}/…`, server);
  if (route.length > LONGEST_ROUTE || !ROUTE.test(route)) {
    throw wrong(
      `a trigger's source here has letters, digits, ".", "_", "~", "-" and single slashes, and no dot segments`,
      `change the source of the trigger in ${of}'s func.yaml`,
    );
  }
  return { scheme, host, port, authority: `${host}:${port}`, route };
}

/** The host as nginx looks it up; null: it is none. */
function hostOf(
  said: string,
  { namespace, clusterDomain }: Pick<Site, 'namespace' | 'clusterDomain'>,
): string | null {
  if (said.startsWith('[')) return isIP(said.slice(1, -1)) === 6 ? said : null;
  if (isIP(said) === 4) return said;
  if (!isDnsName(said)) return null;
  if (said === 'localhost') return said;
  if (!said.includes('.')) return `${said}.${namespace}.svc.${clusterDomain}`;
  return said.endsWith('.svc') ? `${said}.${clusterDomain}` : said;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
