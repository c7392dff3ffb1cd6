// The Front of a cluster: reads what is there, plans, and carries the plan out step by step.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { FnmeshError } from '../../errors.js';
import type { Emit } from '../../events.js';
import { parallel } from '../../process/parallel.js';
import type { RoutedFunction } from '../../router/router.js';
import type { FunctionName, Route } from '../../routing/route.js';
import type { ClusterSettings } from '../../target/cluster.js';
import type { Cluster } from '../cluster.js';
import type { DataPlane } from '../data-plane.js';
import { pinSecretName } from '../detect/pin.js';
import type { Front, FrontPlan, FrontStep, ObjectRef } from '../front.js';
import { functionObject, meshRouteObject } from '../names.js';
import { KINDS, type Kind, type KubeObject, objectName } from '../object.js';
import { checkOverlap } from '../render/check-route.js';
import { routeKind } from '../render/routes.js';
import { renderWorkloads } from '../render/workloads.js';
import type { Site } from '../site.js';
import { type AwaitedRoute, awaitArrived } from './arrived.js';
import { awaitEndpoints, awaitRollouts, WAIT_TIMES, type WaitTimes } from './await.js';
import { gatewayThatStays, gatewayToMake } from './gateway-object.js';
import { parked } from './live-routes.js';
import { refuseTaken } from './live.js';
import { planFront } from './plan.js';
import { checkGateway, checkHosts, checkServices, foreignReferences } from './references.js';
import { readSurroundings, type Surroundings } from './surroundings.js';
import { rowOf } from './workload-changes.js';

/** How a Front works. */
export type FrontOptions = {
  /** Whether requests may fail for a moment where there is no way around it. */
  allowGap?: boolean;
  /** The proxies before the functions, where they can be asked what they have. */
  dataPlane?: DataPlane | null;
  times?: Partial<WaitTimes>;
  /** Takes the notes of plans. */
  emit?: Emit;
};

const JOBS = 8;
const CREATED_GATEWAY = 'Gateway';

/** Makes and removes proxies, Services and what guards them. */
export class KubernetesFront implements Front {
  readonly #times: WaitTimes;
  /** The routes of the last plan: as they are, and as they shall be. */
  #routes: Record<'there' | 'written', readonly Route[]> = { there: [], written: [] };

  constructor(
    private readonly cluster: Cluster,
    private readonly site: Site,
    private readonly settings: Pick<ClusterSettings, 'drainMs' | 'makeGateway'>,
    private readonly options: FrontOptions = {},
  ) {
    this.#times = { ...WAIT_TIMES, ...options.times };
  }

  get host(): string {
    return this.site.host;
  }

  routeObjects(fn: FunctionName): ObjectRef[] {
    const { app, api, mesh, namespace } = this.site;
    const { kind } = routeKind(api);
    const names = [functionObject(app, fn), ...(mesh ? [meshRouteObject(app, fn)] : [])];
    return names.map((name) => ({ kind, namespace, name }));
  }

  async plan(routes: readonly Route[], there: readonly RoutedFunction[]): Promise<FrontPlan> {
    const { cluster, site, settings } = this;
    const workloads = renderWorkloads(site, routes);
    checkOverlap(site, routes);
    checkServices(routes, workloads);
    const around = await readSurroundings(cluster, site);
    const before = there.map(({ route }) => route);
    const plan = planFront({
      site,
      workloads,
      routes,
      there: before,
      live: around.live,
      drainMs: settings.drainMs,
      spreadMs: this.#times.spreadMs,
      allowGap: this.options.allowGap ?? false,
    });
    plan.warnings.push(...checkHosts(site, routes, around.routes));
    for (const kind of around.unseen)
      plan.notes.push(
        `${kind} of other namespaces for ${site.host} were not checked: they may not be listed`,
      );
    await this.#checkForeign(plan, around);
    if (routes.length > 0) await this.#gateway(plan, around);
    else if (before.length > 0 && around.gateway) {
      const note = gatewayThatStays(site, around.gateway, around.routes);
      if (note !== null) plan.notes.push(note);
    }
    await refuseTaken(cluster, site, createdIn(plan));
    if (routes.length === 0) await this.#withoutPin(plan);
    this.#routes = { there: before, written: routes };
    for (const text of plan.notes) this.options.emit?.({ type: 'note', text });
    return plan;
  }

  async prepare(plan: FrontPlan, emit: Emit): Promise<void> {
    for (const step of plan.before) await this.#carryOut(step, plan, emit);
  }

  async settle(plan: FrontPlan, emit: Emit): Promise<void> {
    for (const step of plan.after) await this.#carryOut(step, plan, emit);
  }

