// Versions on a server with the releases that deploys and undos left of them, without a server: what `observe` gives.
import { lineages } from '../../src/deploy/deploys.js';
import { keepRelease } from '../../src/deploy/keep-release.js';
import { releaseNumbers } from '../../src/deploy/plan.js';
import { planUndoDeploy } from '../../src/deploy/plan-undo.js';
import type { FnServer } from '../../src/fn/fn-server.js';
import type { Fn, Trigger } from '../../src/fn/model.js';
import { versionAnnotations, type VersionNotes } from '../../src/fn/notes.js';
import { observed, type Observed } from '../../src/fn/observe.js';
import { keptRelease, levelling, contentOf, type Release } from '../../src/fn/releases.js';
import { changedFn, newFn } from '../../src/fn/fn.js';

const STAMPS = { created_at: '', updated_at: '2026-01-01T00:00:00.000Z' };
const APP = { id: 'app', name: 'shop', ...STAMPS };
const NO_ROUTES = { app: 'shop', routes: [] };

/** What a deploy may change of a version. */
export type Change = Partial<Pick<Fn, 'image' | 'memory' | 'config'>> & { secrets?: string[] };

/** A server of one app to which versions are deployed; a minute passes between any two changes. */
export class Past {
  readonly #fns = new Map<string, Fn>();
  readonly #triggers = new Map<string, Trigger>();
  #minutes = 0;
  #ids = 0;

  /** One deploy of some versions, each `function/version`. A new one is created, another changed in place. */
  async deploy(name: string, versions: Record<string, Change>): Promise<void> {
    const at = this.#now();
    for (const [label, { secrets = [], ...change }] of Object.entries(versions)) {
      const release = { deploy: name, at, by: `${name}@ci` };
      const { fns, releases } = this.observed();
      const before = fns.find(({ fn }) => fn.name === fnOf(label));
      const { next } = releaseNumbers(
        undefined,
        releases.filter(({ of }) => of === fnOf(label)),
        true,
      );
      if (before === undefined) this.#create(label, change, { ...release, number: next });
      else await this.#change(before.fn.name, change, (number) => ({ ...release, number }), { secrets });
    }
  }

  /** Undoes a deploy, as `fnmesh undo` does. @throws FnmeshError as planUndoDeploy. */
  async undo(deploy: string): Promise<void> {
    const at = this.#now();
    const plan = planUndoDeploy('shop', this.observed(), NO_ROUTES, deploy);
    for (const { fn, body, notes, to } of plan.versions) {
      const stamp = { deploy: `undo of ${deploy}`, at, by: 'me@here', undoes: deploy, restores: to };
      const { stack } = lineages(this.observed()).find(({ live }) => live.fn.name === fn)!;
      // What it goes back to, and what it undoes.
      const spared = [notes.release?.number ?? to, stack.at(-1)!];
      await this.#change(fn, body, (number) => ({ ...stamp, number }), {}, { notes, spared });
    }
  }

  /** A deploy of one version that ends between the change and its note. */
  breakOff(label: string, change: Change): Promise<void> {
    return this.#change(fnOf(label), change, null);
  }

  /** Somebody else makes an fn with Fn's own tools. */
  make(label: string, change: Change): void {
    const made = { id: () => `fn ${++this.#ids}`, now: STAMPS.updated_at };
    this.#fns.set(
      fnOf(label),
      newFn({ image: 'x:1', ...change, name: fnOf(label), app_id: APP.id }, APP, made),
    );
  }

  /** Somebody else changes or removes what is there. */
  meddle(fn: string, change: Partial<Fn> | null): void {
    if (change !== null) return void this.#fns.set(fn, { ...this.#fns.get(fn)!, ...change });
    this.#fns.delete(fn);
    this.#triggers.delete(fn);
  }

  observed(): Observed {
    const all: Observed = { app: APP, fns: [], releases: [] };
    for (const fn of this.#fns.values()) {
      const trigger = this.#triggers.get(fn.name);
      const release = trigger ? undefined : keptRelease(fn);
      if (release) all.releases.push(release);
      else all.fns.push(observed(fn, trigger ? [trigger] : []));
    }
    return structuredClone(all);
  }

  /** What a version runs. */
  content(label: string) {
    return contentOf(this.#fns.get(fnOf(label))!);
  }

  #create(label: string, change: Change, release: Release): void {
    this.make(label, change);
    this.#note(fnOf(label), { ...notesOf(fnOf(label)), release });
  }

  async #change(
    name: string,
    change: Change,
    release: ((number: number) => Release) | null,
    { secrets = [] }: Pick<Change, 'secrets'> = {},
    back?: { notes: VersionNotes; spared: number[] },
  ): Promise<void> {
    const { fns, releases } = this.observed();
    const live = fns.find(({ fn }) => fn.name === name)!;
    const kept = releases.filter(({ of }) => of === name);
    const after = changedFn(live.fn, change, '');
    if (Object.keys(levelling(contentOf(live.fn), contentOf(after))).length === 0)
      throw new Error('no change');
    const numbers = releaseNumbers(live, kept, true);
    await keepRelease(live, numbers.live, kept, this.#server(), back?.spared);
    this.#fns.set(name, after);
    if (release === null) return;
    const known = live.notes ?? notesOf(name);
    const put = { ...known.put, ...(secrets.length > 0 && { secrets }) };
    this.#note(name, { ...(back?.notes ?? { ...known, put }), release: release(numbers.next) });
  }

  #note(fn: string, notes: VersionNotes): void {
    const trigger = { id: fn, name: fn, app_id: APP.id, fn_id: fn, type: 'http', source: `/${fn}` } as const;
    this.#triggers.set(fn, { ...trigger, ...STAMPS, annotations: versionAnnotations(notes) });
  }

  /** The part of a server that keeping a release needs. */
  #server(): FnServer {
    return {
      createFn: (spec) => {
        const fn = newFn(spec, APP, { id: () => `copy ${++this.#ids}`, now: '' });
        this.#fns.set(fn.name, fn);
        return Promise.resolve(fn);
      },
      deleteFn: (id) => {
        const there = [...this.#fns.values()].find((fn) => fn.id === id);
        if (there) this.#fns.delete(there.name);
        return Promise.resolve();
      },
    } as Partial<FnServer> as FnServer;
  }

  #now(): string {
    return new Date(Date.UTC(2026, 0, 1, 0, ++this.#minutes)).toISOString();
  }
}

function notesOf(fn: string): VersionNotes {
  const [name = '', version = ''] = fn.split('-');
  return { function: name, version, hash: '', put: { config: [], annotations: [], limits: [] } };
}

function fnOf(label: string): string {
  return label.replace('/', '-');
}
