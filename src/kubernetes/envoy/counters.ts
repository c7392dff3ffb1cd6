// What the versions behind a gateway have answered, as its proxies have counted it.
import type { VersionTraffic } from '../../router/router.js';
import type { AppName, FunctionName, Route } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import type { Counters, SitePlace } from '../data-plane.js';
import { clustersOf, countersOf, readCounters } from './config-dump.js';
import type { GatewayProxies } from './gateways.js';

/**
 * Requests and errors per version, summed over all proxies of the gateway, since each proxy knows the version's Pods;
 * pinned requests are among them, those of callers in the mesh are not. Envoy tells no latencies of a version
 * (Envoy 1.40, admin interface, `/clusters`).
 */
export class GatewayCounters implements Counters {
  constructor(
    private readonly proxies: Pick<GatewayProxies, 'ask'>,
    private readonly siteOf: (app: AppName) => Promise<SitePlace>,
  ) {}

  /**
   * No rows for a gateway without proxies: nobody counts.
   * @throws FnmeshError as `GatewayProxies.proxies`.
   */
  async traffic(app: AppName, _fn: FunctionName, route: Route): Promise<VersionTraffic[]> {
    const site = await this.siteOf(app);
    const clusters = clustersOf(site, route);
    const read = await this.proxies.ask(site, 'counters', readCounters);
    if (read.length === 0) return [];
    const counted = read.map(({ answer }) => countersOf(answer, clusters));
    return versionsOf(route.split).map((version) => ({
      version,
      requests: counted.reduce((sum, each) => sum + each[version]!.requests, 0),
      errors: counted.reduce((sum, each) => sum + each[version]!.errors, 0),
      ...{ pinned: null, p50: null, p95: null, p99: null, inFlight: null },
    }));
  }
}
