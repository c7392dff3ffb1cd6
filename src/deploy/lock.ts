// One deploy at a time changes an app: who does holds an fn of a name of its own, which the server lets only one make.
// Fn has no other means to write only if nobody else did.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import type { FnServer } from '../fn/fn-server.js';
import type { App, Fn } from '../fn/model.js';
import { LOCK_NAME } from '../fn/releases.js';
import { unlessGone } from '../fn/unless-gone.js';
import { machine } from '../process/machine.js';

const NOTE_LOCK = 'fnmesh/lock';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const RENEW_MS = 10_000;
/** A holder that has not renewed for so long is gone. Measured by the waiting side's own clock. */
const LEASE_MS = 35_000;
/** A holder that could not renew for so long stops: others may be about to take over. */
const LONGEST_MS = 30_000;
const POLL_MS = 500;
/** How long Ctrl-C waits for the server to take the lock away, in milliseconds. */
const LEAVE_MS = 2_000;
/** The longest that a deploy waits for others, in milliseconds. */
const WAIT_MS = 600_000;

type Holder = { id: string; by: string; host: string; pid: number; at: string; turn: number };

/** Ids of the locks that this process holds or waits for. */
const own = new Set<string>();

/**
 * Runs `work` while nobody else's deploy changes the app; waits for those before. `work` gets a function that throws
 * once the lock was lost, as after a long sleep of the machine, and the server with writes that ask it first.
 * @param by Who, for those who wait.
 * @throws FnmeshError `conflict` when others hold it for ten minutes; whatever `work` throws.
 */
export async function withDeployLock<T>(
  app: App,
  server: FnServer,
  by: string,
  emit: Emit,
  work: (assertHeld: () => void, held: FnServer) => Promise<T>,
): Promise<T> {
  const holder: Holder = {
    id: randomUUID().slice(0, 8),
    by: by.slice(0, 120),
    host: machine(),
    pid: process.pid,
    at: new Date().toISOString(),
    turn: 0,
  };
  own.add(holder.id);
  const held = await acquire(app, server, holder, emit).catch((error: unknown) => {
    own.delete(holder.id);
    throw error;
  });
  let lost: 'taken over' | 'broken off' | undefined;
  let renewedAt = held.since;
  const renew = setInterval(() => {
    holder.turn += 1;
    const at = Date.now();
    const note = { annotations: { [NOTE_LOCK]: { ...holder } } };
    server.updateFn(held.fn.id, note).then(
      () => (renewedAt = at),
      (error: unknown) => {
        if (error instanceof FnmeshError && error.code === 'not_found') lost = 'taken over';
      },
    );
  }, RENEW_MS);
  renew.unref();
  const release = async (): Promise<void> => {
    clearInterval(renew);
    own.delete(holder.id);
    await server.deleteFn(held.fn.id).catch((error: unknown) => {
      // Others wait until the lease ends, and the work is done all the same.
      if (!(error instanceof FnmeshError)) throw error;
    });
  };
  // Who breaks a deploy off must not make the next one wait; a second signal does not wait for the server.
  const onSignal = (signal: NodeJS.Signals = 'SIGINT'): void => {
    for (const each of SIGNALS) process.off(each, onSignal);
    // What is under way must not go on writing once others may begin.
    lost = 'broken off';
    emit({ type: 'note', text: 'broken off; the same command again completes what is left' });
    const left = sleep(LEAVE_MS, undefined, { ref: false });
    void Promise.race([release(), left]).finally(() => process.kill(process.pid, signal));
  };
  for (const each of SIGNALS) process.on(each, onSignal);
  const assertHeld = (): void => {
    // The clock, which goes on while the machine sleeps.
    const silent = Date.now() - renewedAt >= LONGEST_MS;
    if (lost === undefined && !silent) return;
    const why = {
      'taken over': `another deploy took over app ${app.name} meanwhile`,
      'broken off': `the deploy to app ${app.name} was broken off`,
      silent: `the Fn server was out of reach for so long that another deploy may have taken over app ${app.name}`,
    }[lost ?? 'silent'];
    throw new FnmeshError('conflict', why, { try: 'fnmesh deploy --all --dry-run' });
  };
  try {
    return await work(assertHeld, whileHeld(server, assertHeld));
  } finally {
    for (const each of SIGNALS) process.off(each, onSignal);
    await release();
  }
}

