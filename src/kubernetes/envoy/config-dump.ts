// What an Envoy says of itself: its routes and its clusters. Of all that can be asked on a mesh only this proves that a
// change has arrived (Envoy 1.40, admin interface; cluster names as Istio gives them).
import { FnmeshError } from '../../errors.js';
import { WHOLE } from '../../routing/route.js';
import type { Route, Split, VersionName } from '../../routing/route.js';
import { shareOut } from '../../routing/share-out.js';
import { versionsOf } from '../../routing/versions.js';
import { ROUTE_HEADER, SERVICE_PORT, versionObject } from '../names.js';
import type { Site } from '../site.js';
import { serviceHost } from '../render/virtual-service.js';
import { findRoute } from './match.js';
import type { RouteConfig } from './match.js';

/** GET of an admin path; gives the answer's body. */
export type AdminGet = (path: string) => Promise<string>;

/** The parts of an Envoy's admin interface that are read. */
export type EnvoyState = {
  /** In the order in which Envoy lists them. */
  routeConfigs: RouteConfig[];
  /** The names of all clusters that take requests; those that still warm up are not among them. */
  activeClusters: ReadonlySet<string>;
};

/** What a gateway does with the requests to a function that have no header to be told by. */
export type ServedRoute = {
  /** The route configuration, one for each port: `http.8080`. */
  config: string;
  /** The rule that catches them; null: none, so they are answered 404. */
  rule: string | null;
  /** In basis points; null when anything else than a version gets some of them. */
  split: Split | null;
  /** Clusters among them that are no version's. */
  others: string[];
  /** Versions, with or without weight, whose cluster takes no requests yet, or no longer. */
  inactive: VersionName[];
  /** ROUTE_HEADER as it is set for the versions that are listed; absent: for none of them. */
  routeHeaders?: Readonly<Record<VersionName, string>>;
};

/** Requests that a version's cluster has answered since Envoy made it; errors are those with a status of 500 and more. */
export type ClusterCounters = { requests: number; errors: number };

/** The cluster of each version: `outbound|80||shop-cart-v1.hello.svc.cluster.local`. */
export function clustersOf(
  site: Pick<Site, 'namespace' | 'clusterDomain'>,
  route: Route,
): Record<VersionName, string> {
  return Object.fromEntries(
    versionsOf(route.split).map((version) => {
      const host = serviceHost(site, versionObject(route.app, route.function, version));
      return [version, `outbound|${SERVICE_PORT}||${host}`];
    }),
  );
}

/**
 * Asks an Envoy for its routes and clusters.
 * @throws FnmeshError `unreachable` when it does not answer as an Envoy; and what `get` throws.
 */
export async function readEnvoy(get: AdminGet): Promise<EnvoyState> {
  const [routes, clusters] = await Promise.all([
    configs(get, 'dynamic_route_configs'),
    configs(get, 'dynamic_active_clusters'),
  ]);
  return envoyState(routes, clusters);
}

/** The two answers taken apart: `/config_dump?resource=dynamic_route_configs` and `…=dynamic_active_clusters`. */
export function envoyState(routes: unknown, clusters: unknown): EnvoyState {
  return {
    routeConfigs: listIn(routes, 'configs').flatMap((entry) => {
      const config = (entry as { route_config?: RouteConfig }).route_config;
      return config ? [config] : [];
    }),
    activeClusters: new Set(
      listIn(clusters, 'configs').flatMap((entry) => {
        const name = (entry as { cluster?: { name?: string } }).cluster?.name;
        return name === undefined ? [] : [name];
      }),
    ),
  };
}

/**
 * What an Envoy does with requests to a function: one row for each of its route configurations that has the host,
 * so none when it does not know the host at all. A version that Envoy does not list has weight 0: Istio leaves out
 * what gets nothing.
 * @param clusters The cluster of each version.
 */
