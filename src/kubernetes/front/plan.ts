// In which order what stands before the functions changes, so that no request fails by it. Pure: what is there against
// what shall be there. After an interruption it is planned anew from there; nothing is remembered.
//
// Make before break: what is new is ready, and known to the gateways, before a route leads to it; what goes, goes when
// no gateway leads there any more. A shared proxy answers only requests that say where to, a dedicated one does not
// care: to shared proxies the routes change before the Services, to dedicated ones the Services before the routes.
import { isDeepStrictEqual } from 'node:util';
import type { FunctionName, Route } from '../../routing/route.js';
import type { FrontPlan, FrontStep } from '../front.js';
import { LABELS, sharedProxy, versionObject } from '../names.js';
import type { KubeObject } from '../object.js';
import { refuseManaged } from '../owner.js';
import { rulesOf } from '../render/merge-route.js';
import type { Site } from '../site.js';
import { gapOf, moves, ofOtherApi } from './gaps.js';
import type { LiveFront } from './live.js';
import {
  functionOf,
  hasRouteHeader,
  isOfApi,
  isParked,
  isRenderedOtherwise,
  leftParked,
  refuseForeignRules,
} from './live-routes.js';
import { servicesIn } from './references.js';
import { rolloutOf } from './rollout.js';
import { rowOf, type WorkloadChanges, workloadChanges } from './workload-changes.js';

/** What a plan is made from. */
export type FrontInput = {
  site: Site;
  /** All workload objects of the app as they shall be. */
  workloads: readonly KubeObject[];
  /** All routes of the app as they shall be, and as they are. */
  routes: readonly Route[];
  there: readonly Route[];
  live: LiveFront;
  /** How long what was taken out of the routes goes on answering, in milliseconds. */
  drainMs: number;
  /** How long gateways take at most to hear of endpoints, in milliseconds. */
  spreadMs: number;
  /** Whether requests may fail for a moment where there is no way around it. */
  allowGap: boolean;
};

/**
 * The steps before and after the routes are written. Nothing to do: no steps.
 * @throws FnmeshError `config` when a route cannot be rendered, or the API was switched without `allowGap`; `conflict` when another tool manages what would change.
 */
export function planFront(input: FrontInput): FrontPlan {
  const { site, routes, there, live } = input;
  const changes = workloadChanges(input.workloads, live.workloads);
  refuseManaged([...managedOf(changes, live), ...changes.removed]);

  const before = new Map(there.map((route) => [route.function, route]));
  const changed = routes.filter((route) => !isDeepStrictEqual(route, before.get(route.function)));
  const rewritten = routes.filter(
    (route) => !changed.includes(route) && isRenderedOtherwise(site, route, live.routes),
  );
  const gone = live.routes
    .map(functionOf)
    .filter((fn, at, all) => all.indexOf(fn) === at && !routes.some(({ function: name }) => name === fn));
  const written = [...changed, ...rewritten];
  const old = live.routes.filter((object) => !isOfApi(site, object));
  const toPark = ofOtherApi(input);
  const left = leftParked(site, live.routes);
  [...old, ...left].forEach(refuseForeignRules);
  refuseManaged([
    ...old,
    ...left,
    ...live.routes.filter((object) => written.some(({ function: fn }) => fn === functionOf(object))),
  ]);

  return {
    objects: [...changes.rows, ...[...old, ...left].map((object) => rowOf(object, 'remove'))],
    before: [
      ...stepsBefore(input, changes, written, toPark),
      ...(left.length > 0 ? [{ do: 'remove' as const, objects: left.map(refOf) }] : []),
    ],
    after: stepsAfter(input, changes, [...written.map(({ function: fn }) => fn), ...gone], old),
    rewrite: rewritten.map(({ function: fn }) => fn),
    warnings: [
      ...(toPark.length > 0 ? [gapOf(site)] : []),
      ...moves(input, written),
      ...notDone(input, changes, written).stuck.map(
        ({ metadata }) => `${metadata.name}: not all its Pods become ready; it is left as it is`,
      ),
    ],
    notes: [],
  };
}

function stepsBefore(
  input: FrontInput,
  changes: WorkloadChanges,
  written: readonly Route[],
  toPark: readonly KubeObject[],
): FrontStep[] {
  const { site, routes, there, live, spreadMs, workloads } = input;
  const isDeployment = ({ kind }: KubeObject): boolean => kind === 'Deployment';
  const first = [...changes.created, ...changes.updated].filter((object) => !isDeployment(object));
  const deployments = [...changes.created, ...changes.updated].filter(isDeployment);
  const flips = changes.flipped.filter((service) => isFlippedFirst(input, service));
  // What a run that was broken off has left: nothing leads there once gateways know that.
  const left = site.proxy === 'shared' ? flips : [];

  const routed = new Map(there.map((route) => [route.function, route]));
  const fresh: string[] = [];
  let isServed = flips.length > 0;
  for (const { app, function: fn, destinations, split } of routes) {
    const known = routed.get(fn)?.destinations ?? {};
    const unheaded =
      site.proxy === 'dedicated' && live.routes.some((one) => functionOf(one) === fn && hasRouteHeader(one));
    for (const version of Object.keys(destinations)) {
      if (Object.hasOwn(known, version) && !(unheaded && written.some(({ function: name }) => name === fn)))
        continue;
      fresh.push(versionObject(app, fn, version));
      isServed ||= unheaded || (split[version] ?? 0) > 0;
    }
  }
  const touched = new Set(
    [...changes.created, ...flips].map(({ kind, metadata }) => kind === 'Service' && metadata.name),
  );
  const services = workloads
    .filter(({ kind }) => kind === 'Service')
    .map(({ metadata }) => metadata.name)
    .filter((name) => touched.has(name) || fresh.includes(name));
  const awaited = [
    ...deployments.map(({ metadata }) => metadata.name),
    ...notDone(input, changes, written).awaited.map(({ metadata }) => metadata.name),
  ];
  return [
    ...(first.length > 0 ? [{ do: 'apply' as const, objects: first }] : []),
    ...(deployments.length > 0 ? [{ do: 'apply' as const, objects: deployments }] : []),
    ...(awaited.length > 0 ? [{ do: 'await-rollout' as const, deployments: awaited.sort() }] : []),
    ...(left.length > 0
      ? [{ do: 'await-routes' as const, functions: [...new Set(left.map(functionOf))].sort() }]
      : []),
    ...(flips.length > 0 ? [{ do: 'apply' as const, objects: flips }] : []),
    ...(services.length > 0 ? [{ do: 'await-endpoints' as const, services: services.sort() }] : []),
    ...(services.length > 0 && isServed ? [{ do: 'drain' as const, ms: spreadMs }] : []),
    ...(toPark.length > 0 ? [{ do: 'park' as const, objects: toPark.map(refOf) }] : []),
  ];
}