/** `since`: when it was asked for, in milliseconds since 1970. */
type Held = { fn: Fn; since: number };

async function acquire(app: App, server: FnServer, holder: Holder, emit: Emit): Promise<Held> {
  const started = performance.now();
  let seen = { mark: '', since: started };
  for (;;) {
    const since = Date.now();
    const fn = await create(app, server, holder);
    if (fn !== undefined) return { fn, since };
    const there = await server.fn(app.id, LOCK_NAME);
    if (there === undefined) continue;
    const other = holderOf(there);
    const mark = `${there.id} ${other?.turn ?? 0}`;
    const now = performance.now();
    if (mark !== seen.mark) {
      if (!seen.mark.startsWith(there.id) && other !== undefined && !isGone(other)) {
        emit({
          type: 'note',
          text: `waiting for the deploy of ${other.by} to app ${app.name}, since ${other.at}`,
        });
      }
      seen = { mark, since: now };
    }
    if (isGone(other) || now - seen.since > LEASE_MS) {
      await server.deleteFn(there.id).catch(unlessGone);
      continue;
    }
    if (now - started > WAIT_MS) {
      throw new FnmeshError(
        'conflict',
        `${other?.by ?? 'somebody'} has been deploying to ${app.name} for ten minutes`,
        {
          try: `fn delete function ${app.name} ${LOCK_NAME} (if no deploy runs any more)`,
        },
      );
    }
    await sleep(POLL_MS);
  }
}

async function create(app: App, server: FnServer, holder: Holder): Promise<Fn | undefined> {
  try {
    const annotations = { [NOTE_LOCK]: { ...holder } };
    const image = 'fnmesh.local/lock:1';
    const made = await server.createFn({ app_id: app.id, name: LOCK_NAME, image, annotations });
    // After a lost answer the client looks the fn up, which may be somebody else's.
    return holderOf(made)?.id === holder.id ? made : undefined;
  } catch (error) {
    if (error instanceof FnmeshError && error.code === 'conflict') return undefined;
    throw error;
  }
}

function holderOf({ annotations }: Fn): Holder | undefined {
  return annotations?.[NOTE_LOCK] as Holder | undefined;
}

/** Whether the holder was a process of this machine that has ended, or this one, which holds it no more. */
function isGone(holder: Holder | undefined): boolean {
  if (holder?.host !== machine()) return false;
  if (holder.pid === process.pid) return !own.has(holder.id);
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** The server, whose writes ask first whether the lock is still held. */
function whileHeld(server: FnServer, assertHeld: () => void): FnServer {
  const asking =
    <Args extends unknown[], Answer>(write: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      assertHeld();
      return write(...args);
    };
  return {
    url: server.url,
    info: () => server.info(),
    apps: () => server.apps(),
    app: (name) => server.app(name),
    fns: (appId) => server.fns(appId),
    fn: (appId, name) => server.fn(appId, name),
    fnById: (id) => server.fnById(id),
    triggers: (appId, fnId) => server.triggers(appId, fnId),
    createApp: asking((spec) => server.createApp(spec)),
    updateApp: asking((id, change) => server.updateApp(id, change)),
    deleteApp: asking((id) => server.deleteApp(id)),
    createFn: asking((spec) => server.createFn(spec)),
    updateFn: asking((id, change) => server.updateFn(id, change)),
    deleteFn: asking((id) => server.deleteFn(id)),
    createTrigger: asking((spec) => server.createTrigger(spec)),
    updateTrigger: asking((id, change) => server.updateTrigger(id, change)),
    deleteTrigger: asking((id) => server.deleteTrigger(id)),
  };
}
