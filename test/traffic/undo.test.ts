import { beforeEach, describe, expect, test } from 'vitest';
import { listHistory } from '../../src/traffic/history.js';
import { applyTraffic } from '../../src/traffic/apply.js';
import { planUndo } from '../../src/traffic/undo.js';
import type { Reason } from '../../src/router/router.js';
import type { Split } from '../../src/routing/route.js';
import type { UndoOptions } from '../../src/traffic/undo.js';
import { memoryRouter, put } from '../helpers/memory-router.js';
import type { MemoryRouter } from '../helpers/memory-router.js';

const by = 'ada@box';
const emit = () => undefined;

let router: MemoryRouter;
beforeEach(() => {
  router = memoryRouter();
});

/** One change that gives functions these shares, in percent per version from v1: `cart: [90, 10]`. */
async function change(verb: Reason['verb'], functions: Record<string, number[] | null>) {
  const { routes } = await router.read('shop');
  const changes = Object.entries(functions).map(([fn, shares]) => {
    const revision = routes.find(({ route }) => route.function === fn)?.revision ?? null;
    if (shares === null) return { kind: 'remove', app: 'shop', function: fn, ifRevision: revision! } as const;
    return put(fn, split(shares), revision);
  });
  await router.write(changes, { verb, by });
}

function split(shares: number[]): Split {
  return Object.fromEntries(shares.map((share, index) => [`v${index + 1}`, share * 100]));
}

async function plan(options?: UndoOptions) {
  return planUndo(await router.read('shop'), await router.history('shop'), options);
}

async function undo(options?: UndoOptions) {
  return applyTraffic(await plan(options), router, { by }, emit);
}

/** Each function's shares in percent. */
async function traffic() {
  const { routes } = await router.read('shop');
  return Object.fromEntries(
    routes.map(({ route }) => [route.function, Object.values(route.split).map((points) => points / 100)]),
  );
}