export function servedRoutes(
  { routeConfigs, activeClusters }: EnvoyState,
  { host, path }: Pick<Route, 'host' | 'path'>,
  clusters: Readonly<Record<VersionName, string>>,
): ServedRoute[] {
  const versions = versionsOf(clusters);
  const byCluster = new Map(versions.map((version) => [clusters[version]!, version]));
  const inactive = versions.filter((version) => !activeClusters.has(clusters[version]!));
  return routeConfigs.flatMap((config): ServedRoute[] => {
    const found = findRoute(config, host, path);
    if (found === undefined) return [];
    const weights = Object.fromEntries(versions.map((version) => [version, 0]));
    const others: string[] = [];
    const routeHeaders: Record<VersionName, string> = {};
    for (const { name, weight, headers } of found?.targets ?? []) {
      const version = byCluster.get(name);
      const told = headers[ROUTE_HEADER.toLowerCase()];
      if (version !== undefined) weights[version] = weights[version]! + weight;
      else if (weight > 0) others.push(name);
      if (version !== undefined && told !== undefined) routeHeaders[version] = told;
    }
    const serves = others.length === 0 && Object.values(weights).some((weight) => weight > 0);
    const shares = serves ? shareOut(WHOLE, versions, weights) : [];
    return [
      {
        config: config.name ?? '',
        rule: found && (found.name ?? ''),
        split: serves ? Object.fromEntries(shares.map(({ version, points }) => [version, points])) : null,
        others,
        inactive,
        ...(Object.keys(routeHeaders).length > 0 && { routeHeaders }),
      },
    ];
  });
}

/**
 * Asks an Envoy for the counters of its clusters, by name: sums over each one's endpoints. They start anew when a cluster
 * is replaced and go with an endpoint, so a difference of two readings may be negative.
 * @throws FnmeshError `unreachable` when it does not answer as an Envoy; and what `get` throws.
 */
export async function readCounters(get: AdminGet): Promise<ReadonlyMap<string, ClusterCounters>> {
  return countersIn(await json(get, '/clusters?format=json'));
}

/** The counters in an answer to `/clusters?format=json`. */
export function countersIn(answer: unknown): ReadonlyMap<string, ClusterCounters> {
  const statuses = listIn(answer, 'cluster_statuses') as { name?: string; host_statuses?: HostStatus[] }[];
  return new Map(
    statuses.map(({ name = '', host_statuses: hosts = [] }) => {
      const sum = (stat: string) => hosts.reduce((total, host) => total + counter(host, stat), 0);
      return [name, { requests: sum('rq_total'), errors: sum('rq_error') }];
    }),
  );
}

/** The counters of each version; one without a cluster has none, so 0. */
export function countersOf(
  counters: ReadonlyMap<string, ClusterCounters>,
  clusters: Readonly<Record<VersionName, string>>,
): Record<VersionName, ClusterCounters> {
  return Object.fromEntries(
    versionsOf(clusters).map((version) => {
      return [version, counters.get(clusters[version]!) ?? { requests: 0, errors: 0 }];
    }),
  );
}

type HostStatus = { stats?: { name?: string; value?: string | number }[] };

/** A counter of value 0 is listed without it. */
function counter({ stats = [] }: HostStatus, name: string): number {
  return Number(stats.find((stat) => stat.name === name)?.value ?? 0);
}

async function configs(get: AdminGet, resource: string): Promise<unknown> {
  return json(get, `/config_dump?resource=${resource}`);
}

async function json(get: AdminGet, path: string): Promise<unknown> {
  const text = await get(path);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new FnmeshError(
      'unreachable',
      `${path} was not answered by an Envoy: ${JSON.stringify(text.slice(0, 100))}`,
      {
        try: 'check that adminUrl of the target names the admin interface of a gateway, such as http://127.0.0.1:15000',
        cause: error,
      },
    );
  }
}

/** An empty list is left out by Envoy. */
function listIn(answer: unknown, field: string): unknown[] {
  const list = (answer as Record<string, unknown> | null)?.[field];
  return Array.isArray(list) ? list : [];
}
