import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../src/kubernetes/names.js';
import { KINDS } from '../../src/kubernetes/object.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { rulesOf } from '../../src/kubernetes/render/merge-route.js';
import type { Split } from '../../src/routing/route.js';
import { fakeCluster, lost } from '../helpers/fake-cluster.js';
import type { FakeCluster } from '../helpers/fake-cluster.js';
import { put, REASON } from '../helpers/routes.js';
import { failure, putEndpoints, routerOn } from './kubernetes-site.js';

const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const C: Split = { v1: 5000, v2: 5000 };
const ref = (name = 'shop-cart') => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'hello' },
});
const objectOf = (cluster: FakeCluster, name = 'shop-cart') =>
  cluster.objects(KINDS.HTTPRoute).find(({ metadata }) => metadata.name === name);
const asked = (cluster: FakeCluster) => cluster.requests.map(({ verb, kind }) => `${verb} ${kind}`);

describe('how many requests', () => {
  test('a shift of one function: its list, the endpoints, a call for each raised version, one write', async () => {
    const cluster = fakeCluster();
    await routerOn(cluster).write([put('cart', A, null), put('price', A, null)], REASON);
    putEndpoints(cluster, 'shop', 'cart', 'v1', [true]);
    putEndpoints(cluster, 'shop', 'cart', 'v2', [true]);
    cluster.answer = () => ({ status: 200, headers: { 'fn-call-id': 'x' }, body: '' });

    cluster.requests.length = 0;
    const router = routerOn(cluster);
    const { routes } = await router.read('shop');
    const versions = ['v1', 'v2'].map((version) => ({ app: 'shop', function: 'cart', version }));
    expect(await Promise.all(versions.map((version) => router.ready(version)))).toEqual([
      { ready: true },
      { ready: true },
    ]);
    await router.write([put('cart', B, routes[0]!.revision)], REASON);
    expect(asked(cluster)).toEqual([
      'list HTTPRoute',
      'list EndpointSlice',
      'call Service',
      'call Service',
      'replace HTTPRoute',
    ]);
  });

  test('a shift needs the pin’s secret only where no rule has it yet', async () => {
    const cluster = fakeCluster();
    let reads = 0;
    const secret = () => Promise.resolve(`${++reads}`.padStart(32, '0'));
    const pin = { kind: 'secret', secret } as never;
    await routerOn(cluster, { pin }).write([put('cart', A, null)], { verb: 'deploy', by: 'ann@box' });
    const router = routerOn(cluster, { pin });
    await router.write([put('cart', B, 1)], REASON);
    expect(reads).toBe(1);
    const version = { app: 'shop', function: 'cart', version: 'v2' };
    expect(await router.pin(version)).toEqual(['Fnmesh-Version', `v2.${'1'.padStart(32, '0')}`]);
    await router.write([put('cart', C, 2)], { verb: 'wire', by: 'ann@box' });
    expect(await router.pin(version)).toEqual(['Fnmesh-Version', `v2.${'2'.padStart(32, '0')}`]);
  });

  test('where pins are off there is none', async () => {
    const router = routerOn(fakeCluster());
    await router.write([put('cart', A, null)], REASON);
    expect(await router.pin({ app: 'shop', function: 'cart', version: 'v2' })).toBeNull();
    const other = { app: 'shop', function: 'price', version: 'v2' };
    expect((await failure(router.pin(other))).code).toBe('not_found');
  });
});

