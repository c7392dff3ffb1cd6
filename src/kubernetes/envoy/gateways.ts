// The Envoys of a gateway, each asked what it has: found by the Gateway object, reached by port-forward, or by the URLs
// of their admin interfaces.
import { request as plainRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { FnmeshError, messageOf } from '../../errors.js';
import { parallel } from '../../process/parallel.js';
import { sameShares } from '../../routing/diff.js';
import type { Route } from '../../routing/route.js';
import type { Cluster } from '../cluster.js';
import type { DataPlane, ProxyState, SitePlace } from '../data-plane.js';
import { KINDS } from '../object.js';
import type { KubeObject } from '../object.js';
import { clustersOf, readEnvoy, servedRoutes } from './config-dump.js';
import type { AdminGet, EnvoyState } from './config-dump.js';

/** Where Istio's and other Envoys of gateways have their admin interface (Istio 1.31, pilot-agent). */
const ADMIN_PORT = 15_000;
/** The label of the Pods of a Gateway (Gateway API 1.6, GEP-1762). */
const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';
/** How long an Envoy may take for an answer, in milliseconds; and how many are asked at a time. */
const ANSWER_MS = 10_000;
const JOBS = 8;

/** One proxy, and how it is asked. */
type Door = { proxy: string; get: AdminGet };

/** All Envoys of a site's gateway. */
export class GatewayProxies implements DataPlane {
  /** @param adminUrls Base URLs of the admin interfaces of all of them; null: by port-forward to the gateway's Pods. */
  constructor(
    private readonly cluster: Pick<Cluster, 'get' | 'list' | 'connect'>,
    private readonly adminUrls: readonly string[] | null,
  ) {}

  /** @throws FnmeshError `config` when Pods may not be listed or reached, `unreachable` when one does not answer as an Envoy. */
  async proxies(site: SitePlace, route: Route): Promise<ProxyState[]> {
    const doors = await this.#doors(site);
    const clusters = clustersOf(site, route);
    return parallel(JOBS, doors, async ({ proxy, get }) => {
      return { proxy, ...proxyState(await readEnvoy(get), route, clusters) };
    });
  }

  async #doors(site: SitePlace): Promise<Door[]> {
    if (this.adminUrls !== null) {
      return this.adminUrls.map((url) => ({
        proxy: url,
        get: (path) => ask(new URL(path, url), {}, url),
      }));
    }
    const pods = (await this.#pods(site)).filter(isRunning);
    return pods.map(({ metadata: { namespace = '', name } }) => {
      const proxy = `${namespace}/${name}`;
      const get: AdminGet = async (path) => {
        const connection = await this.cluster.connect(namespace, name, ADMIN_PORT);
        return ask(new URL(path, 'http://localhost'), { createConnection: () => connection }, proxy);
      };
      return { proxy, get };
    });
  }

  async #pods({ api, gateway }: SitePlace): Promise<KubeObject[]> {
    const { namespace, name } = gateway;
    if (api === 'gateway-api')
      return this.cluster.list(KINDS.Pod, { namespace, labels: { [GATEWAY_NAME]: name } });
    const object = await this.cluster.get(KINDS.IstioGateway, namespace, name);
    const labels = (object?.spec as { selector?: Record<string, string> } | undefined)?.selector ?? {};
    // Without a selector it would be every Pod there is.
    if (Object.keys(labels).length === 0) return [];
    const near = await this.cluster.list(KINDS.Pod, { namespace, labels });
    // An Istio Gateway selects Pods of all namespaces (Istio 1.31, PILOT_SCOPE_GATEWAY_TO_NAMESPACE is off).
    return near.length > 0 ? near : this.cluster.list(KINDS.Pod, { namespace: null, labels });
  }
}

/** What one Envoy has for a route: of several ports the one that differs from what was asked for, if one does. */
export function proxyState(
  state: EnvoyState,
  route: Route,
  clusters: Readonly<Record<string, string>>,
): Omit<ProxyState, 'proxy'> {
  const rows = servedRoutes(state, route, clusters);
  // A port that only redirects to another one leads nowhere, and to no other Service.
  const serving = rows.filter(({ split, others }) => split !== null || others.length > 0);
  const row = serving.find(({ split }) => split === null || !sameShares(split, route.split)) ?? serving[0];
  if (row === undefined) return { split: null, inactive: [] };
  return { split: row.split, inactive: row.inactive.map((version) => clusters[version]!) };
}

function isRunning({ metadata, status }: KubeObject): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    (status as { phase?: string } | undefined)?.phase === 'Running'
  );
}

type Opener = (
  url: URL,
  options: RequestOptions,
  answer: (incoming: IncomingMessage) => void,
) => ClientRequest;

/** GET over a connection of its own. */
async function ask(url: URL, how: { createConnection?: () => Duplex }, proxy: string): Promise<string> {
  const open: Opener = url.protocol === 'https:' ? (await import('node:https')).request : plainRequest;
  const failed = (why: string, cause?: unknown): FnmeshError =>
    new FnmeshError('unreachable', `gateway proxy ${proxy} did not say which routes it has: ${why}`, {
      try: 'adminUrl: of the target in fnmesh.yaml, or fnmesh probe, which asks by the front door',
      cause,
    });
  return new Promise((resolve, reject) => {
    const outgoing = open(url, { agent: false, timeout: ANSWER_MS, ...how }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('error', (error) => reject(failed(error.message, error)));
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(pieces).toString());
        else reject(failed(`it answered ${answer.statusCode} to ${url.pathname}`));
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)));
    outgoing.on('error', (error) => {
      const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
      reject(failed(messageOf(cause), error));
    });
    outgoing.end();
  });
}