describe('undo', () => {
  beforeEach(async () => {
    await change('deploy', { cart: [100, 0], price: [100, 0] });
  });

  test('goes back change by change, and records it', async () => {
    await change('shift', { cart: [90, 10] });
    await change('shift', { cart: [50, 50] });
    expect(await undo()).toMatchObject({ number: 4, reason: { verb: 'undo', undoes: 3 } });
    expect(await traffic()).toMatchObject({ cart: [90, 10] });
    expect(await undo()).toMatchObject({ number: 5, reason: { undoes: 2 } });
    expect(await traffic()).toMatchObject({ cart: [100, 0] });
    const nothing = { code: 'not_found', message: 'nothing to undo for cart, price', try: 'fnmesh history' };
    await expect(undo()).rejects.toThrow(expect.objectContaining(nothing));
    expect((await router.history('shop')).at(-1)).toMatchObject({ verb: 'undo', undoes: 2, by });
  });

  test('takes the newest change of the app, or of a function', async () => {
    await change('shift', { cart: [90, 10] });
    await change('shift', { price: [80, 20] });
    expect((await plan()).reason).toEqual({ verb: 'undo', undoes: 3 });
    expect((await plan({ function: 'cart' })).reason).toEqual({ verb: 'undo', undoes: 2 });
    expect((await plan({ function: 'c*' })).reason).toEqual({ verb: 'undo', undoes: 2 });
    const unknown = { code: 'not_found', try: 'fnmesh undo cart' };
    await expect(plan({ function: 'card' })).rejects.toThrow(expect.objectContaining(unknown));
  });

  test('leaves versions at 0 that were added since', async () => {
    await change('shift', { cart: [90, 10] });
    await change('deploy', { cart: [90, 10, 0] });
    await undo();
    expect(await traffic()).toMatchObject({ cart: [100, 0, 0] });
  });

  test('undoes a change of several functions whole, whichever was named', async () => {
    await change('shift', { cart: [90, 10], price: [80, 20] });
    const result = await undo({ function: 'price' });
    expect(result.rows.map((row) => row.function)).toEqual(['cart', 'price']);
    expect(await traffic()).toEqual({ cart: [100, 0], price: [100, 0] });
    expect(router.writes).toBe(3);
  });

  test('leaves out the functions of a change that it did not move', async () => {
    await change('wire', { cart: [90, 10], price: [100, 0, 0], search: [100] });
    expect((await undo()).rows.map((row) => row.function)).toEqual(['cart']);
  });

  test.each<[string, () => Promise<void>, string, string]>([
    [
      'another shift',
      () => change('shift', { cart: [50, 50] }),
      'change 2 also moved cart, which change 3 (shift by ada@box) changed since',
      'fnmesh undo cart',
    ],
    [
      'an undo to an earlier state',
      () => undo({ function: 'cart', to: 1 }).then(() => undefined),
      'change 2 also moved cart, which change 3 (undo by ada@box) changed since',
      'fnmesh history',
    ],
    [
      'a route that was taken away',
      () => change('destroy', { cart: null }),
      'change 2 also moved cart, which change 3 (destroy by ada@box) changed since',
      'fnmesh history',
    ],
  ])(
    'is refused when one of several functions has gone on since: %s',
    async (_, since, message, suggestion) => {
      await change('shift', { cart: [90, 10], price: [80, 20] });
      await since();
      const conflict = { code: 'conflict', message, try: suggestion };
      await expect(plan({ function: 'price' })).rejects.toThrow(expect.objectContaining(conflict));
    },
  );

  test('says so when the version to go back to is removed', async () => {
    await change('shift', { cart: [0, 100] });
    const table = await router.read('shop');
    const cart = table.routes[0]!.route;
    const routes = [{ route: { ...cart, split: { v2: 10_000 } }, revision: 2 }];
    const conflict = {
      code: 'conflict',
      message: 'change 2 gave cart/v1 100 %, but cart/v1 is removed',
      try: 'fnmesh deploy cart/v1',
    };
    const history = await router.history('shop');
    expect(() => planUndo({ app: 'shop', routes }, history)).toThrow(expect.objectContaining(conflict));
  });

  test('says so when the route was taken away behind the history', async () => {
    await change('shift', { cart: [90, 10], price: [80, 20] });
    const { routes } = await router.read('shop');
    const table = { app: 'shop', routes: routes.slice(1) };
    const history = await router.history('shop');
    const conflict = { code: 'conflict', message: 'cart has no route any more', try: 'fnmesh deploy cart' };
    expect(() => planUndo(table, history)).toThrow(expect.objectContaining(conflict));
  });

  test('an app that has nothing has nothing to undo', () => {
    expect(() => planUndo({ app: 'shop', routes: [] }, [])).toThrow('nothing to undo for shop');
  });

  test('is recorded even when the split is the old one already', async () => {
    await change('shift', { cart: [90, 10] });
    const { routes } = await router.read('shop');
    const old = { ...routes[0]!, route: { ...routes[0]!.route, split: split([100, 0]) } };
    const planned = planUndo({ app: 'shop', routes: [old] }, await router.history('shop'));
    expect(planned).toMatchObject({ rows: [{ changed: false }], writes: [{ kind: 'put' }] });
  });

  test('is safe to repeat with --if-revision', async () => {
    await change('shift', { cart: [90, 10] });
    expect((await plan({ ifRevision: 2 })).reason.undoes).toBe(2);
    const conflict = { code: 'conflict', message: 'cart is at change 2 (v1 90 %, v2 10 %), not 1' };
    await expect(plan({ ifRevision: 1 })).rejects.toThrow(expect.objectContaining(conflict));
  });

  test('gives no weight to a version that is not ready', async () => {
    await change('shift', { cart: [0, 100] });
    router.unready.set('cart/v1', 'its process ended');
    await expect(undo()).rejects.toThrow(expect.objectContaining({ code: 'not_ready', exit: 3 }));
    expect(await traffic()).toMatchObject({ cart: [0, 100] });
    expect(await applyTraffic(await plan(), router, { by, force: true }, emit)).toMatchObject({ number: 3 });
  });
});

