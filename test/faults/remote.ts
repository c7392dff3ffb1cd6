// What the tests of deploys to real Fn servers share: deploys in this process over a bad network to a server as strict as
// a real one, and what is stored there in a form by which two ways to the same state can be compared.
import { onTestFinished } from 'vitest';
import { deploy } from '../../src/deploy/deploy.js';
import { newestDeploy, planUndoDeploy } from '../../src/deploy/plan-undo.js';
import type { DeployPorts, ImageStore, Readiness } from '../../src/deploy/ports.js';
import type { DeployRequest, DeployResult } from '../../src/deploy/result.js';
import { undoDeploy, type UndoDeployResult } from '../../src/deploy/undo.js';
import type { FnmeshEvent } from '../../src/events.js';
import { FnClient } from '../../src/fn/client.js';
import type { Annotations, App, Fn, Trigger } from '../../src/fn/model.js';
import { observe } from '../../src/fn/observe.js';
import type { ReadyResult } from '../../src/fn/ready.js';
import { startFaultProxy, type Fault, type FaultProxy } from '../helpers/fault-proxy.js';
import { memoryRouter, type MemoryRouter } from '../helpers/memory-router.js';
import { startStrictFn, type StrictFn } from '../helpers/strict-fn.js';
import type { Router } from '../../src/router/router.js';
import type { StrictObjects } from '../helpers/strict/objects.js';

/** Everything that can happen to one request. */
export const FAULTS: (readonly [string, Fault])[] = [
  ['dropped before', { kind: 'drop-before' }],
  ['dropped after', { kind: 'drop-after' }],
  ['500', { kind: 'status', status: 500 }],
  ['500, and done', { kind: 'status-after', status: 500 }],
  ['503', { kind: 'status', status: 503 }],
  ['503, and done', { kind: 'status-after', status: 503 }],
  ['429 with Retry-After', { kind: 'status', status: 429, retryAfter: '0' }],
  ['slower than the client waits', { kind: 'slow', ms: 300 }],
  ['cut', { kind: 'truncate' }],
  ['delivered twice', { kind: 'duplicate' }],
  ['a web page', { kind: 'html' }],
];

/** A server, the network before it, a router, and deploys over both. */
export type RemoteStage = {
  strict: StrictFn;
  proxy: FaultProxy;
  router: MemoryRouter;
  events: FnmeshEvent[];
  ports: DeployPorts;
  /** What the ready call of an address tells; default: ready. Endpoints that were called stand in `called`. */
  answer: (endpoint: string) => ReadyResult;
  called: string[];
  deploy(request: DeployRequest): Promise<DeployResult>;
  /** Undoes the newest deploy, as the command does; null when there is none. */
  undo(by?: string): Promise<UndoDeployResult | null>;
  /** The name of the deploy that an undo would take back; null: there is none. */
  newest(): Promise<string | null>;
  /** What is stored and routed. */
  state(): Promise<State>;
  /** Keeps what is stored and routed, and gives what puts it back. */
  keep(): () => Promise<void>;
};

/** Starts it all. @param timeoutMs How long the client waits for an answer. */
export async function remoteStage({ timeoutMs = 5000 } = {}): Promise<RemoteStage> {
  const strict = await startStrictFn({ cacheMs: 0 });
  const proxy = await startFaultProxy(strict.url);
  onTestFinished(async () => {
    await proxy.close();
    await strict.close();
  });
  const fn = new FnClient(proxy.url, { backoffMs: 1, timeoutMs });
  await fn.checkServer();
  let router = memoryRouter();
  const events: FnmeshEvent[] = [];
  const called: string[] = [];
  const readiness: Readiness = {
    when: 'after',
    cacheMs: 0,
    call(endpoint) {
      called.push(endpoint);
      return Promise.resolve(stage.answer(endpoint));
    },
  };
  const portsOf = (): DeployPorts => ({
    fn,
    images: pretendImages(),
    readiness,
    locate: (app, { source }) => `http://fn.test/t/${app}${source}`,
    router,
    emit: (event) => events.push(event),
  });
  const newest = async (): Promise<string | null> => newestDeploy(await observe(fn, 'shop'))?.deploy ?? null;
  const stage: RemoteStage = {
    strict,
    proxy,
    get router() {
      return router;
    },
    events,
    called,
    answer: () => ({ ready: true, status: 200, ms: 1 }),
    get ports() {
      return portsOf();
    },
    deploy: (request) => deploy(request, portsOf()),
    async undo(by = 'me@here') {
      const observed = await observe(fn, 'shop');
      const found = newestDeploy(observed);
      if (found === null) return null;
      const plan = planUndoDeploy('shop', observed, await router.read('shop'), found.deploy);
      return undoDeploy(plan, by, undefined, portsOf());
    },
    newest,
    state: () => stateOf(strict.objects, router),
    keep() {
      const kept = stored(strict.objects);
      const old = router;
      return async () => {
        for (const name of ['apps', 'fns', 'triggers'] as const) {
          strict.objects[name].clear();
          for (const [id, value] of structuredClone(kept)[name]) strict.objects[name].set(id, value as never);
        }
        router = memoryRouter();
        const { routes } = await old.read('shop');
        const puts = routes.map(({ route }) => ({ kind: 'put' as const, route, ifRevision: null }));
        if (puts.length > 0) await router.write(puts, { verb: 'deploy', by: 'me@here' });
        proxy.reset();
      };
    },
  };
  return stage;
}

/** A store that pushes nothing, and names images by their digest as a registry does. */
function pretendImages(): ImageStore {
  return {
    builds: { kind: 'processes' },
    deployed: () => Promise.resolve(null),
    imageOf: () => null,
    publish: ({ hash }, { name, version }) =>
      Promise.resolve({
        image: `registry.test/shop/${name}@sha256:${hash}`,
        tag: `${version}-${hash.slice(0, 12)}`,
      }),
  };
}

function stored({ apps, fns, triggers }: StrictObjects) {
  return structuredClone({ apps: new Map(apps), fns: new Map(fns), triggers: new Map(triggers) });
}

/** What is stored and routed, without what differs from run to run: ids, stamps, names of deploys. */
export type State = Awaited<ReturnType<typeof stateOf>>;

/** Reads it past the network. */
export async function stateOf(
  { apps, fns, triggers }: Pick<StrictObjects, 'apps' | 'fns' | 'triggers'>,
  router: Pick<Router, 'read'>,
) {
  const { routes } = await router.read('shop');
  const byName = <T extends { name: string }>(all: Iterable<T>): T[] =>
    [...all].sort((a, b) => Number(a.name > b.name) - Number(a.name < b.name));
  return {
    apps: byName(apps.values()).map(({ name, config = {}, annotations = {} }: App) => ({
      name,
      config,
      annotations,
    })),
    fns: byName(fns.values()).map(
      ({ name, image, memory, timeout, idle_timeout, config, annotations }: Fn) => ({
        name,
        image,
        memory,
        timeout,
        idle_timeout,
        config,
        annotations: steady(annotations),
      }),
    ),
    triggers: byName(triggers.values()).map(({ name, source, fn_id, annotations }: Trigger) => ({
      name,
      source,
      fn: fns.get(fn_id)?.name,
      annotations: steady(annotations),
    })),
    routes: routes.map(({ route }) => route),
  };
}

function steady(annotations: Annotations = {}): Annotations {
  const { 'fnmesh/release': note, ...rest } = annotations;
  if (typeof note !== 'object' || note === null) return rest;
  const { undoes, ...release } = note as Annotations;
  return { ...rest, 'fnmesh/release': { ...release, deploy: '', at: '', isUndo: undoes !== undefined } };
}