  /** Rules of others in the app's own route objects must lead somewhere, too. */
  async #checkForeign(plan: FrontPlan, { live }: Surroundings): Promise<void> {
    const { cluster, site } = this;
    const removed = plan.objects.filter(({ action }) => action === 'remove');
    const references = foreignReferences(
      live.routes,
      live.workloads.filter(({ kind, metadata }) =>
        removed.some((row) => row.kind === kind && row.name === metadata.name),
      ),
    );
    const own = new Set([...live.workloads, ...createdIn(plan)].map(({ metadata }) => metadata.name));
    const foreign = references.filter(({ service }) => !own.has(service));
    const missing = await parallel(JOBS, foreign, async (each) =>
      (await cluster.get(KINDS.Service, site.namespace, each.service)) === null ? [each] : [],
    );
    for (const { object, rule, service } of missing.flat())
      plan.warnings.push(
        `${objectName(object)}: its rule ${rule} leads to Service ${service}, which is not there`,
      );
  }

  /** A gateway is checked, and made first where there is none and settings say so. */
  async #gateway(plan: FrontPlan, { gateway, labels }: Surroundings): Promise<void> {
    const { cluster, site, settings } = this;
    if (gateway === undefined) {
      plan.notes.push(
        `Gateway ${site.gateway.namespace}/${site.gateway.name} was not checked: it may not be read`,
      );
    } else if (gateway === null && settings.makeGateway) {
      const made = await gatewayToMake(cluster, site);
      plan.objects.unshift(rowOf(made, 'create'));
      plan.before.unshift({ do: 'apply', objects: [made] });
    } else {
      checkGateway(site, gateway, { namespace: site.namespace, labels });
    }
  }

  /** With the app's last route goes the secret of its pins. */
  async #withoutPin(plan: FrontPlan): Promise<void> {
    const { app, namespace } = this.site;
    const secret = await this.cluster.get(KINDS.Secret, namespace, pinSecretName(app));
    if (secret === null) return;
    const { name, uid = '' } = secret.metadata;
    plan.objects.push({ action: 'remove', kind: 'Secret', namespace, name, fields: [] });
    plan.after.push({ do: 'remove', objects: [{ kind: 'Secret', namespace, name, uid }] });
  }

  async #carryOut(step: FrontStep, plan: FrontPlan, emit: Emit): Promise<void> {
    const { cluster, site } = this;
    const where = { cluster, site, times: this.#times, emit };
    switch (step.do) {
      case 'apply':
        return this.#apply(step.objects, plan, emit);
      case 'await-rollout':
        return awaitRollouts(where, step.deployments);
      case 'await-endpoints':
        return awaitEndpoints(where, step.services);
      case 'await-routes':
        return awaitArrived(
          where,
          this.options.dataPlane ?? null,
          step.functions.flatMap((fn) => this.#awaited(fn, plan.before.includes(step) ? 'there' : 'written')),
        );
      case 'drain': {
        const what = plan.before.includes(step)
          ? 'until gateways have heard of the endpoints'
          : 'for requests that are under way';
        emit({ type: 'note', text: `waiting ${Number((step.ms / 1000).toFixed(1))} s ${what}` });
        return sleep(step.ms);
      }
      case 'park':
        return void (await parallel(JOBS, step.objects, (each) => this.#park(each)));
      case 'remove':
        return void (await parallel(JOBS, step.objects, ({ kind, namespace, name, uid }) =>
          cluster.remove(kindNamed(kind), namespace, name, uid === '' ? undefined : { uid }),
        ));
    }
  }

  /** The function's route at that time, or that it is no more. */
  #awaited(fn: FunctionName, state: 'there' | 'written'): AwaitedRoute[] {
    const of = ({ function: name }: Route): boolean => name === fn;
    const route = this.#routes[state].find(of);
    if (route !== undefined) return [{ route, state }];
    const other = this.#routes[state === 'there' ? 'written' : 'there'].find(of);
    return other === undefined ? [] : [{ route: other, state: 'gone' }];
  }

  async #apply(objects: readonly KubeObject[], plan: FrontPlan, emit: Emit): Promise<void> {
    const isNew = (object: KubeObject): boolean =>
      plan.objects.some(
        (row) => row.action === 'create' && row.kind === object.kind && row.name === object.metadata.name,
      );
    const warnings = await parallel(JOBS, objects, async (object) => {
      // What is the app's own is made as it shall be; what came up meanwhile under its name may be somebody else's.
      const force = !isNew(object);
      return (await this.cluster.apply(object, { force })).warnings.map(
        (text) => `${objectName(object)}: ${text}`,
      );
    });
    for (const text of new Set(warnings.flat())) emit({ type: 'warning', text });
  }

  async #park({
    kind,
    namespace,
    name,
    uid,
  }: {
    kind: string;
    namespace: string;
    name: string;
    uid: string;
  }): Promise<void> {
    const object = await this.cluster.get(kindNamed(kind), namespace, name);
    if (object === null || object.metadata.uid !== uid)
      throw new FnmeshError('conflict', `${kind} ${namespace}/${name} was changed meanwhile`, {
        try: 'the same command again',
      });
    const next = parked(object);
    if (!isDeepStrictEqual(next, object)) await this.cluster.replace(next);
  }
}

function createdIn({ before, objects }: FrontPlan): KubeObject[] {
  const created = new Set(
    objects.filter(({ action }) => action === 'create').map(({ kind, name }) => `${kind} ${name}`),
  );
  return before
    .flatMap((step) => (step.do === 'apply' ? step.objects : []))
    .filter(({ kind, metadata }) => kind !== CREATED_GATEWAY && created.has(`${kind} ${metadata.name}`));
}

function kindNamed(name: string): Kind {
  const kind = Object.values(KINDS).find((each) => each.kind === name);
  if (kind === undefined) throw new TypeError(`${name} is no kind that fnmesh removes`);
  return kind;
}