describe('undo to', () => {
  beforeEach(async () => {
    await change('deploy', { cart: [100, 0] });
    await change('shift', { cart: [90, 10] });
    await change('deploy', { price: [100, 0] });
    await change('shift', { cart: [50, 50] });
    await change('shift', { cart: [0, 100], price: [0, 100] });
  });

  test('restores the state right after a change, for all functions that had a route', async () => {
    expect(await undo({ to: 4 })).toMatchObject({ number: 6, reason: { verb: 'undo', to: 4 } });
    expect(await traffic()).toEqual({ cart: [50, 50], price: [100, 0] });
  });

  test('leaves a function alone that had no route then', async () => {
    await undo({ to: 2 });
    expect(await traffic()).toEqual({ cart: [90, 10], price: [0, 100] });
  });

  test('concerns only the function that is named', async () => {
    await undo({ function: 'price', to: 4 });
    expect(await traffic()).toEqual({ cart: [0, 100], price: [100, 0] });
  });

  test('goes forward again', async () => {
    await undo({ to: 1 });
    await undo({ to: 5 });
    expect(await traffic()).toEqual({ cart: [0, 100], price: [0, 100] });
  });

  test('an undo afterwards goes back from there', async () => {
    await undo({ to: 4 });
    expect((await plan()).reason).toEqual({ verb: 'undo', undoes: 4 });
  });

  test('the present state is unchanged, and not written', async () => {
    expect(await undo({ to: 5 })).toMatchObject({ changed: false, number: null });
  });

  test.each<[UndoOptions, string]>([
    [{ to: 9 }, 'no change 9 is known; they are 1 to 5'],
    [{ to: 2, function: 'price' }, 'price had no route right after change 2'],
  ])('%o is an error', async (options, message) => {
    const refusal = { code: 'not_found', message, try: 'fnmesh history' };
    await expect(plan(options)).rejects.toThrow(expect.objectContaining(refusal));
  });

  test('is an error where no function had a route, or nothing ever changed', async () => {
    await change('destroy', { cart: null, price: null });
    await change('deploy', { cart: [100] });
    const none = { message: 'no function of shop had a route right after change 6' };
    await expect(plan({ to: 6 })).rejects.toThrow(expect.objectContaining(none));
    const never = { message: 'no change 1 is known; there are none' };
    expect(() => planUndo({ app: 'shop', routes: [] }, [], { to: 1 })).toThrow(
      expect.objectContaining(never),
    );
  });
});

describe('listHistory', () => {
  test('shows the newest first, and what was undone', async () => {
    await change('deploy', { cart: [100, 0], price: [100, 0] });
    await change('shift', { price: [90, 10] });
    await change('shift', { cart: [90, 10] });
    await applyTraffic(await plan(), router, { by: 'bob@desk', message: 'too slow' }, emit);
    const rows = listHistory(await router.history('shop'));
    expect(rows.map(({ number, verb, undone }) => [number, verb, undone])).toEqual([
      [4, 'undo', false],
      [3, 'shift', true],
      [2, 'shift', false],
      [1, 'deploy', false],
    ]);
    expect(rows[0]).toEqual({
      number: 4,
      deploy: null,
      releases: [],
      undoesDeploy: null,
      commit: null,
      at: '2026-01-01T00:00:04.000Z',
      by: 'bob@desk',
      verb: 'undo',
      message: 'too slow',
      undoes: 3,
      to: null,
      undone: false,
      functions: [{ function: 'cart', before: split([90, 10]), after: split([100, 0]) }],
    });
    expect(JSON.parse(JSON.stringify(rows))).toEqual(rows);
    expect(listHistory(await router.history('shop'), [], 'price').map(({ number }) => number)).toEqual([
      2, 1,
    ]);
  });
});
