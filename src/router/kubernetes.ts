// Kubernetes as a Router: one route object a function, read back with the weights that it really has, and written with
// the resourceVersion that was read.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../errors.js';
import type { Cluster } from '../kubernetes/cluster.js';
import type { Counters, DataPlane, ProxyState } from '../kubernetes/data-plane.js';
import { journalIds } from '../kubernetes/journal.js';
import type { JournalTimes } from '../kubernetes/journal.js';
import { appLabels, LABELS, VERSION_HEADER, versionObject } from '../kubernetes/names.js';
import { KINDS } from '../kubernetes/object.js';
import { refuseManaged } from '../kubernetes/owner.js';
import { isParked } from '../kubernetes/front/live-routes.js';
import { liveSplit } from '../kubernetes/render/read-route.js';
import { routeKind } from '../kubernetes/render/routes.js';
import { changesFrom } from '../kubernetes/route-record.js';
import type { Site } from '../kubernetes/site.js';
import { sameShares } from '../routing/diff.js';
import type { AppName, FunctionName, Route, VersionName } from '../routing/route.js';
import { DEFAULT_PROBE } from '../target/settings.js';
import type { Probe } from '../target/target.js';
import { appOf, checkPaths, functionOf, isLarge, planEdits } from './kubernetes-edits.js';
import { callVersion, readyEndpoints } from './kubernetes-ready.js';
import { pinned, pinOf } from './kubernetes-pin.js';
import type { OpenSite } from './kubernetes-pin.js';
import { conflict, halfDone, late, liveApp, serving, tableOf } from './kubernetes-state.js';
import type { LiveApp } from './kubernetes-state.js';
import { carryOutAll, settle, tidyJournals } from './kubernetes-journal.js';
import { carryOut, typed, writeNote } from './kubernetes-write.js';
import type { Change, PinHeader, Readiness, Reason, RouteChange, Router } from './router.js';
import type { RouteTable, Served, VersionRef, VersionTraffic } from './router.js';

/** How a cluster's routes are worked with. Times in milliseconds. */
export type KubernetesRouterOptions = {
  /** Where routes are looked for when no app is named. */
  namespace: string;
  /** The call that tells whether a version is ready. */
  probe: Probe;
  /** For that whole call. */
  timeoutMs: number;
  /** How long requests to what was taken out of a route may still come, and take. */
  drainMs: number;
  /** The proxies before the functions, where they can be asked. */
  dataPlane: DataPlane | null;
  /** Where answers are counted. */
  counters: Counters | null;
  journal?: JournalTimes;
};

const BY_DEFAULT = {
  probe: DEFAULT_PROBE,
  timeoutMs: 60_000,
  drainMs: 30_000,
  dataPlane: null,
  counters: null,
} satisfies Partial<KubernetesRouterOptions>;

/** How often a drain looks again, and how long a list of endpoints is good for, in milliseconds. */
const POLL_MS = 250;
const FRESH_MS = 1000;

type Endpoints = { since: number; counts: Promise<ReadonlyMap<string, number>> };

/** Applies routes to a cluster. Each method is one list of the app's route objects and little else. */
export class KubernetesRouter implements Router {
  readonly #options: KubernetesRouterOptions;
  readonly #sites = new Map<AppName, Promise<OpenSite>>();
  /** What was read or written last, so that a write needs no second read. */
  readonly #known = new Map<AppName, LiveApp>();
  readonly #endpoints = new Map<AppName, Endpoints>();
  /** When a function's route was last seen to have no more use for a version, by `performance.now()`. */
  readonly #quiet = new Map<string, number>();
  /** The routes that were removed, for as long as proxies may have them. */
  readonly #gone = new Map<string, Route>();
  /** Changes that look half done, and have no journal. */
  readonly #settled = new Set<string>();

  constructor(
    private readonly cluster: Cluster,
    private readonly siteOf: (app: AppName) => Promise<OpenSite>,
    options: Pick<KubernetesRouterOptions, 'namespace'> & Partial<KubernetesRouterOptions>,
  ) {
    this.#options = { ...BY_DEFAULT, ...options };
  }

