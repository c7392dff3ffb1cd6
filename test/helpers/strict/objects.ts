// Apps, fns and triggers as the real server keeps them, with what it does not check (fnproject/fn 0.3.753).
import { ApiError } from '../../../src/fn/api-error.js';
import { changedApp, newApp } from '../../../src/fn/app.js';
import { changedFn, newFn } from '../../../src/fn/fn.js';
import { newId } from '../../../src/fn/id.js';
import type { App, AppBody, Fn, FnBody, Trigger, TriggerBody } from '../../../src/fn/model.js';
import { HTTP_ENDPOINT, INVOKE_ENDPOINT } from '../../../src/fn/model.js';
import { mergedAnnotations, newAnnotations, unlessEmpty } from '../../../src/fn/rules.js';
import { changedTrigger, checkNewTrigger, newTrigger } from '../../../src/fn/trigger.js';

/** The stored objects. Refusals are ApiErrors. */
export class StrictObjects {
  readonly apps = new Map<string, App>();
  readonly fns = new Map<string, Fn>();
  readonly triggers = new Map<string, Trigger>();

  appByName(name: string): App | undefined {
    return [...this.apps.values()].find((app) => app.name === name);
  }

  /** The oldest, where an update has made a second one. */
  triggerBySource(appId: string, source: string): Trigger | undefined {
    return [...this.triggers.values()].find((each) => each.app_id === appId && each.source === source);
  }

  createApp(body: AppBody): App {
    notNull(body);
    const app = newApp(body, made());
    if (this.appByName(app.name)) throw new ApiError(409, 'App already exists');
    this.apps.set(app.id, app);
    return app;
  }

  updateApp(id: string, body: AppBody): App {
    if (body.id && body.id !== id) throw new ApiError(400, 'App ID in path does not match ID in body');
    const before = found(this.apps, id, 'App');
    notNull(body);
    const after = changedApp(before, body, now());
    this.apps.set(id, after);
    return after;
  }

  deleteApp(id: string): void {
    found(this.apps, id, 'App');
    this.apps.delete(id);
    for (const fn of this.fns.values()) if (fn.app_id === id) this.fns.delete(fn.id);
    for (const trigger of this.triggers.values()) if (trigger.app_id === id) this.triggers.delete(trigger.id);
  }

  createFn(body: FnBody): Fn {
    notNull(body);
    const app = this.apps.get(body.app_id ?? '');
    // Checked before the app is looked for.
    const fn = newFn(body, app ?? ({ id: body.app_id } as App), made());
    if (!app) throw new ApiError(404, 'App not found');
    if ([...this.fns.values()].some((each) => each.app_id === app.id && each.name === fn.name)) {
      throw new ApiError(409, 'Fn with specified name already exists');
    }
    const stored = { ...fn, ...unlessEmpty('annotations', newAnnotations(body.annotations)) };
    this.fns.set(fn.id, stored);
    return stored;
  }

  /** Name, app and shape in the body are ignored. */
  updateFn(id: string, body: FnBody): Fn {
    const before = found(this.fns, id, 'Fn');
    notNull(body);
    const after = withSent(before, changedFn(before, body, now()), body, INVOKE_ENDPOINT);
    this.fns.set(id, after);
    return after;
  }

  deleteFn(id: string): void {
    found(this.fns, id, 'Fn');
    this.fns.delete(id);
    for (const trigger of this.triggers.values()) if (trigger.fn_id === id) this.triggers.delete(trigger.id);
  }

  createTrigger(body: TriggerBody): Trigger {
    notNull(body);
    checkNewTrigger(body);
    found(this.apps, body.app_id, 'App');
    if (found(this.fns, body.fn_id, 'Fn').app_id !== body.app_id) {
      throw new ApiError(400, 'Invalid Fn ID - not owned by specified app');
    }
    if (this.triggerBySource(body.app_id, body.source)) {
      throw new ApiError(409, 'Trigger with the same type and source exists on this app');
    }
    if (this.hasTrigger(body.fn_id, body.name)) throw new ApiError(409, 'Trigger already exists');
    const trigger = newTrigger(body, made());
    const stored = { ...trigger, ...unlessEmpty('annotations', newAnnotations(body.annotations)) };
    this.triggers.set(stored.id, stored);
    return stored;
  }

  /** Neither the fn nor the source is checked; the answer shows the `app_id` that was sent, which is not stored. */
  updateTrigger(id: string, body: TriggerBody): Trigger {
    const before = found(this.triggers, id, 'Trigger');
    notNull(body);
    const after = withSent(before, changedTrigger(before, body, now()), body, HTTP_ENDPOINT);
    if (this.hasTrigger(after.fn_id, after.name, id)) throw new ApiError(500, 'internal server error');
    this.triggers.set(id, after);
    return body.app_id ? { ...after, app_id: body.app_id } : after;
  }

  deleteTrigger(id: string): void {
    found(this.triggers, id, 'Trigger');
    this.triggers.delete(id);
  }

  private hasTrigger(fnId: string, name: string, except?: string): boolean {
    return [...this.triggers.values()].some(
      (each) => each.fn_id === fnId && each.name === name && each.id !== except,
    );
  }
}

/** The real server takes an endpoint annotation like any other; what was made of the body here leaves it out. */
function withSent<T extends Fn | Trigger>(
  before: T,
  after: T,
  body: FnBody | TriggerBody,
  endpoint: string,
): T {
  const all = mergedAnnotations(before.annotations, body.annotations);
  if (![before, body].some(({ annotations = {} }) => Object.hasOwn(annotations, endpoint))) return after;
  const changed: Fn | Trigger = { ...after, annotations: all };
  if (Object.keys(all).length === 0) delete changed.annotations;
  return changed as T;
}

/** A null annotation makes the real server fail, and on a PUT of an app hang for good. */
function notNull({ annotations = {} }: AppBody | TriggerBody): void {
  if (Object.values(annotations).includes(null)) throw new ApiError(500, 'internal server error');
}

function found<T>(all: ReadonlyMap<string, T>, id: string, kind: 'App' | 'Fn' | 'Trigger'): T {
  const one = all.get(id);
  if (one === undefined) throw new ApiError(404, `${kind} not found`);
  return one;
}

function made(): { id: () => string; now: string } {
  return { id: newId, now: now() };
}

function now(): string {
  return new Date().toISOString();
}