describe('what others do to a route object', () => {
  test('a rule, a label and an annotation of theirs stay, also when they come between read and write', async () => {
    const cluster = fakeCluster();
    const router = routerOn(cluster);
    await router.write([put('cart', A, null)], REASON);
    await router.read('shop');
    cluster.edit(ref(), (object) => {
      (object.spec as { rules: object[] }).rules.unshift({
        name: 'theirs',
        matches: [{ path: { value: '/x' } }],
      });
      object.metadata.labels = { ...object.metadata.labels, team: 'a' };
      object.metadata.annotations = { ...object.metadata.annotations, note: 'b' };
    });
    cluster.before(
      { verb: 'replace' },
      () => {
        cluster.edit(ref(), ({ metadata }) => (metadata.labels = { ...metadata.labels, more: 'c' }));
      },
      2,
    );
    await router.write([put('cart', B, 1)], REASON);
    const object = objectOf(cluster)!;
    expect(rulesOf(object).map(({ name }) => name)).toEqual(['theirs', 'fnmesh-split']);
    expect(object.metadata.labels).toMatchObject({ team: 'a', more: 'c' });
    expect(object.metadata.annotations).toMatchObject({ note: 'b', 'fnmesh/revision': '2' });
    expect((await router.read('shop')).routes[0]!.route.split).toEqual(B);
  });

  test('weights that somebody edits between read and write are a conflict, and stay', async () => {
    const cluster = fakeCluster();
    const router = routerOn(cluster);
    await router.write([put('cart', A, null)], REASON);
    await router.read('shop');
    cluster.edit(ref(), ({ spec }) => {
      const { rules } = spec as { rules: { backendRefs: { weight: number }[] }[] };
      rules.at(-1)!.backendRefs.forEach((backend, index) => (backend.weight = index === 0 ? 30 : 70));
    });
    expect((await failure(router.write([put('cart', B, 1)], REASON))).message).toContain('cart');
    expect((await router.read('shop')).routes[0]!.route.split).toEqual({ v1: 3000, v2: 7000 });
  });

  test('somebody who changes it all the time is a conflict in the end', async () => {
    const cluster = fakeCluster();
    const router = routerOn(cluster);
    await router.write([put('cart', A, null)], REASON);
    let turn = 0;
    const meddle = () => {
      cluster.edit(ref(), ({ metadata }) => (metadata.labels = { ...metadata.labels, turn: `${++turn}` }));
    };
    await router.read('shop');
    cluster.before({ verb: 'replace' }, meddle, Infinity);
    expect((await failure(router.write([put('cart', B, 1)], REASON))).code).toBe('conflict');
  });

  test('an object of the name that fnmesh did not make is left alone', async () => {
    const cluster = fakeCluster();
    const theirs = cluster.put({ ...ref(), spec: { rules: [] } });
    const error = await failure(routerOn(cluster).write([put('cart', A, null)], REASON));
    expect(error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('was not made by fnmesh') as unknown,
    });
    const both = [put('cart', A, null), put('price', A, null)];
    expect((await failure(routerOn(cluster).write(both, REASON))).code).toBe('conflict');
    expect(objectOf(cluster)).toEqual(theirs);
    expect(cluster.objects()).toHaveLength(1);
  });

  test('what a GitOps tool manages is not written, nor removed', async () => {
    const cluster = fakeCluster();
    const router = routerOn(cluster);
    await router.write([put('cart', A, null), put('price', A, null)], REASON);
    cluster.edit(ref(), ({ metadata }) => {
      metadata.labels = { ...metadata.labels, 'kustomize.toolkit.fluxcd.io/name': 'apps' };
    });
    const before = cluster.objects();
    for (const changes of [
      [put('cart', B, 1)],
      [put('price', B, 1), put('cart', B, 1)],
      [{ kind: 'remove', app: 'shop', function: 'cart', ifRevision: 1 } as const],
    ]) {
      const error = await failure(routerOn(cluster).write(changes, REASON));
      expect(error).toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('Flux (apps)') as unknown,
      });
      expect(error.try).toContain('fnmesh render');
    }
    expect(cluster.objects()).toEqual(before);
    await routerOn(cluster).write([put('price', B, 1)], REASON);
  });

  test('a route with rules of theirs is removed up to these', async () => {
    const cluster = fakeCluster();
    const router = routerOn(cluster);
    await router.write([put('cart', A, null)], REASON);
    cluster.edit(ref(), (object) => {
      (object.spec as { rules: object[] }).rules.push({ name: 'theirs' });
    });
    await router.write([{ kind: 'remove', app: 'shop', function: 'cart', ifRevision: 1 }], REASON);
    expect(await router.read('shop')).toEqual({ app: 'shop', routes: [] });
    expect(rulesOf(objectOf(cluster)!)).toEqual([{ name: 'theirs' }]);
  });

  test('one that somebody broke is an error that names it', async () => {
    const cluster = fakeCluster();
    await routerOn(cluster).write([put('cart', A, null)], REASON);
    cluster.edit(ref(), ({ metadata }) => (metadata.annotations = { [ANNOTATIONS.route]: '{' }));
    expect(await failure(routerOn(cluster).read('shop'))).toMatchObject({
      code: 'config',
      message: expect.stringContaining('HTTPRoute hello/shop-cart') as unknown,
    });
  });
});

