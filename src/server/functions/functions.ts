// Hot functions: which slot a fn's calls go to now, and what happens to the slots that were.
import { availableParallelism } from 'node:os';
import type { BuildRegistration, FunctionState, WarmResult } from '../../control/protocol.js';
import { FnmeshError } from '../../errors.js';
import { changedFn } from '../../fn/fn.js';
import type { App, Fn, FnChange } from '../../fn/model.js';
import type { Catalog } from '../catalog.js';
import type { Logs } from '../logs.js';
import type { Call } from './call.js';
import { TOO_BUSY, notRunnable } from './call.js';
import { Capacity } from './capacity.js';
import { environment, withheld } from './environment.js';
import { openRecords } from './records.js';
import type { ResponseLimits } from './response-reader.js';
import { slotKey } from './slot-key.js';
import { Slot } from './slot.js';

/** How often idle processes are looked for, in milliseconds; an idle_timeout is kept to within this. */
const REAP_EVERY_MS = 500;
/** How long processes may take to end when the server ends, in milliseconds. */
const CLOSE_MS = 2000;
/** How many lines a failed start reports. */
const LINES_TOLD = 20;

/** What functions need. */
export type FunctionsOptions = {
  catalog: Catalog;
  logs: Logs;
  /** The server's own directory; notes of running processes are kept in it. */
  stateDir: string;
  /** The most bytes of a response's head and body. */
  limits: ResponseLimits;
  /** How long a process may take until it listens, in milliseconds. */
  startTimeoutMs?: number;
  /** The most processes of one slot. */
  perSlot?: number;
  /** The most processes of all slots together. */
  maxProcesses?: number;
};

/** Runs fns as hot processes. */
export interface Functions {
  /** Makes the call in a process of the fn as it is; the outcome is told to the call. */
  call(app: App, fn: Fn, call: Call): void;
  /**
   * Starts a process of the fn as it is, or as it would be after `change`, and waits until it listens. It is kept
   * for a minute to be taken over by the fn when the change is made.
   * @throws FnmeshError `not_found` when there is no such fn.
   */
  warm(fnId: string, change?: FnChange): Promise<WarmResult>;
  /** What runs of a fn; undefined when there is no such fn. */
  state(fnId: string): FunctionState | undefined;
  /** Ends all processes; resolves when none is left. Calls that come later fail. */
  close(): Promise<void>;
}

/** What a fn's calls use now. Valid as long as the three objects are those of the catalog. */
type Current = { app: App; fn: Fn; build: BuildRegistration; slot: Slot };

