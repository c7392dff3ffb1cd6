// A change of several objects, broken off at every step: afterwards all of it is there, or nothing.
import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { leftJournal, openJournal } from '../../src/kubernetes/journal.js';
import { KINDS } from '../../src/kubernetes/object.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { RECORD } from '../../src/kubernetes/route-record.js';
import type { RouteChange, RouteTable } from '../../src/router/router.js';
import type { Split } from '../../src/routing/route.js';
import { fakeCluster, lost } from '../helpers/fake-cluster.js';
import type { FakeCluster } from '../helpers/fake-cluster.js';
import { put, REASON } from '../helpers/routes.js';
import { failure, routerOn, siteOf, TIMES } from './kubernetes-site.js';

const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const remove = (name: string, ifRevision = 1): RouteChange => {
  return { kind: 'remove', app: 'shop', function: name, ifRevision };
};
const journals = (cluster: FakeCluster) => cluster.objects(KINDS.ConfigMap);

/** The routes without what a put-back may leave, and without the time. */
function stateOf(cluster: FakeCluster): unknown {
  return cluster
    .objects()
    .filter(({ kind }) => kind !== 'ConfigMap')
    .map(({ kind, metadata: { name, annotations = {} }, spec }: KubeObject) => {
      const notes = Object.entries(annotations).filter(([key]) => key !== RECORD.removed);
      return { kind, name, notes: Object.fromEntries(notes.sort()), spec };
    });
}

/** Which of the functions have the new split, and which have none: `cart=9000 price=-`. */
function weights({ routes }: RouteTable): string {
  return ['cart', 'price', 'tax']
    .map((name) => `${name}=${routes.find(({ route }) => route.function === name)?.route.split['v1'] ?? '-'}`)
    .join(' ');
}

type Scenario = { changes: RouteChange[]; site?: { api?: 'istio'; mesh?: boolean }; all: string };

const SCENARIOS: Record<string, Scenario> = {
  'two functions': {
    changes: [put('cart', B, 1), put('price', B, 1)],
    all: 'cart=9000 price=9000 tax=10000',
  },
  'three functions, Istio': {
    changes: [put('cart', B, 1), put('price', B, 1), put('tax', B, 1)],
    site: { api: 'istio' },
    all: 'cart=9000 price=9000 tax=9000',
  },
  'one function, also for the mesh': {
    changes: [put('cart', B, 1)],
    site: { mesh: true },
    all: 'cart=9000 price=10000 tax=10000',
  },
  'two functions go, one is changed': {
    changes: [remove('cart'), remove('price'), put('tax', B, 1)],
    all: 'cart=- price=- tax=9000',
  },
  'two functions go': { changes: [remove('cart'), remove('price')], all: 'cart=- price=- tax=10000' },
  'all functions go': {
    changes: [remove('cart'), remove('price'), remove('tax')],
    all: 'cart=- price=- tax=-',
  },
};
const NONE = 'cart=10000 price=10000 tax=10000';

async function prepared(site: Scenario['site']): Promise<FakeCluster> {
  const cluster = fakeCluster();
  await routerOn(cluster, site).write(
    [put('cart', A, null), put('price', A, null), put('tax', A, null)],
    REASON,
  );
  cluster.requests.length = 0;
  return cluster;
}

/** What somebody does next, who knows nothing of the change: a shift of one function, or of several. */
async function next(cluster: FakeCluster, site: Scenario['site'], names: readonly string[]): Promise<string> {
  const router = routerOn(cluster, site);
  const seen = await router.read('shop');
  const named = seen.routes.filter(({ route }) => names.includes(route.function));
  const there = named.length > 0 ? named : seen.routes;
  const writes = there.map(({ route, revision }) => put(route.function, route.split, revision));
  // What is settled before the write may be just what was to be written: then it is a conflict, and that is all.
  if (writes.length > 0) await router.write(writes, REASON).catch(() => undefined);
  return weights(await routerOn(cluster, site).read('shop'));
}

