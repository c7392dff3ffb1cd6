// What the embedded server knows: apps, fns, triggers, builds, routes and their history. In memory for reading, in the
// store before anything is acknowledged.
import { isAbsolute } from 'node:path';
import type { BuildRegistration } from '../control/protocol.js';
import { FnmeshError } from '../errors.js';
import { ApiError } from '../fn/api-error.js';
import { changedApp, newApp } from '../fn/app.js';
import { changedFn, checkNewFn, newFn } from '../fn/fn.js';
import { newId } from '../fn/id.js';
import type { App, AppBody, Fn, FnBody, Trigger, TriggerBody } from '../fn/model.js';
import { changedTrigger, checkNewTrigger, newTrigger } from '../fn/trigger.js';
import type { Change, Reason, RouteChange, RoutedFunction, RouteTable } from '../router/router.js';
import type { Catalog } from './catalog.js';
import { Locks } from './state/locks.js';
import { page, type Page, type PageQuery } from './state/names.js';
import { Resources } from './state/resources.js';
import { checkWrite, placeOf } from './state/route-rules.js';
import { Routes } from './state/routes.js';
import type { Write } from './store/journal.js';
import { Store, type StoreOptions } from './store/store.js';

/**
 * The state. Every change is checked and stored, and only then shown; changes that could collide wait for each other.
 * Changes of the Fn API throw ApiError, those of routes and builds FnmeshError `usage` or `conflict`, and all throw
 * FnmeshError `failed` when the disk does not take them: then nothing has changed.
 */
export class State implements Catalog {
  private readonly resources = new Resources();
  private readonly routes = new Routes();
  private readonly buildsByImage = new Map<string, BuildRegistration>();
  private readonly locks = new Locks();
  private readonly fnListeners: ((fnId: string | null) => void)[] = [];
  private readonly routeListeners: ((appName: string, functionName: string) => void)[] = [];

  private constructor(private readonly store: Store) {
    for (const app of store.collection('apps').values()) this.resources.putApp(app as App);
    for (const fn of store.collection('fns').values()) this.resources.putFn(fn as Fn);
    for (const trigger of store.collection('triggers').values())
      this.resources.putTrigger(trigger as Trigger);
    for (const [image, build] of store.collection('builds'))
      this.buildsByImage.set(image, build as BuildRegistration);
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
    return this.resources.apps.get(id);
  }

  appByName(name: string): App | undefined {
    return this.resources.appsByName.get(name);
  }

  fn(id: string): Fn | undefined {
    return this.resources.fns.get(id);
  }

  trigger(id: string): Trigger | undefined {
    return this.resources.triggers.get(id);
  }

  triggerBySource(appId: string, source: string): Trigger | undefined {
    return this.resources.triggerBySource(appId, source);
  }

  /** The app's fns in name order. */
  fnsOf(appId: string): readonly Fn[] {
    return this.resources.fnsOf(appId);
  }

  /** A page of all apps. @throws ApiError 400 for a bad cursor. */
  listApps(query: PageQuery): Page<App> {
    const one = query.name ? this.appByName(query.name) : undefined;
    return page(query.name ? (one ? [one] : []) : this.resources.appOrder.sorted(), query);
  }

  /** A page of an app's fns; an unknown app has none. @throws ApiError 400 for a bad cursor. */
  listFns(appId: string, query: PageQuery): Page<Fn> {
    const one = query.name ? this.resources.fnByName(appId, query.name) : undefined;
    return page(query.name ? (one ? [one] : []) : this.fnsOf(appId), query);
  }

  /** A page of the triggers of an app, or of one of its fns. @throws ApiError 400 for a bad cursor. */
  listTriggers(appId: string, fnId: string | null, query: PageQuery): Page<Trigger> {
    if (!fnId) return page(this.resources.triggersOfApp(appId), query);
    return page(this.fn(fnId)?.app_id === appId ? this.resources.triggersOf(fnId) : [], query);
  }

