// The client over a bad network to a server as strict as a real one: whatever happens to whichever request, what is
// wanted is there once, or the error says what is wrong.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FnClient } from '../../src/fn/client.js';
import { startFaultProxy, type Fault, type FaultProxy } from '../helpers/fault-proxy.js';
import { startStrictFn, type StrictFn } from '../helpers/strict-fn.js';

let strict: StrictFn;
let proxy: FaultProxy;

beforeAll(async () => {
  strict = await startStrictFn();
  proxy = await startFaultProxy(strict.url);
});
afterEach(async () => {
  await proxy.settled();
  expect(strict.violations).toEqual([]);
  for (const all of [strict.objects.triggers, strict.objects.fns, strict.objects.apps]) all.clear();
  strict.requests.length = 0;
  proxy.reset();
});
afterAll(async () => {
  await proxy.close();
  await strict.close();
});

/** A client over the bad network, which has met the server before, and what it says of attempts made again. */
async function client(options: { timeoutMs?: number; backoffMs?: number } = {}) {
  const said: string[] = [];
  const made = new FnClient(proxy.url, { backoffMs: 1, onRetry: (text) => said.push(text), ...options });
  await made.checkServer();
  proxy.reset();
  return { client: made, said };
}

/** What is stored, without ids, stamps and what the server adds. */
function stored() {
  const { apps, fns, triggers } = strict.objects;
  return {
    apps: [...apps.values()].map(({ name, config }) => ({ name, config })),
    fns: [...fns.values()].map(({ name, image, memory }) => ({ name, image, memory })),
    triggers: [...triggers.values()].map(({ name, source }) => ({ name, source })),
  };
}

const FAULTS: (readonly [string, Fault])[] = [
  ['dropped before', { kind: 'drop-before' }],
  ['dropped after', { kind: 'drop-after' }],
  ['500', { kind: 'status', status: 500 }],
  ['503', { kind: 'status', status: 503 }],
  ['503, and done', { kind: 'status-after', status: 503 }],
  ['500, and done', { kind: 'status-after', status: 500 }],
  ['429 with Retry-After', { kind: 'status', status: 429, retryAfter: '0' }],
  ['slower than the client waits', { kind: 'slow', ms: 400 }],
  ['cut', { kind: 'truncate' }],
  ['delivered twice', { kind: 'duplicate' }],
  ['a web page', { kind: 'html' }],
  ['a web page of a gateway', { kind: 'html', status: 502 }],
];

/** What a client does, and what must be stored then. */
const WORK = {
  async 'create app, fn and trigger'(api: FnClient) {
    const app = await api.createApp({ name: 'shop', config: { A: '1' } });
    const fn = await api.createFn({ app_id: app.id, name: 'f', image: 'i:1', memory: 64 });
    const trigger = await api.createTrigger({ app_id: app.id, fn_id: fn.id, name: 't', source: '/t' });
    expect([app.name, fn.config, trigger.source]).toEqual(['shop', {}, '/t']);
    return {
      apps: [{ name: 'shop', config: { A: '1' } }],
      fns: [{ name: 'f', image: 'i:1', memory: 64 }],
      triggers: [{ name: 't', source: '/t' }],
    };
  },
  async 'update app, fn and trigger'(api: FnClient) {
    const [app, fn, trigger] = existing();
    await api.updateApp(app.id, { config: { A: '', B: '2' } });
    expect((await api.updateFn(fn.id, { image: 'i:2', annotations: { gone: null } })).image).toBe('i:2');
    await api.updateTrigger(trigger.id, { source: '/u', annotations: { note: 1 } });
    return {
      apps: [{ name: 'shop', config: { B: '2' } }],
      fns: [{ name: 'f', image: 'i:2', memory: 128 }],
      triggers: [{ name: 't', source: '/u' }],
    };
  },
  async 'delete trigger, fn and app'(api: FnClient) {
    const [app, fn, trigger] = existing();
    await api.deleteTrigger(trigger.id);
    await api.deleteFn(fn.id);
    await api.deleteApp(app.id);
    return { apps: [], fns: [], triggers: [] };
  },
  async 'read and list'(api: FnClient) {
    const [app, fn] = existing();
    expect((await api.apps()).map(({ name }) => name)).toEqual(['shop']);
    expect((await api.fns(app.id)).map(({ name, config }) => ({ name, config }))).toEqual([
      { name: 'f', config: {} },
    ]);
    expect((await api.fnById(fn.id))?.name).toBe('f');
    expect((await api.triggers(app.id, fn.id)).map(({ name }) => name)).toEqual(['t']);
    return stored();
  },
};

function existing() {
  const { objects } = strict;
  if (objects.apps.size === 0) {
    const app = objects.createApp({ name: 'shop', config: { A: '1' } });
    const fn = objects.createFn({ app_id: app.id, name: 'f', image: 'i:1' });
    objects.createTrigger({ app_id: app.id, fn_id: fn.id, name: 't', type: 'http', source: '/t' });
  }
  const first = <T>(all: Map<string, T>): T => [...all.values()][0]!;
  return [first(objects.apps), first(objects.fns), first(objects.triggers)] as const;
}

