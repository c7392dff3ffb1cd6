// Apps, fns and triggers: every change of the Fn API, checked, stored, and only then shown.
import { ApiError } from '../../fn/api-error.js';
import { changedApp, newApp } from '../../fn/app.js';
import { changedFn, checkNewFn, newFn } from '../../fn/fn.js';
import { newId } from '../../fn/id.js';
import type { App, AppBody, Fn, FnBody, Trigger, TriggerBody } from '../../fn/model.js';
import { changedTrigger, checkNewTrigger, newTrigger } from '../../fn/trigger.js';
import type { Write } from '../store/journal.js';
import type { Store } from '../store/store.js';
import { repositoryOf, staleBuilds } from './build-rules.js';
import { Locks } from './locks.js';
import { page, type Page, type PageQuery } from './names.js';
import { Resources } from './resources.js';

/**
 * The Fn API's objects. Changes that could collide wait for each other; refused ones throw ApiError, and FnmeshError
 * `failed` when the disk does not take them.
 */
export class FnObjects {
  private readonly resources = new Resources();
  private readonly locks = new Locks();

  /** @param changed Told which fn may run differently now, or is gone; null = more than one. */
  constructor(
    private readonly store: Store,
    private readonly changed: (fnId: string | null) => void,
  ) {
    for (const app of store.collection('apps').values()) this.resources.putApp(app as App);
    for (const fn of store.collection('fns').values()) this.resources.putFn(fn as Fn);
    for (const trigger of store.collection('triggers').values())
      this.resources.putTrigger(trigger as Trigger);
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

  /** The images of all fns, except these. */
  images(except: readonly Fn[] = []): Set<string> {
    const left = new Set(this.resources.fns.values());
    for (const fn of except) left.delete(fn);
    return new Set([...left].map(({ image }) => image));
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
      this.changed(null);
      return after;
    });
  }

  /** Deletes an app with its fns and triggers. Its routes stay: their requests get Fn's 404. @throws ApiError 404. */
  async deleteApp(id: string): Promise<void> {
    return this.locks.run(`app ${id}`, async () => {
      const app = found(this.app(id), 'App');
      await this.store.commit([['delete', 'apps', id], ...this.deletionOf(this.fnsOf(id))]);
      this.resources.removeApp(app);
      this.changed(null);
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
      this.changed(id);
      return after;
    });
  }

  /** Deletes a fn with its triggers. @throws ApiError 404. */
  async deleteFn(id: string): Promise<void> {
    return this.locks.run(`app ${this.fn(id)?.app_id}`, async () => {
      const fn = found(this.fn(id), 'Fn');
      await this.store.commit(this.deletionOf([fn]));
      this.resources.removeFn(fn);
      this.changed(id);
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

  /** Fns with their triggers. Builds go with the last fn of their repository: before that one may be about to run. */
  private deletionOf(fns: readonly Fn[]): Write[] {
    const triggers = fns.flatMap((fn) => this.resources.triggersOf(fn.id));
    const images = fns.map(({ image }) => image);
    const left = this.images(fns);
    const inUse = new Set([...left].map(repositoryOf));
    const gone = images.filter((image) => !inUse.has(repositoryOf(image)));
    const builds = staleBuilds(this.store.collection('builds'), gone, left, 0);
    return [
      ...fns.map(({ id }): Write => ['delete', 'fns', id]),
      ...triggers.map(({ id }): Write => ['delete', 'triggers', id]),
      ...builds.map((image): Write => ['delete', 'builds', image]),
    ];
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

function now(): string {
  return new Date().toISOString();
}