describe.each(Object.entries(SCENARIOS))('%s', (_, { changes, site, all }) => {
  test('done, with no journal left', async () => {
    const cluster = await prepared(site);
    await routerOn(cluster, site).write(changes, REASON);
    expect(weights(await routerOn(cluster, site).read('shop'))).toBe(all);
    expect(journals(cluster)).toEqual([]);
  });

  describe.each(['before', 'after'] as const)('killed %s a request', (when) => {
    test.each([
      ['a function of the change', ['cart']],
      ['another function', ['tax']],
      ['several functions', ['cart', 'price', 'tax']],
    ])('then a change of %s', async (__, names) => {
      const whole = await prepared(site);
      await routerOn(whole, site).write(changes, REASON);
      const steps = whole.requests.length;
      expect(steps).toBeGreaterThan(4);
      const outcomes = new Set<string>();
      for (let step = 0; step < steps; step++) {
        const cluster = await prepared(site);
        let count = 0;
        const kill = () => {
          if (count++ >= step) throw lost();
        };
        const killed: Cluster = mortal(cluster, when, kill);
        await routerOn(killed, site)
          .write(changes, REASON)
          .catch(() => undefined);
        outcomes.add(await next(cluster, site, names));
        // The next change of several takes away a journal that says nothing any more.
        await next(cluster, site, ['cart', 'price', 'tax']);
        if ((await routerOn(cluster, site).read('shop')).routes.length > 1)
          expect(journals(cluster)).toEqual([]);
      }
      expect([...outcomes].sort()).toEqual([NONE, all].sort());
    });
  });

  test.each(['create', 'replace', 'remove', 'list'] as const)(
    'any %s that fails once: all is put back at once, or done',
    async (verb) => {
      for (let skip = 0; skip < 6; skip++) {
        const cluster = await prepared(site);
        const before = stateOf(cluster);
        let left = skip;
        let isOver = false;
        const which = (request: { verb: string }) => !isOver && request.verb === verb && left-- === 0;
        cluster.before(which, () => {
          throw lost();
        });
        const done = await routerOn(cluster, site)
          .write(changes, REASON)
          .then(
            () => true,
            () => false,
          );
        isOver = true;
        const now = weights(await routerOn(cluster, site).read('shop'));
        if (done) expect(now).toBe(all);
        else if (journals(cluster).length === 0) expect(stateOf(cluster)).toEqual(before);
        else expect([NONE, all]).toContain(await next(cluster, site, ['cart', 'price', 'tax']));
      }
    },
  );
});

test('who reads to write what is missing finds nothing half done, whenever it was broken off', async () => {
  const changed = [put('cart', B, 1), put('price', B, 1)];
  const whole = await prepared({});
  await routerOn(whole).write(changed, REASON);
  for (let step = 0; step < whole.requests.length; step++) {
    const cluster = await prepared({});
    let count = 0;
    const kill = () => {
      if (count++ >= step) throw lost();
    };
    await routerOn(mortal(cluster, 'before', kill))
      .write(changed, REASON)
      .catch(() => undefined);
    const router = routerOn(cluster);
    const { routes } = await router.read('shop', { settle: true });
    const missing = routes
      .filter(({ route }) => route.function !== 'tax' && route.split['v1'] !== 9000)
      .map(({ route, revision }) => put(route.function, B, revision));
    if (missing.length > 0) await router.write(missing, REASON);
    expect(weights(await routerOn(cluster).read('shop'))).toBe('cart=9000 price=9000 tax=10000');
  }
});

