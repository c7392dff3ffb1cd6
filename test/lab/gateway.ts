// The lab's gateway: a real Envoy that serves the VirtualServices and HTTPRoutes of the lab's API server. It stands in
// for istiod, which the registries do not have: what it makes of an object is checked against what an istiod made of it.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KINDS, type KubeObject } from '../../src/kubernetes/object.js';
import { envoyConfig, type EnvoyConfig, type GatewayNames, type GatewayObjects } from './gateway-config.js';
import { startGatewayEnvoy } from './gateway-envoy.js';
import { applyGatewayObjects, gatewayPod, routeStatus } from './gateway-objects.js';
import { startKubelet } from './kubelet.js';
import type { Lab } from './lab.js';
import { addAddress } from './network.js';

/** What startGateway may be told. */
export type GatewayOptions = Partial<GatewayNames> & {
  /** Where it listens; default 10.99.0.80, which Pods reach too. */
  address?: string;
  /** Of Envoy's admin interface on 127.0.0.1; default 15000. */
  adminPort?: number;
  /** Only what lies in these namespaces counts; default: all. */
  namespaces?: readonly string[];
};

/** A running gateway. */
export type LabGateway = {
  /** `http://10.99.0.80`; requests say their host in the header. */
  url: string;
  adminUrl: string;
  /** How many configurations Envoy has been given. */
  generation(): number;
  /**
   * Resolves when Envoy has all that was written to the API server before the call. For tests alone: fnmesh has to find
   * out by itself. @throws Error when Envoy refused it.
   */
  updated(): Promise<void>;
  /** Envoy's log of requests: status, response flags, method, URL, rule, cluster, endpoint. */
  accessLog: string;
  stop(): Promise<void>;
};

const WATCHED = ['VirtualService', 'HTTPRoute', 'Service', 'EndpointSlice'] as const;
type Watched = (typeof WATCHED)[number];

/** Starts it, with the Gateway objects `istio-ingress/public` (Istio) and `istio-ingress/public-gw` (Gateway API). */
export async function startGateway(lab: Lab, options: GatewayOptions = {}): Promise<LabGateway> {
  const { address = '10.99.0.80', adminPort = 15_000, namespaces, ...given } = options;
  const names: GatewayNames = {
    istio: 'istio-ingress/public',
    gatewayApi: 'istio-ingress/public-gw',
    listener: 'http',
    port: 80,
    clusterDomain: 'cluster.local',
    ...given,
  };
  await addAddress(address).catch((error: unknown) => {
    if (!/File exists|already assigned/.test(String(error))) throw error;
  });
  await applyGatewayObjects(lab.api, names, address);

  const state = Object.fromEntries(WATCHED.map((kind) => [kind, new Map<string, KubeObject>()])) as {
    [kind in Watched]: Map<string, KubeObject>;
  };
  /** What has been listed needs no older event. */
  const seen = Object.fromEntries(WATCHED.map((kind) => [kind, 0n])) as Record<Watched, bigint>;
  const list = async (kind: Watched): Promise<void> => {
    const found = await lab.api.must<{ metadata: { resourceVersion: string }; items: KubeObject[] }>(
      'GET',
      pathOf(kind),
    );
    const version = BigInt(found.metadata.resourceVersion);
    if (version < seen[kind]) return;
    seen[kind] = version;
    fill(state[kind], kind, found.items);
  };
  const translated = (): EnvoyConfig => {
    const objects = Object.fromEntries(
      WATCHED.map((kind) => [
        kind,
        [...state[kind].values()].filter(
          ({ metadata }) => namespaces === undefined || namespaces.includes(metadata.namespace ?? ''),
        ),
      ]),
    ) as unknown as GatewayObjects;
    return envoyConfig(objects, names);
  };

  await Promise.all(WATCHED.map(list));
  const dir = mkdtempSync(join(lab.dir, 'gateway-'));
  const envoy = await startGatewayEnvoy({ dir, address, port: names.port, adminPort }, translated());
  const accessLog = join(dir, 'access.log');
  // The Pod's Node: port-forward reaches the gateway's port and, as in a Pod, its loopback's admin interface.
  const admin = await lab.expose(adminPort, { address });
  const kubelet = await startKubelet(
    lab.dir,
    (namespace, name) =>
      `${namespace}/${name}` === gatewayPod(names) ? { address, logOf: () => accessLog } : undefined,
    address,
  );

  let generation = 1;
  const told = new Set<string>();
  const pushOnce = async (): Promise<void> => {
    const config = translated();
    for (const problem of config.problems) {
      if (!told.has(problem)) process.stderr.write(`lab: gateway: ${problem}\n`);
      told.add(problem);
    }
    generation++;
    await envoy.push(config);
    for (const { route, missing } of config.attached) {
      const status = routeStatus(route, missing, names);
      if (status === null) continue;
      const { namespace, name } = route.metadata;
      const path = `/apis/${KINDS.HTTPRoute.group}/v1/namespaces/${namespace}/httproutes/${name}/status`;
      await lab.api.ask('PATCH', path, { status }, 'application/merge-patch+json');
    }
  };
  /** One push after the other. */
  let pushing: Promise<void> = Promise.resolve();
  const push = (): Promise<void> => {
    const next = pushing.then(pushOnce);
    pushing = next.catch(() => undefined);
    return next;
  };
  let waiting = false;
  const changed = (): void => {
    if (waiting) return;
    waiting = true;
    // As istiod does with PILOT_DEBOUNCE_AFTER=10ms: what comes together goes together.
    void sleep(10).then(() => {
      const next = pushing.then(() => {
        waiting = false;
        return pushOnce();
      });
      pushing = next.catch((error: unknown) => {
        if (!stopped.signal.aborted) process.stderr.write(`lab: gateway: ${String(error)}\n`);
      });
    });
  };

  const stopped = new AbortController();
  for (const kind of WATCHED) {
    void lab.api.follow(
      pathOf(kind),
      stopped.signal,
      (items) => {
        seen[kind] = 0n;
        fill(state[kind], kind, items);
        changed();
      },
      ({ type, object }) => {
        if (type === 'BOOKMARK' || BigInt(object.metadata.resourceVersion!) <= seen[kind]) return;
        if (type === 'DELETED') state[kind].delete(keyOf(object));
        else state[kind].set(keyOf(object), { ...object, kind });
        changed();
      },
    );
  }
  return {
    url: `http://${address}${names.port === 80 ? '' : `:${names.port}`}`,
    adminUrl: envoy.adminUrl,
    generation: () => generation,
    updated: async () => {
      await Promise.all(WATCHED.map(list));
      await push();
    },
    accessLog,
    stop: async () => {
      stopped.abort();
      await pushing;
      kubelet.close();
      await admin.close();
      await envoy.stop();
    },
  };
}

function pathOf(kind: Watched): string {
  const { group, version, plural } = KINDS[kind];
  return group === '' ? `/api/${version}/${plural}` : `/apis/${group}/${version}/${plural}`;
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Items of a list do not say their kind. */
function fill(objects: Map<string, KubeObject>, kind: Watched, items: readonly KubeObject[]): void {
  objects.clear();
  for (const item of items) objects.set(keyOf(item), { ...item, kind });
}
