// What the embedded server knows: apps, fns, triggers, builds, routes and their history. In memory for reading, in the
// store before anything is acknowledged.
import type { BuildRegistration } from '../control/protocol.js';
import type { App, Fn, Trigger } from '../fn/model.js';
import type { Change, Reason, RouteChange, RoutedFunction, RouteTable } from '../router/router.js';
import type { Catalog } from './catalog.js';
import { checkBuild, staleBuilds } from './state/build-rules.js';
import { FnObjects } from './state/fn-objects.js';
import { Locks } from './state/locks.js';
import { checkWrite, placeOf } from './state/route-rules.js';
import { Routes } from './state/routes.js';
import type { Write } from './store/journal.js';
import { Store, type StoreOptions } from './store/store.js';

/**
 * The state. Every change is checked and stored, and only then shown; when the disk does not take it, FnmeshError
 * `failed` is thrown and nothing has changed.
 */
export class State implements Catalog {
  /** Apps, fns and triggers with the changes that the Fn API makes. */
  readonly objects: FnObjects;
  private readonly routes = new Routes();
  private readonly locks = new Locks();
  private readonly fnListeners: ((fnId: string | null) => void)[] = [];
  private readonly routeListeners: ((appName: string, functionName: string) => void)[] = [];

  private constructor(private readonly store: Store) {
    this.objects = new FnObjects(store, (fnId) => this.fnChanged(fnId));
    for (const routed of store.collection('routes').values()) this.routes.load(routed as RoutedFunction);
    for (const [id, change] of store.collection('changes')) {
      this.routes.loadChange(id.slice(0, id.lastIndexOf('/')), change as Change);
    }
  }

  /**
   * Reads the state from its folder, which is made when absent.
   * @throws FnmeshError `failed` as `Store.open` does.
   */
  static async open(dir: string, options: StoreOptions = {}): Promise<State> {
    return new State(await Store.open(dir, options));
  }

  /** What the user should know about the stored state; may grow. */
  get warnings(): readonly string[] {
    return this.store.warnings;
  }

  /** Waits for what is under way and closes the files. */
  close(): Promise<void> {
    return this.store.close();
  }

  app(id: string): App | undefined {
    return this.objects.app(id);
  }

  appByName(name: string): App | undefined {
    return this.objects.appByName(name);
  }

  fn(id: string): Fn | undefined {
    return this.objects.fn(id);
  }

  /** The app's fns in name order. */
  fnsOf(appId: string): readonly Fn[] {
    return this.objects.fnsOf(appId);
  }

  triggerBySource(appId: string, source: string): Trigger | undefined {
    return this.objects.triggerBySource(appId, source);
  }

  build(image: string): BuildRegistration | undefined {
    return this.buildsByImage.get(image);
  }

  /** All registered builds. */
  builds(): BuildRegistration[] {
    return [...this.buildsByImage.values()];
  }

  /**
   * Registers builds, all or none; the same image again replaces. Older ones of the same fns that none of them runs go.
   * @throws FnmeshError `usage`.
   */
  async registerBuilds(builds: readonly BuildRegistration[]): Promise<void> {
    for (const build of builds) checkBuild(build);
    return this.locks.run('builds', async () => {
      const images = builds.map(({ image }) => image);
      const replaced = images.some((image) => this.buildsByImage.has(image));
      const used = this.objects.images();
      for (const image of images) used.add(image);
      await this.store.commit([
        ...builds.map((build): Write => ['put', 'builds', build.image, build]),
        ...staleBuilds(this.buildsByImage, images, used).map((image): Write => ['delete', 'builds', image]),
      ]);
      if (replaced) this.fnChanged(null);
    });
  }

  route(appName: string, functionName: string): RoutedFunction | undefined {
    return this.routes.byFunction(appName, functionName);
  }

  routeByPath(appName: string, path: string): RoutedFunction | undefined {
    return this.routes.byPath(appName, path);
  }

  hasRoutes(appName: string): boolean {
    return this.routes.has(appName);
  }

  appsWithPath(path: string): string[] {
    return [...this.routes.apps(path)];
  }

  /** The names of the apps that have routes, in order. */
  routedApps(): string[] {
    return this.routes.routedApps();
  }

  /** The app's routes, ordered by function name; an unknown app has none. */
  routeTable(appName: string): RouteTable {
    return this.routes.table(appName);
  }

  /** The app's changes, or those that touched one function, oldest first; the newest 200 of an app are kept. */
  history(appName: string, functionName?: string): Change[] {
    return this.routes.history(appName, functionName);
  }

  /**
   * Writes routes of one app, all or none, and records the change.
   * @throws FnmeshError `usage` for a route that breaks the rules; `conflict`, saying what changed meanwhile, when a
   *   revision differs.
   */
  async writeRoutes(changes: readonly RouteChange[], reason: Reason): Promise<RouteTable> {
    const write = checkWrite(changes, reason);
    return this.locks.run(`routes ${write.app}`, async () => {
      const plan = this.routes.plan(write, new Date().toISOString());
      await this.store.commit(plan.writes);
      this.routes.apply(plan);
      for (const { app, function: name } of write.changes.map(placeOf)) {
        for (const listener of this.routeListeners) listener(app, name);
      }
      const written = write.changes.flatMap(
        (change) => this.route(write.app, placeOf(change).function) ?? [],
      );
      return {
        app: write.app,
        routes: written.sort((a, b) => (a.route.function < b.route.function ? -1 : 1)),
      };
    });
  }

  onFnChange(listener: (fnId: string | null) => void): void {
    this.fnListeners.push(listener);
  }

  onRouteChange(listener: (appName: string, functionName: string) => void): void {
    this.routeListeners.push(listener);
  }

  /** As stored; the oldest first. */
  private get buildsByImage(): ReadonlyMap<string, BuildRegistration> {
    return this.store.collection('builds') as ReadonlyMap<string, BuildRegistration>;
  }

  private fnChanged(fnId: string | null): void {
    for (const listener of this.fnListeners) listener(fnId);
  }
}