/** Before the routes: to dedicated proxies always, to a shared one if no live route leads to the Service yet. */
function isFlippedFirst({ site, live }: FrontInput, service: KubeObject): boolean {
  if (site.proxy === 'dedicated') return true;
  const { name, namespace = '', labels = {} } = service.metadata;
  const routes = live.routes.filter(
    (object) => !isParked(object) && functionOf(object) === functionOf(service),
  );
  if (labels[LABELS.version] === undefined) return routes.length === 0;
  return !routes.some((object) => rulesOf(object).some((rule) => servicesIn(rule, namespace).includes(name)));
}

function stepsAfter(
  input: FrontInput,
  changes: WorkloadChanges,
  written: readonly FunctionName[],
  old: readonly KubeObject[],
): FrontStep[] {
  const { routes, drainMs, workloads } = input;
  const flips = changes.flipped.filter((service) => !isFlippedFirst(input, service));
  const removed = [...old, ...changes.removed];
  const isAnswering = removed.some(({ kind }) => kind === 'Deployment' || kind === 'Service');
  const touched = [...flips, ...removed].flatMap((object) => {
    const fn = functionOf(object);
    if (fn !== '') return [fn];
    return object.kind === 'Deployment' ? routes.map((route) => route.function) : [];
  });
  // Of a run that was broken off nobody knows which of the routes had arrived.
  const isUsed = flips.length > 0 || old.length > 0 || isAnswering;
  const functions = [...new Set([...written, ...(isUsed ? touched : [])])].sort();

  const left = new Set(flips.map(({ metadata }) => metadata.name));
  for (const { kind, metadata } of changes.removed) {
    if (kind !== 'Deployment') continue;
    for (const { app, function: fn, destinations } of routes)
      for (const version of Object.keys(destinations)) {
        const service = versionObject(app, fn, version);
        if (metadata.name === sharedProxy(app) || metadata.name === service) left.add(service);
      }
  }
  const services = workloads
    .filter(({ kind, metadata }) => kind === 'Service' && left.has(metadata.name))
    .map(({ metadata }) => metadata.name);
  return [
    ...(functions.length > 0 ? [{ do: 'await-routes' as const, functions }] : []),
    ...(flips.length > 0 ? [{ do: 'apply' as const, objects: flips }] : []),
    ...(services.length > 0 ? [{ do: 'await-endpoints' as const, services: services.sort() }] : []),
    ...(isAnswering && drainMs > 0 ? [{ do: 'drain' as const, ms: drainMs }] : []),
    ...(removed.length > 0 ? [{ do: 'remove' as const, objects: removed.map(refOf) }] : []),
  ];
}

/**
 * Deployments that nothing changes and that are not done yet, for a run before was broken off, or for their Pods do not
 * come up. One that says itself that it makes no progress is waited for only if something new depends on it.
 */
function notDone(
  { site, there }: FrontInput,
  changes: WorkloadChanges,
  written: readonly Route[],
): { awaited: KubeObject[]; stuck: KubeObject[] } {
  const known = new Map(there.map((route) => [route.function, route]));
  const isRelied = (deployment: KubeObject): boolean => {
    if (changes.flipped.length > 0) return true;
    const { labels = {} } = deployment.metadata;
    const fn = labels[LABELS.function];
    if (fn === undefined) return written.length > 0;
    const isNew = known.get(fn)?.destinations[labels[LABELS.version] ?? ''] === undefined;
    return isNew || (site.proxy === 'dedicated' && written.some((route) => route.function === fn));
  };
  const open = changes.unchanged.filter(
    (one) => one.kind === 'Deployment' && rolloutOf(one).state !== 'done',
  );
  const stuck = open.filter((one) => rolloutOf(one).state === 'stuck' && !isRelied(one));
  return { awaited: open.filter((one) => !stuck.includes(one)), stuck };
}

/** The live objects of those that would be updated. */
function managedOf({ updated, flipped }: WorkloadChanges, live: LiveFront): KubeObject[] {
  const names = new Set([...updated, ...flipped].map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  return live.workloads.filter(({ kind, metadata }) => names.has(`${kind} ${metadata.name}`));
}

const refOf = ({ kind, metadata: { namespace = '', name, uid = '' } }: KubeObject) => ({
  kind,
  namespace,
  name,
  uid,
});
