// Apps, fns and triggers in memory, by every key that a request may carry. Kept up to date one at a time.
import type { App, Fn, Trigger } from '../../fn/model.js';
import { NameOrder } from './names.js';

type AppIndex = {
  fns: NameOrder<Fn>;
  fnsByName: Map<string, Fn>;
  triggers: NameOrder<Trigger>;
  triggersBySource: Map<string, Trigger>;
};

/** The Fn API's objects. An app goes before its fns, a fn before its triggers. */
export class Resources {
  readonly apps = new Map<string, App>();
  readonly appsByName = new Map<string, App>();
  readonly appOrder = new NameOrder<App>();
  readonly fns = new Map<string, Fn>();
  readonly triggers = new Map<string, Trigger>();
  private readonly ofApp = new Map<string, AppIndex>();
  private readonly triggersOfFn = new Map<string, NameOrder<Trigger>>();

  putApp(app: App): void {
    this.apps.set(app.id, app);
    this.appsByName.set(app.name, app);
    this.appOrder.put(app);
  }

  /** Its fns and triggers go with it. */
  removeApp(app: App): void {
    for (const fn of this.fnsOf(app.id)) this.removeFn(fn);
    this.apps.delete(app.id);
    this.appsByName.delete(app.name);
    this.appOrder.remove(app.id);
    this.ofApp.delete(app.id);
  }

  putFn(fn: Fn): void {
    const index = this.index(fn.app_id);
    this.fns.set(fn.id, fn);
    index.fns.put(fn);
    index.fnsByName.set(fn.name, fn);
  }

  /** Its triggers go with it. */
  removeFn(fn: Fn): void {
    for (const trigger of this.triggersOf(fn.id)) this.removeTrigger(trigger);
    const index = this.index(fn.app_id);
    this.fns.delete(fn.id);
    this.triggersOfFn.delete(fn.id);
    index.fns.remove(fn.id);
    index.fnsByName.delete(fn.name);
  }

  putTrigger(trigger: Trigger): void {
    const before = this.triggers.get(trigger.id);
    if (before) this.removeTrigger(before); // Its source, its name and its fn may be others now.
    const index = this.index(trigger.app_id);
    this.triggers.set(trigger.id, trigger);
    index.triggers.put(trigger);
    index.triggersBySource.set(trigger.source, trigger);
    let ofFn = this.triggersOfFn.get(trigger.fn_id);
    if (!ofFn) this.triggersOfFn.set(trigger.fn_id, (ofFn = new NameOrder<Trigger>()));
    ofFn.put(trigger);
  }

  removeTrigger(trigger: Trigger): void {
    const index = this.index(trigger.app_id);
    this.triggers.delete(trigger.id);
    index.triggers.remove(trigger.id);
    index.triggersBySource.delete(trigger.source);
    this.triggersOfFn.get(trigger.fn_id)?.remove(trigger.id);
  }

  fnByName(appId: string, name: string): Fn | undefined {
    return this.ofApp.get(appId)?.fnsByName.get(name);
  }

  triggerBySource(appId: string, source: string): Trigger | undefined {
    return this.ofApp.get(appId)?.triggersBySource.get(source);
  }

  /** The app's fns in name order. */
  fnsOf(appId: string): readonly Fn[] {
    return this.ofApp.get(appId)?.fns.sorted() ?? [];
  }

  /** The app's triggers in name order. */
  triggersOfApp(appId: string): readonly Trigger[] {
    return this.ofApp.get(appId)?.triggers.sorted() ?? [];
  }

  /** The fn's triggers in name order. */
  triggersOf(fnId: string): readonly Trigger[] {
    return this.triggersOfFn.get(fnId)?.sorted() ?? [];
  }

  private index(appId: string): AppIndex {
    let index = this.ofApp.get(appId);
    if (!index) {
      index = {
        fns: new NameOrder(),
        fnsByName: new Map(),
        triggers: new NameOrder(),
        triggersBySource: new Map(),
      };
      this.ofApp.set(appId, index);
    }
    return index;
  }
}
