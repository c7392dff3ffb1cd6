// What must hold of a route before it is put into an object: the API servers accept more than data planes can serve.
import { FnmeshError } from '../../errors.js';
import { formatPercent } from '../../routing/weights.js';
import { WHOLE } from '../../routing/route.js';
import type { Route } from '../../routing/route.js';
import type { Site } from '../site.js';

const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
/** RFC 1123, as both route APIs want it: no underscores, no wildcard. */
const HOST = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** RFC 3986 path characters without escapes, dot and empty segments, which proxies may fold (Gateway API 1.6, HTTPPathMatch). */
const PATH =
  /^\/(?:(?!\.{1,2}(?:\/|$))[-A-Za-z0-9._~!$&'()*+,;=:@]+(?:\/(?!\.{1,2}(?:\/|$))[-A-Za-z0-9._~!$&'()*+,;=:@]+)*)?$/;

/**
 * Checks what every rule of the route stands on.
 * @throws FnmeshError `config` for a host or a path that no route object can have, and for a split that is none.
 */
export function checkRoute(route: Route): void {
  const { app, function: fn, host, path, split, destinations } = route;
  const wrong = (problem: string, way: string) =>
    new FnmeshError('config', `${app}/${fn}: ${problem}`, { try: way });
  if (host.length > 253 || !HOST.test(host)) {
    throw wrong(
      `${JSON.stringify(host)} is no host that a gateway can serve`,
      'set host: of the target in fnmesh.yaml to a DNS name',
    );
  }
  if (path.length > 1024 || !PATH.test(path)) {
    throw wrong(
      `${JSON.stringify(path)} is no path that a gateway can match exactly`,
      'rename the function: its path is its name',
    );
  }
  const weights = Object.values(split);
  const sum = weights.reduce((total, points) => total + points, 0);
  if (sum !== WHOLE || weights.some((points) => !Number.isInteger(points) || points < 0)) {
    throw wrong(
      `its split sums to ${formatPercent(sum)}, not 100 %`,
      `fnmesh shift ${fn}/${Object.keys(split)[0] ?? 'v1'}=100`,
    );
  }
  const unled = Object.keys(split).find((version) => !Object.hasOwn(destinations, version));
  if (unled !== undefined) throw wrong(`${unled} leads nowhere`, 'fnmesh wire');
}

/**
 * Checks that no two functions answer on one path of one host: which of their rules wins would be left to chance.
 * @throws FnmeshError `config` naming both.
 */
export function checkOverlap(site: Pick<Site, 'app'>, routes: readonly Route[]): void {
  const owners = new Map<string, Route>();
  for (const route of routes) {
    const address = `${route.host}${route.path}`;
    const other = owners.get(address);
    if (other) {
      const both = `${other.function} and ${route.function}`;
      throw new FnmeshError('config', `${site.app}: ${both} both answer on ${address}`, {
        try: `rename one of ${both}`,
      });
    }
    owners.set(address, route);
  }
}
