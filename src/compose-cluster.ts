// What stands behind the ports of a target whose routes are on a cluster. Imported only for such targets.
import type { OnCluster } from './compose-choose.js';
import type { ClusterTarget, FnSide } from './compose.js';
import type { Readiness } from './deploy/ports.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { connectCluster } from './kubernetes/client.js';
import type { Cluster } from './kubernetes/cluster.js';
import { gatewayUrl } from './kubernetes/detect/gateway-url.js';
import { detectSite, type PinUse } from './kubernetes/detect/detect.js';
import { ensurePinSecret } from './kubernetes/detect/pin.js';
import { GatewayCounters } from './kubernetes/envoy/counters.js';
import { GatewayProxies } from './kubernetes/envoy/gateways.js';
import { callFnService, fnServicePlace } from './kubernetes/fn-service.js';
import type { Forward } from './kubernetes/forward.js';
import type { Front } from './kubernetes/front.js';
import { checkEarly } from './kubernetes/front/early.js';
import { KubernetesFront } from './kubernetes/front/run.js';
import type { Site } from './kubernetes/site.js';
import { KubernetesRouter } from './router/kubernetes.js';
import type { ClusterSettings } from './target/cluster.js';
import type { ChosenTarget, Probe } from './target/target.js';

/** How long the first call of a version may take: its image is pulled for it. */
const READY_MS = 60_000;

/** A cluster, and where an app stands on it. */
export type ClusterPlace = {
  cluster: Cluster;
  settings: ClusterSettings;
  /** The target's name. */
  name: string;
  namespace: string;
  router: KubernetesRouter;
  /** The same, whose traffic the gateway's proxies are asked for. */
  counting(): KubernetesRouter;
  proxies: GatewayProxies;
  /** @throws FnmeshError as `detectSite`. */
  site(app: string, pinUse?: PinUse): Promise<Site>;
  host(app: string): Promise<string>;
  /** Base URL by which this machine reaches the gateway. @throws FnmeshError `config` when nobody knows. */
  gatewayUrl(app: string): Promise<string>;
  /** What makes and removes what stands before the app's functions. @throws FnmeshError as `detectSite` and `checkEarly`. */
  front(app: string, options?: FrontOptions): Promise<Front>;
  /** Brings the app's gateway to a port of this machine. @throws FnmeshError as `gatewayPods` and `forward`. */
  forward(app: string, port: number, emit: Emit): Promise<ForwardedGateway>;
  close(): void;
};

/** A gateway on this machine. `what`: the gateway, as messages name it. */
type ForwardedGateway = Forward & { url: string; host: string; what: string };

/**
 * `pins`: as they are (`read`), or as they are once routes have been written (`plan`), for which namespace and
 * gateway are looked at at once.
 */
export type FrontOptions = { allowGap?: boolean; pins?: 'plan' | 'read' };

/**
 * The target; its API server has not been asked anything yet.
 * @throws FnmeshError `config` as `connectCluster`.
 */
export async function clusterTarget(chosen: OnCluster, emit: Emit, fnSide: FnSide): Promise<ClusterTarget> {
  const settings = chosen.router.cluster;
  const cluster = await connectCluster(settings, process.env, emit);
  const place = placeOn(cluster, settings, chosen, emit);
  const { router } = place;
  const readiness = throughCluster(fnSide.readiness, cluster, chosen.probe, settings.clusterDomain, emit);
  return { chosen, server: null, control: null, place, ...fnSide, readiness, router };
}

/** A cluster as a place of apps; nothing has been asked of it yet. */
export function placeOn(
  cluster: Cluster,
  settings: ClusterSettings,
  { name, probe }: Pick<ChosenTarget, 'name' | 'probe'>,
  emit: Emit,
): ClusterPlace {
  const namespace = settings.namespace?.value ?? cluster.identity.namespace;
  const sites = new Map<string, Promise<Site>>();
  const site = (app: string, pinUse: PinUse = 'none'): Promise<Site> => {
    const key = `${pinUse} ${app}`;
    const known = sites.get(key);
    if (known !== undefined) return known;
    const found = detectSite(app, settings, cluster, pinUse).then(({ site }) => site);
    sites.set(key, found);
    return found;
  };
  const proxies = new GatewayProxies(cluster, settings.adminUrls?.map(({ value }) => value) ?? null);
  const openSite = async (app: string) => {
    const known = await site(app);
    if (settings.pin !== 'secret') return { ...known, pin: { kind: settings.pin } };
    const secret = (): Promise<string> => ensurePinSecret(cluster, namespace, app);
    return { ...known, pin: { kind: 'secret' as const, secret } };
  };
  const routing = {
    namespace,
    probe,
    timeoutMs: READY_MS,
    drainMs: settings.drainMs,
    dataPlane: proxies,
  };
  return {
    cluster,
    settings,
    name: name.value,
    namespace,
    router: new KubernetesRouter(cluster, openSite, routing),
    counting: () =>
      new KubernetesRouter(cluster, openSite, { ...routing, counters: new GatewayCounters(proxies, site) }),
    proxies,
    site,
    host: async (app) => settings.host?.value ?? (await site(app)).host,
    gatewayUrl: async (app) => {
      if (settings.address !== null) return settings.address.value;
      const found = await gatewayUrl(await site(app), settings, cluster);
      if (found.url !== null) return found.url;
      throw new FnmeshError('config', `where the gateway is reached from here is not known: ${found.from}`, {
        try: `fnmesh forward --target ${name.value}, and address: http://127.0.0.1:8082 of the target in fnmesh.yaml`,
      });
    },
    front: async (app, { allowGap = false, pins = 'plan' } = {}) => {
      const known = await site(app, pins);
      if (pins === 'plan') await checkEarly(cluster, known, settings);
      return new KubernetesFront(cluster, known, settings, { allowGap, dataPlane: proxies, emit });
    },
    forward: async (app, port, emit) => {
      const { forward } = await import('./kubernetes/forward.js');
      const { gatewayPods } = await import('./kubernetes/detect/gateway-pods.js');
      const known = await site(app);
      const { secure, ...pods } = await gatewayPods(known, cluster);
      const forwarded = await forward(cluster, pods, { port }, emit);
      const { namespace: at, name: gateway } = known.gateway;
      const url = `${secure ? 'https' : 'http'}://127.0.0.1:${forwarded.port}`;
      return { ...forwarded, url, host: known.host, what: `Gateway ${at}/${gateway}` };
    },
    close: () => cluster.close(),
  };
}

/** An Fn server that only Pods reach is called through the API server's Service proxy, where that is permitted and possible. */
function throughCluster(
  readiness: Readiness,
  cluster: Cluster,
  probe: Probe,
  domain: string,
  emit: Emit,
): Readiness {
  if (readiness.when !== 'after' || probe === 'none') return readiness;
  let isSaid = false;
  return {
    ...readiness,
    async call(endpoint) {
      const place = fnServicePlace(endpoint, domain);
      if (place === null) return readiness.call(endpoint);
      const result = await callFnService(cluster, place, probe, READY_MS);
      if (!('uncalled' in result)) return result;
      if (!isSaid) {
        const text = `${new URL(endpoint).host} is reached by Pods only, and not through the API server: versions were not called (${result.uncalled})`;
        emit({ type: 'warning', text });
      }
      isSaid = true;
      return { ready: true, status: 0, ms: 0 };
    },
  };
}
