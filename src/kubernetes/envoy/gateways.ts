// The Envoys of a gateway, each asked what it has: found by the Gateway object, reached by port-forward, or by the URLs
// of their admin interfaces.
import { parallel } from '../../process/parallel.js';
import { sameShares } from '../../routing/diff.js';
import type { Route } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import type { Cluster } from '../cluster.js';
import type { DataPlane, ProxyState, SitePlace } from '../data-plane.js';
import { GATEWAY_NAME } from '../detect/gateway-pods.js';
import { KINDS } from '../object.js';
import type { KubeObject } from '../object.js';
import { adminAt, adminIn } from './admin.js';
import { clustersOf, readEnvoy, servedRoutes } from './config-dump.js';
import type { AdminGet, EnvoyState, ServedRoute } from './config-dump.js';

/** How many are asked at a time. */
const JOBS = 8;

/** One proxy, and how it is asked. */
type Door = { proxy: string; get: AdminGet };
/** What one proxy answered. */
type Reading<T> = { proxy: string; answer: T };

/** All Envoys of a site's gateway. */
export class GatewayProxies implements DataPlane {
  /** Readings that have not begun yet, by what is read and the gateway. */
  readonly #next = new Map<string, Promise<Reading<unknown>[]>>();

  /** @param adminUrls Base URLs of the admin interfaces of all of them; null: by port-forward to the gateway's Pods. */
  constructor(
    private readonly cluster: Pick<Cluster, 'get' | 'list' | 'connect'>,
    private readonly adminUrls: readonly string[] | null,
  ) {}

  /**
   * Who asks together, such as for all routes of an app, shares one reading.
   * @throws FnmeshError `config` when Pods may not be listed or reached, `unreachable` when one does not answer as an Envoy.
   */
  async proxies(site: SitePlace, route: Route): Promise<ProxyState[]> {
    const clusters = clustersOf(site, route);
    const read = await this.ask(site, 'routes', readEnvoy);
    return read.map(({ proxy, answer }) => ({ proxy, ...proxyState(answer, route, clusters) }));
  }

  /**
   * Asks each of them the same. It begins only after the question: nobody gets what was there before; and who asks for
   * the same `what` together shares one reading.
   * @param read What is asked of the admin interface of one.
   * @throws FnmeshError as `proxies`.
   */
  ask<T>(site: SitePlace, what: string, read: (get: AdminGet) => Promise<T>): Promise<Reading<T>[]> {
    const key = `${what} ${site.api} ${site.gateway.namespace}/${site.gateway.name}`;
    const known = this.#next.get(key);
    if (known) return known as Promise<Reading<T>[]>;
    const reading = new Promise((begin) => setImmediate(begin)).then(async () => {
      this.#next.delete(key);
      const doors = await this.#doors(site);
      return parallel(JOBS, doors, async ({ proxy, get }) => ({ proxy, answer: await read(get) }));
    });
    this.#next.set(key, reading);
    return reading;
  }

  async #doors(site: SitePlace): Promise<Door[]> {
    // The host alone: a URL may have a password in it.
    if (this.adminUrls !== null)
      return this.adminUrls.map((url) => ({ proxy: new URL(url).host, get: adminAt(url) }));
    const pods = (await this.#pods(site)).filter(isRunning);
    return pods.map(({ metadata: { namespace = '', name } }) => {
      return { proxy: `${namespace}/${name}`, get: adminIn(this.cluster, namespace, name) };
    });
  }

  async #pods({ api, gateway }: SitePlace): Promise<KubeObject[]> {
    const { namespace, name } = gateway;
    if (api === 'gateway-api') {
      const made = await this.cluster.list(KINDS.Pod, { namespace, labels: { [GATEWAY_NAME]: name } });
      return made.length > 0 ? made : this.#behindAddresses(namespace, name);
    }
    const object = await this.cluster.get(KINDS.IstioGateway, namespace, name);
    const labels = (object?.spec as { selector?: Record<string, string> } | undefined)?.selector ?? {};
    // Without a selector it would be every Pod there is.
    if (Object.keys(labels).length === 0) return [];
    const near = await this.cluster.list(KINDS.Pod, { namespace, labels });
    // An Istio Gateway selects Pods of all namespaces (Istio 1.31, PILOT_SCOPE_GATEWAY_TO_NAMESPACE is off).
    return near.length > 0 ? near : this.cluster.list(KINDS.Pod, { namespace: null, labels });
  }

  /** The Pods of the Services that a Gateway names as its addresses: nothing was made for it (Istio 1.31, manual deployment). */
  async #behindAddresses(namespace: string, name: string): Promise<KubeObject[]> {
    const gateway = await this.cluster.get(KINDS.Gateway, namespace, name);
    const { addresses = [] } = (gateway?.['spec'] ?? {}) as {
      addresses?: { type?: string; value?: string }[];
    };
    const hostnames = addresses.flatMap(({ type, value }) =>
      type === 'Hostname' && value !== undefined ? [value] : [],
    );
    const pods = await parallel(JOBS, hostnames, async (hostname) => {
      const [service = '', where = namespace] = hostname.split('.');
      const object = await this.cluster.get(KINDS.Service, where, service);
      const labels = (object?.['spec'] as { selector?: Record<string, string> } | undefined)?.selector ?? {};
      if (Object.keys(labels).length === 0) return [];
      return this.cluster.list(KINDS.Pod, { namespace: where, labels });
    });
    return pods.flat();
  }
}

/** What one Envoy has for a route: of several ports the one that differs from what was asked for, if one does. */
function proxyState(
  state: EnvoyState,
  route: Route,
  clusters: Readonly<Record<string, string>>,
): Omit<ProxyState, 'proxy'> {
  const rows = servedRoutes(state, route, clusters);
  // A port that only redirects to another one leads nowhere, and to no other Service.
  const serving = rows.filter(({ split, others }) => split !== null || others.length > 0);
  const row = serving.find(({ split }) => split === null || !sameShares(split, route.split)) ?? serving[0];
  if (row === undefined) return { split: null, inactive: [] };
  const { split } = row;
  const inactive = row.inactive.filter((version) => (split?.[version] ?? 0) > 0);
  const routeHeaders = headersIn(serving);
  return {
    split,
    inactive: inactive.map((version) => clusters[version]!),
    ...(routeHeaders !== null && { routeHeaders }),
  };
}

function headersIn(rows: readonly ServedRoute[]): NonNullable<ProxyState['routeHeaders']> | null {
  const told = rows.map(({ routeHeaders = {} }) => routeHeaders);
  const versions = versionsOf(Object.assign({}, ...told) as Record<string, string>);
  if (versions.length === 0) return null;
  return Object.fromEntries(
    versions.map((version) => [version, [...new Set(told.map((each) => each[version] ?? ''))]]),
  );
}

function isRunning({ metadata, status }: KubeObject): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    (status as { phase?: string } | undefined)?.phase === 'Running'
  );
}