/** Starts nothing yet, but first ends what a server before left behind in this state directory. */
export function createFunctions(options: FunctionsOptions): Functions {
  const { catalog, logs } = options;
  const records = openRecords(options.stateDir);
  const perSlot = options.perSlot ?? 2 * availableParallelism();
  const capacity = new Capacity(options.maxProcesses ?? Math.max(64, 4 * perSlot));
  const slots = new Map<string, Slot>();
  const current = new Map<string, Current>();
  let closing = false;
  let closed: (() => void) | undefined;

  function slotOf(app: App, fn: Fn, build: BuildRegistration): Slot {
    const key = slotKey(app, fn, build);
    const known = slots.get(key);
    if (known) return known;
    const slot = new Slot({
      fnId: fn.id,
      process: {
        build,
        environment: (socketDir) => environment(app, fn, socketDir),
        timeoutMs: fn.timeout * 1000,
        startTimeoutMs: options.startTimeoutMs ?? 5000,
        limits: options.limits,
      },
      limit: perSlot,
      idleTimeoutMs: fn.idle_timeout * 1000,
      capacity,
      records,
      line: (stream, text, callId) =>
        logs.write({ fnId: fn.id, fn: fn.name, app: app.name, callId, stream, text }),
      empty: () => {
        slots.delete(key);
        capacity.leave(slot);
        if (current.get(fn.id)?.slot === slot) current.delete(fn.id);
        if (slots.size === 0) closed?.();
      },
    });
    slots.set(key, slot);
    for (const name of withheld(app, fn)) {
      const text = `fnmesh: config ${name} is not passed on: by it a program loads other code`;
      logs.write({ fnId: fn.id, fn: fn.name, app: app.name, callId: null, stream: 'stderr', text });
    }
    return slot;
  }

  function use(app: App, fn: Fn, build: BuildRegistration): Current {
    const before = current.get(fn.id);
    const slot = slotOf(app, fn, build);
    const now = { app, fn, build, slot };
    current.set(fn.id, now);
    if (before?.slot !== slot) {
      slot.adopt();
      before?.slot.retire();
    }
    return now;
  }

  /** After a change of the fn: the processes of what it was are not kept until the next call. */
  function revise(fnId: string): void {
    const before = current.get(fnId);
    if (!before) return;
    const fn = catalog.fn(fnId);
    const app = fn && catalog.app(fn.app_id);
    const build = fn && catalog.build(fn.image);
    if (fn && app && build && build.cannotRun === undefined) {
      use(app, fn, build);
    } else {
      current.delete(fnId);
      before.slot.retire();
    }
  }

  catalog.onFnChange((fnId) => {
    if (fnId !== null) revise(fnId);
    else for (const id of [...current.keys()]) revise(id);
  });

  const reaper = setInterval(() => {
    const now = performance.now();
    for (const slot of slots.values()) slot.reap(now);
  }, REAP_EVERY_MS);
  reaper.unref();

  // Whatever ends this server while it can still do something: nothing is left running.
  const killAll = () => {
    for (const slot of slots.values()) slot.close('kill');
  };
  process.once('exit', killAll);

  return {
    call(app, fn, call) {
      const build = catalog.build(fn.image);
      if (build === undefined || build.cannotRun !== undefined) {
        return call.fail(notRunnable(fn.image, whyNot(build)));
      }
      if (closing) return call.fail(TOO_BUSY);
      let now = current.get(fn.id);
      if (now === undefined || now.fn !== fn || now.app !== app || now.build !== build)
        now = use(app, fn, build);
      now.slot.run(call);
    },

    async warm(fnId, change = {}) {
      const before = catalog.fn(fnId);
      const app = before && catalog.app(before.app_id);
      if (!before || !app) throw new FnmeshError('not_found', `there is no fn with the id ${fnId}`);
      const fn = changedFn(before, change, before.updated_at);
      const build = catalog.build(fn.image);
      if (build === undefined || build.cannotRun !== undefined) {
        return { ready: false, why: notRunnable(fn.image, whyNot(build)).message, logs: [] };
      }
      const from = logs.nextSeq();
      const warmth = await slotOf(app, fn, build).warm();
      if (warmth.ready) return warmth;
      const lines = logs.tail([fnId], LINES_TOLD).filter(({ seq }) => seq >= from);
      return { ...warmth, logs: lines.map(({ text }) => text) };
    },

    state(fnId) {
      const fn = catalog.fn(fnId);
      if (!fn) return undefined;
      const build = catalog.build(fn.image);
      const why = build === undefined || build.cannotRun !== undefined ? whyNot(build) : undefined;
      const processes = { starting: 0, idle: 0, busy: 0 };
      for (const slot of slots.values()) {
        if (slot.spec.fnId !== fnId) continue;
        processes.starting += slot.counts.starting;
        processes.idle += slot.counts.idle;
        processes.busy += slot.counts.busy;
      }
      return { fnId, fn: fn.name, image: fn.image, ...(why !== undefined && { cannotRun: why }), processes };
    },

    async close() {
      closing = true;
      clearInterval(reaper);
      const allEnded = new Promise<void>((resolve) => (closed = resolve));
      for (const slot of [...slots.values()]) slot.close('end');
      if (slots.size > 0) {
        const force = setTimeout(killAll, CLOSE_MS);
        await allEnded;
        clearTimeout(force);
      }
      process.off('exit', killAll);
    },
  };
}

function whyNot(build: BuildRegistration | undefined): string {
  return build?.cannotRun ?? 'the embedded server runs builds of fnmesh deploy, and this is none of them';
}
