// What the proxies that carry requests have of a route, as opposed to what the cluster's API was told.
import type { AppName, FunctionName, Route, Split, VersionName } from '../routing/route.js';
import type { VersionTraffic } from '../router/router.js';
import type { Site } from './site.js';

/** One proxy's part. */
export type ProxyState = {
  /** As messages name it: its Pod or its admin URL. */
  proxy: string;
  /** What it has for the route; null: nothing. */
  split: Split | null;
  /** Clusters of that split that it does not know yet, or is still warming. */
  inactive: string[];
  /**
   * What it sets as ROUTE_HEADER for a version's requests: one value, or each that one of its ports sets, with '' for a
   * port that sets none; absent: none sets any.
   */
  routeHeaders?: Readonly<Record<VersionName, readonly string[]>>;
};

/** What of a Site tells which proxies there are, and what they call a version. */
export type SitePlace = Pick<Site, 'api' | 'gateway' | 'namespace' | 'clusterDomain'>;

/** The proxies before the functions. */
export interface DataPlane {
  /**
   * What each of them has for the route; none when there are no proxies.
   * @throws FnmeshError `config` or `unreachable` when they cannot be asked.
   */
  proxies(site: SitePlace, route: Route): Promise<ProxyState[]>;
}

/** Where the counters of what versions answered are to be had. */
export interface Counters {
  traffic(app: AppName, fn: FunctionName, route: Route): Promise<VersionTraffic[]>;
}
