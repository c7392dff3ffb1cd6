// Which proxies a site needs: one for each version, or one for all. What a user can write passes a grammar here, so
// that what is rendered later needs no escaping.
import { isIP } from 'node:net';
import { FnmeshError } from '../../errors.js';
import { pathOf } from '../../routing/match.js';
import type { AppName, FunctionName, Route, VersionName } from '../../routing/route.js';
import { isVersionName, versionsOf } from '../../routing/versions.js';
import { sharedProxy, versionObject } from '../names.js';
import type { Site } from '../site.js';
import { isDnsName, upstreamOf } from './upstream.js';
import type { Upstream } from './upstream.js';

/** One proxy Deployment. */
export type Proxy = {
  /** Of the Deployment, and the value of the label that selects its Pods. */
  readonly name: string;
  readonly app: AppName;
  /** A shared proxy leads to any trigger of the app there; its `route` counts for nothing. */
  readonly upstream: Upstream;
  /** What a dedicated proxy is for; null: shared. `path`: the function's own; `route`: the trigger's. */
  readonly only: {
    readonly function: FunctionName;
    readonly version: VersionName;
    readonly path: string;
    readonly route: string;
  } | null;
  /** IP address of the DNS server. */
  readonly dns: string;
  /** Of a request's body, at most. */
  readonly bodyBytes: number;
};

const NAME = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;
/** The longest value of a label, in characters. */
const LONGEST = 63;

/**
 * The proxies that the routes need, ordered by function and version.
 * @throws FnmeshError `config` when a name, path, endpoint or address is not what Kubernetes, nginx and HTTP all take
 *   for the same, or when the versions behind a shared proxy are on several Fn servers.
 */
export function proxiesOf(site: Site, routes: readonly Route[]): Proxy[] {
  checkSite(site);
  const { app, dns, settings } = site;
  const versions = sortedByFunction(routes).flatMap((route) => {
    checkRoute(app, route);
    return versionsOf(route.destinations).map((version) => {
      const of = `${app}/${route.function}/${version}`;
      if (!isVersionName(version) || version.length > LONGEST) {
        throw wrong(
          `${of}: ${JSON.stringify(version)} is no version that a cluster can have`,
          'use v1, v2, …',
        );
      }
      const upstream = upstreamOf(route.destinations[version]?.endpoint, of, site);
      const only = { function: route.function, version, path: route.path, route: upstream.route };
      return { of, name: versionObject(app, route.function, version), upstream, only };
    });
  });
  const common = { app, dns, bodyBytes: settings.bodyBytes };
  if (site.proxy === 'dedicated') {
    return versions.map(({ name, upstream, only }) => ({ ...common, name, upstream, only }));
  }
  const [first] = versions;
  if (first === undefined) return [];
  const originOf = ({ scheme, authority }: Upstream): string => `${scheme}://${authority}`;
  const other = versions.find(({ upstream }) => originOf(upstream) !== originOf(first.upstream));
  if (other) {
    throw wrong(
      `a shared proxy leads to one Fn server: ${first.of} is on ${originOf(first.upstream)}, ${other.of} on ${originOf(other.upstream)}`,
      'set proxy: dedicated for the target in fnmesh.yaml, or fnmesh deploy all versions to one server',
    );
  }
  return [{ ...common, name: sharedProxy(app), upstream: first.upstream, only: null }];
}

/** Routes by function name, whatever order they came in. */
export function sortedByFunction(routes: readonly Route[]): Route[] {
  return [...routes].sort((a, b) => (a.function < b.function ? -1 : Number(a.function > b.function)));
}

function checkSite({ app, namespace, clusterDomain, dns, settings }: Site): void {
  if (!NAME.test(app) || app.length > LONGEST) {
    throw wrong(
      `an app on a cluster has a name of lower-case letters, digits and dashes, ${LONGEST} at most: ${JSON.stringify(app)}`,
      'change name: in app.yaml, then fnmesh deploy',
    );
  }
  if (!/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(namespace) || namespace.length > LONGEST) {
    throw wrong(
      `${JSON.stringify(namespace)} is no namespace`,
      'set namespace: of the target in fnmesh.yaml',
    );
  }
  if (!isDnsName(clusterDomain)) {
    throw wrong(
      `${JSON.stringify(clusterDomain)} is no DNS domain`,
      'set clusterDomain: cluster.local of the target',
    );
  }
  // A zone (fe80::1%eth0) means nothing in another network.
  if (isIP(dns) === 0 || dns.includes('%')) {
    throw wrong(
      `${JSON.stringify(dns)} is no IP address of a DNS server`,
      'set dns: of the target in fnmesh.yaml',
    );
  }
  if (!Number.isSafeInteger(settings.bodyBytes) || settings.bodyBytes < 1) {
    throw wrong(
      `${settings.bodyBytes} is no number of bytes for a body`,
      'set bodyLimit: 64MiB of the target',
    );
  }
}

function checkRoute(app: AppName, { function: fn, path }: Route): void {
  if (!NAME.test(fn) || fn.length > LONGEST) {
    throw wrong(
      `${app}: a function on a cluster has a name of lower-case letters, digits and dashes, ${LONGEST} at most: ${JSON.stringify(fn)}`,
      'rename its folder, then fnmesh deploy',
    );
  }
  if (path !== pathOf(app, fn)) {
    throw wrong(`${app}/${fn}: its path is ${pathOf(app, fn)}, not ${JSON.stringify(path)}`, 'fnmesh wire');
  }
}

function wrong(message: string, way: string): FnmeshError {
  return new FnmeshError('config', message, { try: way });
}