  async apps(): Promise<AppName[]> {
    const selection = { namespace: this.#options.namespace, labels: { [LABELS.managedBy]: 'fnmesh' } };
    const lists = await Promise.all(
      [KINDS.VirtualService, KINDS.HTTPRoute].map((kind) => this.cluster.list(kind, selection)),
    );
    const routes = lists.flat().filter(({ metadata }) => metadata.labels?.[LABELS.function] !== undefined);
    return [...new Set(routes.flatMap(({ metadata }) => metadata.labels?.[LABELS.app] ?? []))].sort();
  }

  /** @throws FnmeshError `config` naming a route object that somebody else has made unreadable, unless `salvage`. */
  async read(app: AppName, { salvage = false, settle: isToWrite = false } = {}): Promise<RouteTable> {
    const listed = await this.#list(app);
    const live = isToWrite ? await this.#whole(app, listed, []) : listed;
    const garbled = [...live.routes.values()].find(({ unreadable }) => unreadable !== undefined);
    if (garbled?.unreadable && !salvage) throw garbled.unreadable;
    return structuredClone(tableOf(live));
  }

  /**
   * A write of one object is one request after a `read`. One of several is noted in a journal on the cluster first, so
   * that it is completed or put back when it was broken off. What a person has put into a route object stays.
   * @throws FnmeshError `conflict` when a revision or fnmesh's part of an object differs, an object of the name is
   *   somebody else's, Argo CD, Flux or Helm manages it, or two functions would have one address.
   */
  async write(changes: RouteChange[], reason: Reason): Promise<RouteTable> {
    const [first] = changes;
    if (first === undefined) throw new TypeError('a write of nothing');
    const app = appOf(first);
    const [site, live] = await Promise.all([this.#site(app), this.#upToDate(app, changes)]);
    checkPaths(live, changes);
    const touched = changes.flatMap((change) => {
      const [object, mesh] = [live.routes.get(functionOf(change))?.object, live.mesh.get(functionOf(change))];
      return [...(object ? [object] : []), ...(mesh ? [mesh] : [])];
    });
    refuseManaged(touched);

    const at = new Date().toISOString();
    const id = randomBytes(5).toString('hex');
    const plan = planEdits(live, await pinned(site, live, changes, reason), changes, reason, { id, at });
    this.#known.delete(app);
    if (plan.note) await writeNote(this.cluster, plan.note);
    const written = isLarge(plan)
      ? await carryOutAll(this.cluster, plan, { app, by: reason.by, at }, this.#options.journal)
      : await Promise.all(plan.edits.map((edit) => carryOut(this.cluster, edit, id)));
    const now = performance.now();
    for (const change of changes) {
      const key = `${app}/${functionOf(change)}`;
      this.#quiet.set(key, now);
      const route = live.routes.get(functionOf(change))?.route;
      if (change.kind === 'remove' && route) this.#gone.set(key, route);
    }
    const there = written.filter((object) => object !== null);
    return structuredClone(tableOf(liveApp(app, there)));
  }

  async tidy(app: AppName): Promise<void> {
    await tidyJournals(this.cluster, (await this.#site(app)).namespace, app);
  }

  async history(app: AppName, fn?: FunctionName): Promise<Change[]> {
    const { routes, removed } = await this.#list(app);
    const parts = [
      ...[...routes.values()].map(({ function: name, history }) => ({ function: name, entries: history })),
      ...removed,
    ];
    const all = changesFrom(parts);
    return fn === undefined
      ? all
      : all.filter(({ functions }) => functions.some((row) => row.function === fn));
  }

  /** No rows for a function where nobody counts. */
  async traffic(app: AppName): Promise<Record<FunctionName, VersionTraffic[]>> {
    const { counters } = this.#options;
    const { routes } = tableOf(await this.#list(app));
    const rows = await Promise.all(
      routes.map(async ({ route }) => {
        const counted = (await counters?.traffic(app, route.function, route)) ?? [];
        return [route.function, counted] as const;
      }),
    );
    return Object.fromEntries(rows);
  }

  /**
   * What the gateway's proxies have: the split that was asked for only once all of them have it. null: the function has
   * no route, or nobody can ask the proxies. Revision 0: what they have is the outcome of no change that is known.
   */
  async served(app: AppName, fn: FunctionName): Promise<Served | null> {
    if (this.#options.dataPlane === null) return null;
    const live = (await this.#list(app)).routes.get(fn);
    if (!live) return null;
    const states = (await this.#proxies(app, live.route)) ?? [];
    const other = states.find(({ split }) => split === null || !sameShares(split, live.route.split));
    if (states.length === 0 || other?.split === null) return null;
    if (other === undefined) return { function: fn, revision: live.revision, split: { ...live.route.split } };
    const { split } = other;
    const change = live.history.findLast(({ after }) => after !== null && sameShares(after, split));
    return { function: fn, revision: change?.number ?? 0, split };
  }

  async pin({ app, function: fn, version }: VersionRef): Promise<PinHeader | null> {
    const live = (this.#known.get(app) ?? (await this.#list(app))).routes.get(fn);
    if (!live) throw new FnmeshError('not_found', `${fn} has no route`, { try: `fnmesh deploy ${fn}` });
    const value = pinOf(live, version);
    return value === null ? null : [VERSION_HEADER, value];
  }

  /**
   * Ready: the version's Service has a ready endpoint, and its proxy and function answer a call through the API server
   * (with the probe `none`, only the proxy).
   */
  async ready({ app, function: fn, version }: VersionRef): Promise<Readiness> {
    const [site, live] = await Promise.all([this.#site(app), this.#known.get(app) ?? this.#list(app)]);
    const route = live.routes.get(fn)?.route;
    if (route === undefined || !Object.hasOwn(route.destinations, version))
      throw new FnmeshError('not_found', `${fn}/${version} has no route`, { try: 'fnmesh deploy' });
    const service = versionObject(app, fn, version);
    const ready = (await this.#readyEndpoints(app, site.namespace)).get(service) ?? 0;
    if (ready === 0) {
      const why = `Service ${site.namespace}/${service} has no ready endpoints`;
      const way = `kubectl get pods -n ${site.namespace} -l ${LABELS.app}=${app}`;
      return { ready: false, why, try: way };
    }
    const { probe, timeoutMs } = this.#options;
    // The pin is of no matter here: the Service is called, not the route.
    const closed: Site = { ...site, pin: { kind: 'off' } };
    return callVersion(this.cluster, closed, route, version, probe, timeoutMs);
  }

  /**
   * Drained: no live route object gives the version weight, the proxies (if they can be asked) have what the objects say,
   * and the time has passed that requests under way may take.
   */
  async drained({ app, function: fn, version }: VersionRef, timeoutMs: number): Promise<boolean> {
    const { drainMs } = this.#options;
    const until = performance.now() + timeoutMs;
    const key = `${app}/${fn}`;
    while (!(await this.#isOut(app, fn, version))) {
      this.#quiet.delete(key);
      if (performance.now() + POLL_MS > until) return false;
      await sleep(POLL_MS);
    }
    const since = this.#quiet.get(key) ?? performance.now();
    this.#quiet.set(key, since);
    const left = since + drainMs - performance.now();
    await sleep(Math.max(0, Math.min(left, until - performance.now())));
    return since + drainMs <= until;
  }

  /** Whether neither an object nor a proxy that can be asked gives the version a share. */
  async #isOut(app: AppName, fn: FunctionName, version: VersionName): Promise<boolean> {
    const live = await this.#list(app);
    const there = live.routes.get(fn);
    const mesh = live.mesh.get(fn);
    const splits = there ? [there.route.split, mesh ? liveSplit(mesh, there.route) : null] : [];
    if (splits.some((split) => (split?.[version] ?? 0) > 0)) return false;
    const route = there?.route ?? this.#gone.get(`${app}/${fn}`);
    if (route === undefined) return true;
    const states = await this.#proxies(app, route);
    return (states ?? []).every(({ split }) => {
      return there === undefined ? split === null : split !== null && sameShares(split, there.route.split);
    });
  }

  /** What the proxies have; null where nobody can ask them. */
  async #proxies(app: AppName, route: Route): Promise<ProxyState[] | null> {
    const { dataPlane } = this.#options;
    if (dataPlane === null) return null;
    try {
      return await dataPlane.proxies(await this.#site(app), route);
    } catch (error) {
      if (error instanceof FnmeshError) return null;
      throw error;
    }
  }

  #site(app: AppName): Promise<OpenSite> {
    const known = this.#sites.get(app) ?? this.siteOf(app);
    this.#sites.set(app, known);
    known.catch(() => this.#sites.delete(app));
    return known;
  }

  async #list(app: AppName): Promise<LiveApp> {
    const { namespace, api } = await this.#site(app);
    const selection = { namespace, labels: appLabels(app) };
    const objects = async (which: Site['api']) => {
      const kind = routeKind(which);
      return (await this.cluster.list(kind, selection)).map((object) => typed(kind, object));
    };
    let found = await objects(api);
    // Before a switch of API the routes are those of the other one, and so they are where one was broken off.
    if (found.length === 0 || found.some(isParked) || halfDone(liveApp(app, found)).length > 0)
      found = serving(found, await objects(api === 'istio' ? 'gateway-api' : 'istio'));
    const live = liveApp(app, found);
    this.#known.set(app, live);
    this.#endpoints.delete(app);
    return live;
  }

  /** What the changes were made from, with nothing half done under it. */
  async #upToDate(app: AppName, changes: readonly RouteChange[]): Promise<LiveApp> {
    const known = this.#known.get(app);
    let live = known ?? (await this.#list(app));
    if (known && late(known, changes).length > 0) live = await this.#list(app);
    const { namespace } = await this.#site(app);
    const isLargeOne = changes.length > 1 || changes.some(({ kind }) => kind === 'remove');
    live = await this.#whole(app, live, isLargeOne ? await journalIds(this.cluster, namespace, app) : []);
    const refused = late(live, changes);
    if (refused.length > 0) throw conflict(refused, live);
    return live;
  }

  /** The app with nothing half done, and these journals settled. */
  async #whole(app: AppName, live: LiveApp, journals: readonly string[]): Promise<LiveApp> {
    const left = [...halfDone(live).filter((id) => !this.#settled.has(id)), ...journals];
    const { namespace } = await this.#site(app);
    for (const id of new Set(left)) {
      await settle(this.cluster, namespace, id, this.#options.journal);
      this.#settled.add(id);
    }
    return left.length > 0 ? this.#list(app) : live;
  }

  #readyEndpoints(app: AppName, namespace: string): Promise<ReadonlyMap<string, number>> {
    const known = this.#endpoints.get(app);
    if (known && performance.now() - known.since < FRESH_MS) return known.counts;
    const counts = readyEndpoints(this.cluster, namespace, app);
    this.#endpoints.set(app, { since: performance.now(), counts });
    counts.catch(() => this.#endpoints.delete(app));
    return counts;
  }
}
