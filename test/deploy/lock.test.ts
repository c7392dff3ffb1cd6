import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withDeployLock } from '../../src/deploy/lock.js';
import type { FnmeshEvent } from '../../src/events.js';
import { FnClient } from '../../src/fn/client.js';
import type { App, Fn } from '../../src/fn/model.js';
import { machine } from '../../src/process/machine.js';
import { apiServer } from '../helpers/api-server.js';

const NAME = 'fnmesh~lock';

let api: Awaited<ReturnType<typeof apiServer>>;
let server: FnClient;
let app: App;
let events: FnmeshEvent[];
beforeEach(async () => {
  api = await apiServer();
  server = new FnClient(api.base, { backoffMs: 1 });
  app = await server.createApp({ name: 'shop' });
  events = [];
});
afterEach(() => api.close());

const lock = <T>(work: (assertHeld: () => void) => Promise<T>, by = 'me@here') =>
  withDeployLock(app, server, by, (event) => events.push(event), work);
const holder = async () => (await server.fn(app.id, NAME))?.annotations?.['fnmesh/lock'];

const notes = () => events.flatMap((event) => (event.type === 'note' ? [event.text] : []));

/** A lock that somebody left or holds. */
function left(note: object): Promise<Fn> {
  const whole = { id: 'other', by: 'ann@box', at: '2026-01-01T00:00:00.000Z', turn: 0, ...note };
  return server.createFn({
    app_id: app.id,
    name: NAME,
    image: 'x:1',
    annotations: { 'fnmesh/lock': whole as never },
  });
}

/** The id of a process that has ended. */
const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;

test('many at once: one after the other, and nothing is left', async () => {
  let inside = 0;
  const order = await Promise.all(
    [1, 2, 3].map((number) =>
      lock(async () => {
        expect(++inside).toBe(1);
        expect(await holder()).toMatchObject({ by: 'me@here', pid: process.pid, host: machine() });
        await new Promise((resolve) => setTimeout(resolve, 20));
        inside--;
        return number;
      }),
    ),
  );
  expect(order).toEqual([1, 2, 3]);
  expect(await holder()).toBeUndefined();
  expect(notes().join('\n')).toContain('waiting for the deploy of me@here');
});

test('work that fails lets go', async () => {
  await expect(lock(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await holder()).toBeUndefined();
});

describe('a lock that somebody left', () => {
  test.each([
    ['a process of this machine that has ended', () => ({ host: machine(), pid: deadPid() })],
    // The first process of a container has the same id each time.
    ['a process of this machine that had this one’s id', () => ({ host: machine(), pid: process.pid })],
  ])('%s: it is taken over at once', async (_, note) => {
    await left(note());
    expect(await lock(() => Promise.resolve('done'))).toBe('done');
    expect(await holder()).toBeUndefined();
    expect(events).toEqual([]);
  });

  test.each([
    ['another machine', { host: 'elsewhere', pid: 1 }],
    // Containers in their host's network have its name, and other process ids.
    ['another container with the same host name', { host: `${machine()}0`, pid: deadPid() }],
  ])('%s: it is waited for, as its process may live', async (_, note) => {
    const there = await left(note);
    const done = lock(() => Promise.resolve('done'));
    await expect.poll(() => notes().join('\n')).toContain('of ann@box to app shop');
    expect((await holder()) as object).toMatchObject({ id: 'other' });
    await server.deleteFn(there.id);
    expect(await done).toBe('done');
  });
});

test('who could not renew it in time stops, since others take over then', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    await lock((assertHeld) => {
      assertHeld();
      vi.setSystemTime(Date.now() + 31_000);
      expect(assertHeld).toThrow('the Fn server was out of reach for so long');
      return Promise.resolve();
    });
  } finally {
    vi.useRealTimers();
  }
});
