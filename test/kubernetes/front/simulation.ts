// A cluster as seen by its gateways, small enough to check after each single write: who serves a request right now, and
// who would if a gateway had not yet heard of the last changes.
import { FnmeshError } from '../../../src/errors.js';
import type { FrontPlan, FrontStep } from '../../../src/kubernetes/front.js';
import {
  functionOf,
  hasRouteHeader,
  isOfApi,
  isParked,
  parked,
  routesOfOtherApi,
} from '../../../src/kubernetes/front/live-routes.js';
import { idOf } from '../../../src/kubernetes/front/live.js';
import { planFront } from '../../../src/kubernetes/front/plan.js';
import { selectorOf } from '../../../src/kubernetes/front/rollout.js';
import { LABELS, sharedProxy } from '../../../src/kubernetes/names.js';
import { KINDS, type KubeObject } from '../../../src/kubernetes/object.js';
import { mergeRoute, rulesOf } from '../../../src/kubernetes/render/merge-route.js';
import { readRoute } from '../../../src/kubernetes/render/read-route.js';
import { renderRoutes } from '../../../src/kubernetes/render/routes.js';
import { SPLIT_RULE } from '../../../src/kubernetes/render/rules.js';
import { renderWorkloads } from '../../../src/kubernetes/render/workloads.js';
import type { Site } from '../../../src/kubernetes/site.js';
import type { Route } from '../../../src/routing/route.js';

/** Thrown by `tick` to break a run off. */
export class BrokenOff extends Error {}

/** What a plan was made for. */
export type Wanted = { site: Site; routes: readonly Route[] };

/** The cluster, and what gateways may still believe. */
export class Simulation {
  readonly objects = new Map<string, KubeObject>();
  /** Route objects by name: all versions of one that a gateway may have. null: none. */
  readonly #routeViews = new Map<string, (KubeObject | null)[]>();
  /** Services by name: all proxies that a gateway may know behind it. null: none. */
  readonly #proxyViews = new Map<string, (string | null)[]>();
  #uids = 0;
  /** Violations so far, in words. */
  readonly wrong: string[] = [];

  /** @param tick Called after each single write. */
  constructor(public tick: () => void = () => undefined) {}

  get workloads(): KubeObject[] {
    return [...this.objects.values()].filter(({ kind }) => !isRouteKind(kind));
  }

  get routes(): KubeObject[] {
    return [...this.objects.values()].filter(({ kind }) => isRouteKind(kind));
  }

  /** The routes as a router would read them: those of the other API where the site's own has none. */
  read(site: Site): Route[] {
    const read = (objects: readonly KubeObject[]) =>
      objects.flatMap((object) => readRoute(object)?.route ?? []);
    const others = routesOfOtherApi(site, this.routes).map(({ route }) => route);
    const own = read(this.routes.filter((object) => isOfApi(site, object)));
    return [...own.filter((route) => !others.some((other) => other.function === route.function)), ...others];
  }

  plan({ site, routes }: Wanted): FrontPlan {
    return planFront({
      site,
      workloads: renderWorkloads(site, routes),
      routes,
      there: this.read(site),
      live: { workloads: this.workloads, routes: this.routes },
      drainMs: 30_000,
      spreadMs: 3_000,
      allowGap: true,
    });
  }