describe('tidy, for those who find nothing to write', () => {
  const { changes } = SCENARIOS['two functions go, one is changed']!;
  const halfWay = [put('cart', B, 1), put('price', B, 1)];

  /** The journals that a change leaves that is killed before one of its requests, then those left by `tidy`. */
  async function leftBy(changed: RouteChange[], step: number): Promise<[number, number, unknown, unknown]> {
    const cluster = await prepared({});
    let count = 0;
    const kill = () => {
      if (count++ >= step) throw lost();
    };
    const router = routerOn(mortal(cluster, 'before', kill));
    await router.write(changed, REASON).catch(() => undefined);
    const [left, before] = [journals(cluster).length, stateOf(cluster)];
    await routerOn(cluster).tidy('shop');
    return [left, journals(cluster).length, before, stateOf(cluster)];
  }

  test.each([
    ['several written', halfWay],
    ['some removed', changes],
  ])('takes away only the journal of what is done, and touches nothing else: %s', async (_, changed) => {
    const whole = await prepared({});
    await routerOn(whole).write(changed, REASON);
    const steps = whole.requests.length;
    const stayed: string[] = [];
    for (let step = 0; step < steps; step++) {
      const [left, then, before, after] = await leftBy(changed, step);
      expect(after).toEqual(before);
      if (left > 0) stayed.push(then > 0 ? 'stays' : 'goes');
    }
    // Only the last request was missing: the one that takes the journal away.
    expect(stayed.pop()).toBe('goes');
    expect(new Set(stayed)).toEqual(new Set(['stays']));
  });

  test('leaves the journal of who is still at it', async () => {
    const cluster = await prepared({});
    const about = { id: 'abc', app: 'shop', by: 'ann@box', at: '2026-01-01T00:00:00Z' };
    const open = await openJournal(cluster, 'hello', { ...about, edits: [] }, TIMES);
    await routerOn(cluster).tidy('shop');
    expect(journals(cluster)).toHaveLength(1);
    open.leave();
    await routerOn(cluster).tidy('shop');
    expect(journals(cluster)).toEqual([]);
  });
});

/** A cluster whose every request fails once `kill` throws, before or after it was carried out. */
function mortal(cluster: FakeCluster, when: 'before' | 'after', kill: () => void): Cluster {
  const wrap =
    <Args extends unknown[], Answer>(act: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      let isDead = false;
      try {
        kill();
      } catch {
        isDead = true;
      }
      if (!isDead) return act(...args);
      if (when === 'after' && !dead) {
        dead = true;
        await act(...args);
      }
      throw lost();
    };
  let dead = false;
  return {
    ...cluster,
    get: wrap((...args: Parameters<Cluster['get']>) => cluster.get(...args)),
    list: wrap((...args: Parameters<Cluster['list']>) => cluster.list(...args)),
    create: wrap((...args: Parameters<Cluster['create']>) => cluster.create(...args)),
    replace: wrap((...args: Parameters<Cluster['replace']>) => cluster.replace(...args)),
    remove: wrap((...args: Parameters<Cluster['remove']>) => cluster.remove(...args)),
  };
}

test('a conflict in one of many puts back the others, byte for byte', async () => {
  const cluster = await prepared({});
  const router = routerOn(cluster);
  await router.read('shop');
  await routerOn(cluster).write([put('tax', B, 1)], REASON);
  const before = stateOf(cluster);
  const error = await failure(
    router.write([put('cart', B, 1), put('price', B, 1), put('tax', A, 1)], REASON),
  );
  expect(error).toMatchObject({ code: 'conflict', message: expect.stringContaining('tax') as unknown });
  expect(stateOf(cluster)).toEqual(before);
  expect(journals(cluster)).toEqual([]);
});

test('what others put into an object meanwhile outlives a put-back', async () => {
  const cluster = await prepared({});
  const router = routerOn(cluster);
  await router.read('shop');
  cluster.before({ verb: 'replace', name: 'shop-price' }, () => {
    throw lost();
  });
  cluster.after({ verb: 'replace', name: 'shop-cart' }, () => {
    const cart = cluster.objects(KINDS.HTTPRoute).find(({ metadata }) => metadata.name === 'shop-cart')!;
    cluster.edit(cart, ({ metadata }) => (metadata.labels = { ...metadata.labels, team: 'a' }));
  });
  await failure(router.write([put('cart', B, 1), put('price', B, 1)], REASON));
  const cart = cluster.objects(KINDS.HTTPRoute).find(({ metadata }) => metadata.name === 'shop-cart')!;
  expect(cart.metadata.labels).toMatchObject({ team: 'a' });
  expect(weights(await routerOn(cluster).read('shop'))).toBe(NONE);
});