  /** Makes an app. @throws ApiError 400, 409. */
  async createApp(body: AppBody): Promise<App> {
    const app = newApp(body, { id: newId, now: now() });
    return this.locks.run(`name ${app.name}`, async () => {
      if (this.appByName(app.name)) throw new ApiError(409, 'App already exists');
      await this.store.commit([['put', 'apps', app.id, app]]);
      this.resources.putApp(app);
      return app;
    });
  }

  /** Changes an app. @throws ApiError 400, 404, 409. */
  async updateApp(id: string, body: AppBody): Promise<App> {
    if (body.id && body.id !== id) throw new ApiError(400, 'App ID in path does not match ID in body');
    return this.locks.run(`app ${id}`, async () => {
      const before = found(this.app(id), 'App');
      const after = changedApp(before, body, now());
      if (after === before) return before;
      await this.store.commit([['put', 'apps', id, after]]);
      this.resources.putApp(after);
      this.fnChanged(null);
      return after;
    });
  }

  /** Deletes an app with its fns and triggers. Its routes stay: their requests get Fn's 404. @throws ApiError 404. */
  async deleteApp(id: string): Promise<void> {
    return this.locks.run(`app ${id}`, async () => {
      const app = found(this.app(id), 'App');
      await this.store.commit([
        ['delete', 'apps', id],
        ...this.fnsOf(id).flatMap((fn) => this.fnDeletion(fn)),
      ]);
      this.resources.removeApp(app);
      this.fnChanged(null);
    });
  }

  /** Makes a fn. @throws ApiError 400, 404, 409. */
  async createFn(body: FnBody): Promise<Fn> {
    checkNewFn(body);
    return this.locks.run(`app ${body.app_id}`, async () => {
      const app = found(this.app(body.app_id), 'App');
      if (this.resources.fnByName(app.id, body.name))
        throw new ApiError(409, 'Fn with specified name already exists');
      const fn = newFn(body, app, { id: newId, now: now() });
      await this.store.commit([['put', 'fns', fn.id, fn]]);
      this.resources.putFn(fn);
      return fn;
    });
  }

  /** Changes a fn. @throws ApiError 400, 404. */
  async updateFn(id: string, body: FnBody): Promise<Fn> {
    if (body.id && body.id !== id) throw new ApiError(400, 'Fn ID in path does not match that in body');
    return this.locks.run(`app ${this.fn(id)?.app_id}`, async () => {
      const before = found(this.fn(id), 'Fn');
      const after = changedFn(before, body, now());
      if (after === before) return before;
      await this.store.commit([['put', 'fns', id, after]]);
      this.resources.putFn(after);
      this.fnChanged(id);
      return after;
    });
  }

  /** Deletes a fn with its triggers. @throws ApiError 404. */
  async deleteFn(id: string): Promise<void> {
    return this.locks.run(`app ${this.fn(id)?.app_id}`, async () => {
      const fn = found(this.fn(id), 'Fn');
      await this.store.commit(this.fnDeletion(fn));
      this.resources.removeFn(fn);
      this.fnChanged(id);
    });
  }

  /** Makes a trigger. @throws ApiError 400, 404, 409. */
  async createTrigger(body: TriggerBody): Promise<Trigger> {
    checkNewTrigger(body);
    return this.locks.run(`app ${body.app_id}`, async () => {
      found(this.app(body.app_id), 'App');
      const trigger = newTrigger(body, { id: newId, now: now() });
      this.checkTrigger(trigger);
      await this.store.commit([['put', 'triggers', trigger.id, trigger]]);
      this.resources.putTrigger(trigger);
      return trigger;
    });
  }

  /** Changes a trigger. @throws ApiError 400, 404, 409. */
  async updateTrigger(id: string, body: TriggerBody): Promise<Trigger> {
    if (body.id && body.id !== id) throw new ApiError(400, 'ID in path does not match ID in body');
    return this.locks.run(`app ${this.trigger(id)?.app_id}`, async () => {
      const before = found(this.trigger(id), 'Trigger');
      const after = changedTrigger(before, body, now());
      if (after === before) return before;
      this.checkTrigger(after);
      await this.store.commit([['put', 'triggers', id, after]]);
      this.resources.putTrigger(after);
      return after;
    });
  }