describe.each(Object.entries(WORK))('%s', (_, work) => {
  test.each(FAULTS)('%s, at each request', async (_, fault) => {
    let index = 0;
    let isEnd = false;
    for (; !isEnd; index++) {
      for (const all of [strict.objects.triggers, strict.objects.fns, strict.objects.apps]) all.clear();
      const { client: api } = await client({ timeoutMs: 200 });
      proxy.fail(fault, index);
      const outcome = await work(api);
      // Also what arrives late must do no harm.
      await proxy.settled();
      const hit = proxy.requests.find((seen) => seen.fault !== undefined);
      isEnd = hit === undefined;
      expect(stored()).toEqual(outcome);
    }
    // Each of the work's requests had its turn.
    expect(index).toBeGreaterThan(3);
  });
});

describe('what is said and asked', () => {
  test('a 503 with Retry-After is waited for as asked, and said', async () => {
    const { client: api, said } = await client();
    proxy.fail({ kind: 'status', status: 503, retryAfter: '1' }, { method: 'GET' });
    await api.apps();
    expect(said).toEqual(['the Fn server answers 503; again in 1 s']);
  });

  test('after four attempts the error says what the server says', async () => {
    const { client: api } = await client();
    proxy.fail({ kind: 'status', status: 503 }, { method: 'GET' }, Infinity);
    await expect(api.apps()).rejects.toMatchObject({
      code: 'failed',
      message: `the Fn server ${proxy.url} cannot answer just now: fault (GET /v2/apps)`,
    });
    expect(proxy.requests).toHaveLength(4);
  });

  test('a create is looked up before it is sent again, and only when it may have arrived', async () => {
    const asked = () => proxy.requests.map(({ method }) => method).join(' ');
    const { client: api } = await client();
    proxy.fail({ kind: 'drop-after' }, 0);
    await api.createApp({ name: 'one' });
    expect(asked()).toBe('POST GET');
    proxy.reset();
    proxy.fail({ kind: 'status', status: 503 }, 0);
    await api.createApp({ name: 'two' });
    expect(asked()).toBe('POST GET POST');
    proxy.reset();
    proxy.fail({ kind: 'status', status: 429, retryAfter: '0' }, 0);
    await api.createApp({ name: 'three' });
    expect(asked()).toBe('POST POST');
  });

  test('a create that arrives late, after it was looked up and sent again, is one', async () => {
    const { client: api } = await client({ timeoutMs: 100 });
    // The first arrives while the second waits, which then meets a conflict.
    proxy.fail({ kind: 'slow', ms: 150 }, 0);
    proxy.fail({ kind: 'slow', ms: 90 }, 2);
    expect((await api.createApp({ name: 'shop', config: { A: '1' } })).config).toEqual({ A: '1' });
    expect(stored().apps).toHaveLength(1);
  });

  test('somebody else’s of the same name is a conflict, and stays as it is', async () => {
    const { client: api } = await client();
    const [app] = existing();
    proxy.fail({ kind: 'drop-before' }, { method: 'POST' });
    await expect(api.createFn({ app_id: app.id, name: 'f', image: 'i:9' })).rejects.toMatchObject({
      code: 'conflict',
      message: `somebody else has made the fn f on ${proxy.url} just now, with another image`,
    });
    await expect(api.createApp({ name: 'shop' })).rejects.toMatchObject({
      code: 'conflict',
      message: 'App already exists (POST /v2/apps)',
    });
    expect(stored().fns).toEqual([{ name: 'f', image: 'i:1', memory: 128 }]);
  });

  test('what others removed is not found at the first attempt; at the second it is what the first removed', async () => {
    const { client: api } = await client();
    const [, fn, trigger] = existing();
    strict.objects.deleteTrigger(trigger.id);
    await expect(api.deleteTrigger(trigger.id)).rejects.toMatchObject({ code: 'not_found' });
    proxy.fail({ kind: 'drop-after' }, { method: 'DELETE' });
    await api.deleteFn(fn.id);
    expect(stored().fns).toEqual([]);
  });

  test('a page that ends exactly with the list is followed by an empty one', async () => {
    const { client: api } = await client();
    const [app] = existing();
    for (let n = 0; n < 99; n++) strict.objects.createFn({ app_id: app.id, name: `g${n}`, image: 'i' });
    expect(await api.fns(app.id)).toHaveLength(100);
    expect(proxy.requests).toHaveLength(2);
  });

  test('what is read and sent back leaves nothing behind', async () => {
    const { client: api } = await client();
    const [app, fn, trigger] = existing();
    await api.updateApp(app.id, (await api.app('shop'))!);
    await api.updateFn(fn.id, (await api.fnById(fn.id))!);
    await api.updateTrigger(trigger.id, (await api.triggers(app.id))[0]!);
    expect(strict.objects.fns.get(fn.id)?.annotations).toBeUndefined();
    expect(strict.objects.triggers.get(trigger.id)?.annotations).toBeUndefined();
  });

  test('ids that are none never leave', async () => {
    const { client: api } = await client();
    for (const id of ['é', 'x'.repeat(256), '../apps', '']) {
      await expect(api.deleteFn(id)).rejects.toMatchObject({ code: 'not_found' });
      await expect(async () => api.updateApp(id, {})).rejects.toMatchObject({ code: 'not_found' });
      await expect(api.fns(id)).rejects.toMatchObject({ code: 'not_found' });
      expect(await api.fnById(id)).toBeUndefined();
    }
    expect(proxy.requests).toEqual([]);
  });
});