test('after a change of several, a shift of one needs no more requests than ever', async () => {
  const cluster = await prepared({});
  await routerOn(cluster).write([put('cart', B, 1), put('price', B, 1)], REASON);
  await routerOn(cluster).write([remove('price', 2)], REASON);
  cluster.requests.length = 0;
  await routerOn(cluster).write([put('cart', A, 2)], REASON);
  await routerOn(cluster).write([put('tax', B, 1)], REASON);
  expect(cluster.requests.map(({ verb }) => verb)).toEqual(['list', 'replace', 'list', 'replace']);
});

describe('the journal', () => {
  const about = { id: 'abc', app: 'shop', by: 'ann@box', at: '2026-01-01T00:00:00Z' };

  test('is waited for while its holder lives, and left once it does not renew', async () => {
    const cluster = fakeCluster();
    const open = await openJournal(cluster, 'hello', { ...about, edits: [] }, TIMES);
    const found = leftJournal(cluster, 'hello', 'abc', TIMES);
    const early = await Promise.race([
      found,
      new Promise((done) => setTimeout(() => done('waits'), TIMES.leaseMs * 2)),
    ]);
    expect(early).toBe('waits');
    await open.close();
    expect(await found).toBeNull();
  });

  test('of another machine is left once its lease is over', async () => {
    const cluster = fakeCluster();
    const open = await openJournal(cluster, 'hello', { ...about, edits: [] }, TIMES);
    open.leave();
    cluster.edit(journals(cluster)[0]!, ({ metadata }) => {
      const holder = JSON.parse(metadata.annotations!['fnmesh/holder']!) as object;
      metadata.annotations!['fnmesh/holder'] = JSON.stringify({ ...holder, host: 'elsewhere' });
    });
    expect(await leftJournal(cluster, 'hello', 'abc', TIMES)).toMatchObject({ journal: { by: 'ann@box' } });
  });

  test('that others took over stops its holder', async () => {
    const cluster = fakeCluster();
    const open = await openJournal(cluster, 'hello', { ...about, edits: [] }, TIMES);
    expect(() => open.assertHeld()).not.toThrow();
    cluster.drop(journals(cluster)[0]!);
    await vi.waitFor(() => expect(() => open.assertHeld()).toThrow('others may have put back'));
    open.leave();
  });

  test('of thousands of functions is in several parts, each below what a ConfigMap takes', async () => {
    const cluster = fakeCluster();
    const before = (at: number): KubeObject => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: `shop-fn${at}`, namespace: 'hello' },
      spec: { rules: [{ name: randomBytes(2000).toString('hex') }] },
    });
    const edits = Array.from({ length: 1000 }, (_, at) => {
      return { kind: 'HTTPRoute', name: `shop-fn${at}`, before: before(at), goes: false };
    });
    const open = await openJournal(cluster, 'hello', { ...about, edits });
    open.leave();
    const parts = journals(cluster);
    expect(parts).toHaveLength(3);
    for (const part of parts) {
      const [coded] = Object.values(part.binaryData as Record<string, string>);
      expect(Buffer.from(coded!, 'base64').length).toBeLessThan(1_000_000);
    }
    expect((await leftJournal(cluster, 'hello', 'abc'))!.journal).toEqual({ ...about, edits });
    cluster.drop(parts[2]!);
    expect((await leftJournal(cluster, 'hello', 'abc'))!.journal).toBeNull();
  });

  test('has the labels of its app', async () => {
    const cluster = fakeCluster();
    (await openJournal(cluster, 'hello', { ...about, edits: [] })).leave();
    expect(journals(cluster)[0]!.metadata.labels).toMatchObject({ 'fnmesh/app': siteOf('shop').app });
  });
});