describe('answers that get lost', () => {
  test.each(['create', 'replace', 'remove'] as const)('a %s that arrived is done', async (verb) => {
    const cluster = fakeCluster();
    const router = routerOn(cluster);
    if (verb !== 'create') await router.write([put('cart', A, null)], REASON);
    cluster.after({ verb }, () => {
      throw lost();
    });
    const change = {
      create: put('cart', A, null),
      replace: put('cart', B, 1),
      remove: { kind: 'remove', app: 'shop', function: 'cart', ifRevision: 1 } as const,
    }[verb];
    await router.write([change], REASON);
    const { routes } = await routerOn(cluster).read('shop');
    expect(routes.map(({ revision }) => revision)).toEqual({ create: [1], replace: [2], remove: [] }[verb]);
  });

  test.each(['create', 'replace', 'remove'] as const)(
    'a %s that did not arrive is an error',
    async (verb) => {
      const cluster = fakeCluster();
      const router = routerOn(cluster);
      if (verb !== 'create') await router.write([put('cart', A, null)], REASON);
      const before = cluster.objects();
      cluster.before({ verb }, () => {
        throw lost();
      });
      const change = {
        create: put('cart', A, null),
        replace: put('cart', B, 1),
        remove: { kind: 'remove', app: 'shop', function: 'cart', ifRevision: 1 } as const,
      }[verb];
      expect((await failure(router.write([change], REASON))).code).toBe('unreachable');
      expect(cluster.objects()).toEqual(before);
    },
  );
});

describe('two clients at once', () => {
  test('on one function: one wins, the other is told who', async () => {
    const cluster = fakeCluster();
    await routerOn(cluster).write([put('cart', A, null)], REASON);
    const clients = [routerOn(cluster), routerOn(cluster)];
    await Promise.all(clients.map((client) => client.read('shop')));
    const outcomes = await Promise.allSettled([
      clients[0]!.write([put('cart', B, 1)], { ...REASON, by: 'ann@box' }),
      clients[1]!.write([put('cart', C, 1)], { ...REASON, by: 'bob@box' }),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const loser = outcomes.find((outcome) => outcome.status === 'rejected')!;
    expect(String(loser.reason)).toMatch(/cart was changed meanwhile: change 2 \(shift by (ann|bob)@box\)/);
    expect(await routerOn(cluster).history('shop')).toHaveLength(2);
  });

  test('on different functions: both are written, and both stand in the history', async () => {
    const cluster = fakeCluster();
    await routerOn(cluster).write([put('cart', A, null), put('price', A, null)], REASON);
    const clients = [routerOn(cluster), routerOn(cluster)];
    await Promise.all(clients.map((client) => client.read('shop')));
    await Promise.all([
      clients[0]!.write([put('cart', B, 1)], { ...REASON, by: 'ann@box' }),
      clients[1]!.write([put('price', C, 1)], { ...REASON, by: 'bob@box' }),
    ]);
    const router = routerOn(cluster);
    const { routes } = await router.read('shop');
    expect(routes.map(({ route, revision }) => [route.split, revision])).toEqual([
      [B, 2],
      [C, 2],
    ]);
    const history = await router.history('shop');
    expect(history.map(({ number, functions }) => [number, functions.map((row) => row.function)])).toEqual(
      expect.arrayContaining([
        [1, ['cart', 'price']],
        [2, ['cart']],
        [2, ['price']],
      ]),
    );
    expect(history).toHaveLength(3);
    await router.write([put('cart', A, 2)], REASON);
    expect((await router.read('shop')).routes[0]!.revision).toBe(3);
  });
});

test('the last 20 changes are kept, and a message of any length', async () => {
  const cluster = fakeCluster();
  const router = routerOn(cluster);
  await router.write([put('cart', A, null)], REASON);
  for (let number = 1; number < 25; number++)
    await router.write([put('cart', number % 2 ? B : A, number)], { ...REASON, message: 'm'.repeat(20_000) });
  const history = await router.history('shop', 'cart');
  expect(history.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, at) => at + 6));
  expect(history.at(-1)!.message).toMatch(/^m{999}…$/);
});