  /** All of a wire: the plan's steps, and the routes between them. */
  run(wanted: Wanted): FrontPlan {
    const there = this.read(wanted.site);
    const plan = this.plan(wanted);
    plan.before.forEach((step) => this.#step(step));
    this.#writeRoutes(wanted, plan, there);
    plan.after.forEach((step) => this.#step(step));
    return plan;
  }

  #writeRoutes({ site, routes }: Wanted, plan: FrontPlan, known: readonly Route[]): void {
    const there = new Map(known.map((route) => [route.function, JSON.stringify(route)]));
    for (const route of routes) {
      if (there.get(route.function) === JSON.stringify(route) && !plan.rewrite.includes(route.function))
        continue;
      const rendered = renderRoutes(site, { route, revision: 1, history: [] });
      for (const desired of rendered) {
        const live = this.objects.get(idOf(desired));
        this.#put(live === undefined ? desired : mergeRoute(live, desired));
      }
      for (const object of this.routes)
        if (isOfApi(site, object) && functionOf(object) === route.function)
          if (!rendered.some((desired) => idOf(desired) === idOf(object))) this.#remove(object);
    }
    const names = routes.map((route) => route.function);
    for (const object of this.routes)
      if (isOfApi(site, object) && !names.includes(functionOf(object))) this.#remove(object);
  }

  #step(step: FrontStep): void {
    switch (step.do) {
      case 'apply':
        return step.objects.forEach((object) => this.#put(object));
      case 'await-rollout':
        for (const name of step.deployments) {
          const deployment = this.workloads.find(
            (one) => one.kind === 'Deployment' && one.metadata.name === name,
          );
          if (deployment === undefined) throw new FnmeshError('not_ready', `no Deployment ${name}`);
          this.#roll(deployment);
        }
        return this.#check();
      case 'await-endpoints':
        for (const name of step.services) {
          const service = this.workloads.find((one) => one.kind === 'Service' && one.metadata.name === name);
          const proxy = service === undefined ? undefined : selectorOf(service)[LABELS.proxy];
          if (proxy === undefined) continue;
          if (!this.#isReady(proxy)) throw new FnmeshError('not_ready', `Service ${name} has no endpoints`);
          // They are there; gateways may hear of it later.
          this.#proxyViews.get(name)?.push(proxy);
        }
        return this.#check();
      case 'await-routes':
        for (const object of [...this.routes]) settle(this.#routeViews, idOf(object), object, step, object);
        for (const [id, views] of this.#routeViews)
          if (!this.objects.has(id))
            settle(
              this.#routeViews,
              id,
              null,
              step,
              views.find((view) => view !== null),
            );
        return this.#check();
      case 'drain':
        for (const [name, views] of this.#proxyViews) this.#proxyViews.set(name, views.slice(-1));
        return this.#check();
      case 'park':
        for (const { kind, name } of step.objects)
          for (const object of this.routes)
            if (object.kind === kind && object.metadata.name === name) this.#put(parked(object));
        return;
      case 'remove':
        for (const { kind, name, uid } of step.objects) {
          const object = [...this.objects.values()].find(
            (one) => one.kind === kind && one.metadata.name === name,
          );
          if (object !== undefined && object.metadata.uid === uid) this.#remove(object);
        }
    }
  }

  #put(object: KubeObject): void {
    const id = idOf(object);
    const before = this.objects.get(id);
    const { uid = `uid-${++this.#uids}`, generation = 0 } = before?.metadata ?? {};
    const status = before?.['status'];
    const next = {
      ...structuredClone(object),
      metadata: { ...structuredClone(object.metadata), uid, generation: generation + 1 },
      ...(status !== undefined && { status }),
    };
    this.objects.set(id, next);
    if (isRouteKind(object.kind)) {
      this.#routeViews.set(id, [...(this.#routeViews.get(id) ?? [null]), isParked(next) ? null : next]);
    }
    if (object.kind === 'Service') {
      const views = this.#proxyViews.get(object.metadata.name) ?? [null];
      const proxy = selectorOf(next)[LABELS.proxy];
      if (before !== undefined && proxy !== undefined && this.#isReady(proxy)) views.push(proxy);
      this.#proxyViews.set(object.metadata.name, views);
    }
    this.#check();
  }

  #remove(object: KubeObject): void {
    const id = idOf(object);
    this.objects.delete(id);
    if (isRouteKind(object.kind)) this.#routeViews.set(id, [...(this.#routeViews.get(id) ?? []), null]);
    if (object.kind === 'Service') this.#proxyViews.delete(object.metadata.name);
    this.#check();
  }

  /** What the controllers do: all Pods are those of the newest template. */
  #roll(deployment: KubeObject): void {
    const { replicas = 1 } = deployment['spec'] as { replicas?: number };
    const { generation = 0 } = deployment.metadata;
    const status = {
      observedGeneration: generation,
      replicas,
      updatedReplicas: replicas,
      availableReplicas: replicas,
    };
    this.objects.set(idOf(deployment), { ...deployment, status });
  }

  /** Pods of an older template go on while newer ones start: a Deployment that was ready stays so. */
  #isReady(name: string): boolean {
    const deployment = this.workloads.find((one) => one.kind === 'Deployment' && one.metadata.name === name);
    return ((deployment?.['status'] ?? {}) as { availableReplicas?: number }).availableReplicas !== undefined;
  }

  #check(): void {
    for (const views of this.#routeViews.values())
      for (const view of views) if (view !== null) this.#checkView(view);
    const hosts = (kind: string) => this.routes.filter((one) => one.kind === kind && !isParked(one)).length;
    if (hosts('HTTPRoute') > 0 && hosts('VirtualService') > 0) this.wrong.push('routes of both APIs at once');
    this.tick();
  }

  #checkView(object: KubeObject): void {
    const isHeaded = hasRouteHeader(object);
    for (const { service, weight } of targetsOf(object)) {
      if (weight === 0) continue;
      const views = this.#proxyViews.get(service);
      if (views === undefined) this.wrong.push(`${idOf(object)} → ${service}: no such Service`);
      for (const proxy of views ?? []) {
        const why = `${idOf(object)} → ${service} → ${proxy ?? 'no endpoints'}`;
        if (proxy === null || !this.#isReady(proxy)) this.wrong.push(why);
        else if (proxy === sharedProxy(object.metadata.labels?.[LABELS.app] ?? '')) {
          if (!isHeaded) this.wrong.push(`${why}: it is not told where to`);
        } else if (proxy !== service) this.wrong.push(`${why}: that is another version's`);
      }
    }
  }
}

function settle(
  views: Map<string, (KubeObject | null)[]>,
  id: string,
  now: KubeObject | null,
  { functions }: Extract<FrontStep, { do: 'await-routes' }>,
  of: KubeObject | null | undefined,
): void {
  if (of === null || of === undefined || !functions.includes(functionOf(of))) return;
  views.set(id, [now === null || isParked(now) ? null : now]);
}

const isRouteKind = (kind: string): boolean =>
  kind === KINDS.HTTPRoute.kind || kind === KINDS.VirtualService.kind;

type Backend = { name?: string; weight: number; destination?: { host: string } };

/** Where the split leads. */
function targetsOf(object: KubeObject): { service: string; weight: number }[] {
  const rule = rulesOf(object).find(({ name }) => name === SPLIT_RULE);
  const list = (rule?.['backendRefs'] ?? rule?.['route'] ?? []) as Backend[];
  return list.map(({ name, destination, weight }) => ({
    service: name ?? destination!.host.split('.')[0]!,
    weight,
  }));
}