  /** Deletes a trigger. @throws ApiError 404. */
  async deleteTrigger(id: string): Promise<void> {
    return this.locks.run(`app ${this.trigger(id)?.app_id}`, async () => {
      const trigger = found(this.trigger(id), 'Trigger');
      await this.store.commit([['delete', 'triggers', id]]);
      this.resources.removeTrigger(trigger);
    });
  }

  build(image: string): BuildRegistration | undefined {
    return this.buildsByImage.get(image);
  }

  /** All registered builds. */
  builds(): BuildRegistration[] {
    return [...this.buildsByImage.values()];
  }

  /** Registers builds, all or none; the same image again replaces. @throws FnmeshError `usage`. */
  async registerBuilds(builds: readonly BuildRegistration[]): Promise<void> {
    for (const build of builds) checkBuild(build);
    return this.locks.run('builds', async () => {
      await this.store.commit(builds.map((build): Write => ['put', 'builds', build.image, build]));
      const replaced = builds.some(({ image }) => this.buildsByImage.has(image));
      for (const build of builds) this.buildsByImage.set(build.image, build);
      if (replaced) this.fnChanged(null);
    });
  }

  route(appName: string, functionName: string): RoutedFunction | undefined {
    return this.routes.byFunction(appName, functionName);
  }

  routeByPath(appName: string, path: string): RoutedFunction | undefined {
    return this.routes.byPath(appName, path);
  }

  appsWithPath(path: string): string[] {
    return [...this.routes.apps(path)];
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
      const plan = this.routes.plan(write, now());
      await this.store.commit(plan.writes);
      this.routes.apply(plan);
      for (const { app, function: name } of write.changes.map(placeOf)) {
        for (const listener of this.routeListeners) listener(app, name);
      }
      return this.routes.table(write.app);
    });
  }

  onFnChange(listener: (fnId: string | null) => void): void {
    this.fnListeners.push(listener);
  }

  onRouteChange(listener: (appName: string, functionName: string) => void): void {
    this.routeListeners.push(listener);
  }

  private fnChanged(fnId: string | null): void {
    for (const listener of this.fnListeners) listener(fnId);
  }

  private fnDeletion(fn: Fn): Write[] {
    const triggers = this.resources
      .triggersOf(fn.id)
      .map((trigger): Write => ['delete', 'triggers', trigger.id]);
    return [['delete', 'fns', fn.id], ...triggers];
  }

  private checkTrigger({ id, name, app_id: appId, fn_id: fnId, source }: Trigger): void {
    if (found(this.fn(fnId), 'Fn').app_id !== appId) {
      throw new ApiError(400, 'Invalid Fn ID - not owned by specified app');
    }
    if ((this.triggerBySource(appId, source)?.id ?? id) !== id) {
      throw new ApiError(409, 'Trigger with the same type and source exists on this app');
    }
    if (this.resources.triggersOf(fnId).some((other) => other.name === name && other.id !== id)) {
      throw new ApiError(409, 'Trigger already exists');
    }
  }
}

function found<T>(thing: T | undefined, kind: 'App' | 'Fn' | 'Trigger'): T {
  if (thing === undefined) throw new ApiError(404, `${kind} not found`);
  return thing;
}

function checkBuild({ image, dir, command, cannotRun }: BuildRegistration): void {
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!isText(image) || /\s/.test(image))
    throw new FnmeshError('usage', 'a build needs the name of its image');
  if (!isText(dir) || !isAbsolute(dir))
    throw new FnmeshError('usage', `${image}: dir must be an absolute path`);
  const isCommand = Array.isArray(command) && command.every((word) => typeof word === 'string');
  if (!isCommand || (!isText(command[0]) && !isText(cannotRun))) {
    throw new FnmeshError('usage', `${image}: command must be a program and its arguments`);
  }
}

function now(): string {
  return new Date().toISOString();
}