test('the history of functions that are gone goes with the last of the others', async () => {
  const cluster = fakeCluster();
  const router = routerOn(cluster);
  await router.write([put('cart', A, null), put('price', A, null), put('tax', A, null)], REASON);
  const remove = (name: string) => ({ kind: 'remove', app: 'shop', function: name, ifRevision: 1 }) as const;
  await router.write([remove('cart')], REASON);
  await router.write([remove('price')], REASON);
  const numbers = async (name: string) => (await router.history('shop', name)).map(({ number }) => number);
  expect(await numbers('cart')).toEqual([1, 2]);
  expect(await numbers('price')).toEqual([1, 3]);
  await router.write([put('tax', B, 1)], REASON);
  expect((await router.read('shop')).routes[0]!.revision).toBe(4);
  await router.write([{ ...remove('tax'), ifRevision: 4 }], REASON);
  expect(cluster.objects()).toEqual([]);
});

test('two functions cannot have one address', async () => {
  const router = routerOn(fakeCluster());
  await router.write([put('cart', A, null)], REASON);
  const error = await failure(router.write([put('price', A, null, { path: '/cart' })], REASON));
  expect(error).toMatchObject({ code: 'conflict', message: expect.stringContaining('/cart') as unknown });
  await router.write(
    [put('price', A, null, { path: '/cart' }), put('cart', A, 1, { path: '/price' })],
    REASON,
  );
});

test('after a switch of API the routes keep their weights, numbers and history', async () => {
  const cluster = fakeCluster();
  await routerOn(cluster, { api: 'istio' }).write([put('cart', A, null)], REASON);
  await routerOn(cluster, { api: 'istio' }).write([put('cart', C, 1)], REASON);
  const router = routerOn(cluster);
  const table = await router.read('shop');
  expect(table.routes.map(({ route, revision }) => [route.split, revision])).toEqual([[C, 2]]);
  await router.write([put('cart', C, 2)], { verb: 'wire', by: 'ann@box' });
  const kinds = cluster.objects().map(({ kind }: KubeObject) => kind);
  expect(kinds.sort()).toEqual(['HTTPRoute', 'VirtualService']);
  expect((await router.history('shop')).map(({ number }) => number)).toEqual([1, 2, 3]);
});

test.each<[string, object, string[]]>([
  ['one function, also for the mesh', { mesh: true }, ['cart']],
  ['the same functions', {}, ['cart', 'price', 'tax']],
  ['the same functions, also for the mesh', { mesh: true }, ['cart', 'price', 'tax']],
])('of two changes at once of %s one wins', async (_, site, names) => {
  const cluster = fakeCluster();
  await routerOn(cluster, site).write(
    names.map((name) => put(name, A, null)),
    REASON,
  );
  const clients = [routerOn(cluster, site), routerOn(cluster, site)];
  await Promise.all(clients.map((client) => client.read('shop')));
  const orders = [names, [...names].reverse()];
  const outcomes = await Promise.allSettled(
    clients.map((client, at) =>
      client.write(
        orders[at]!.map((name) => put(name, B, 1)),
        REASON,
      ),
    ),
  );
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const { routes } = await routerOn(cluster, site).read('shop');
  expect(routes.map(({ route }) => route.split)).toEqual(names.map(() => B));
});
