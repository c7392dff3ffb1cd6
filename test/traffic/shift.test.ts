import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { parseShift } from '../../src/routing/parse-shift.js';
import { listHistory } from '../../src/traffic/history.js';
import { applyTraffic } from '../../src/traffic/apply.js';
import { planShift } from '../../src/traffic/shift.js';
import { planUndo } from '../../src/traffic/undo.js';
import type { FnmeshEvent } from '../../src/events.js';
import type { Split } from '../../src/routing/route.js';
import { memoryRouter, put } from '../helpers/memory-router.js';
import { splits } from '../helpers/splits.js';
import type { MemoryRouter } from '../helpers/memory-router.js';

const A: Split = { v1: 10_000, v2: 0 };
const by = 'ada@box';

let router: MemoryRouter;
let events: FnmeshEvent[];
const emit = (event: FnmeshEvent) => void events.push(event);
beforeEach(() => {
  router = memoryRouter();
  events = [];
});

/** Gives the app `shop` these functions, in one first change. */
async function deploy(functions: Record<string, Split>) {
  const changes = Object.entries(functions).map(([fn, split]) => put(fn, split, null));
  await router.write(changes, { verb: 'deploy', by });
  router.writes = 0;
}

async function plan(words: string, ifRevision?: number) {
  return planShift(await router.read('shop'), parseShift(words.split(' ')), { ifRevision });
}

async function shift(words: string, options: { message?: string; force?: boolean } = {}) {
  return applyTraffic(await plan(words), router, { by, ...options }, emit);
}

/** What callers have: `cart v1=9000 v2=1000`. */
async function traffic() {
  const { routes } = await router.read('shop');
  return routes.map(({ route }) =>
    [route.function, ...Object.entries(route.split).map(([version, points]) => `${version}=${points}`)].join(
      ' ',
    ),
  );
}

describe('planShift', () => {
  test('is plain data: the rows and the write', async () => {
    await deploy({ cart: A });
    const planned = await plan('v2=10');
    expect(planned).toEqual({
      app: 'shop',
      reason: { verb: 'shift' },
      rows: [{ function: 'cart', revision: 1, before: A, after: { v1: 9000, v2: 1000 }, changed: true }],
      writes: [put('cart', { v1: 9000, v2: 1000 }, 1)],
    });
    expect(JSON.parse(JSON.stringify(planned))).toEqual(planned);
    expect(router.writes).toBe(0);
  });

  test.each<[string, string[]]>([
    ['cart v2=10', ['cart v1=9000 v2=1000']],
    ['cart/v2=10 price/v2=20', ['cart v1=9000 v2=1000', 'price v1=8000 v2=2000']],
    ['cart* v2=10', ['cart v1=9000 v2=1000', 'cart-old v1=9000 v2=1000']],
    ['cart*/v2=10', ['cart v1=9000 v2=1000', 'cart-old v1=9000 v2=1000']],
    ['price v2=10 v1=rest cart/v2=5', ['cart v1=9500 v2=500', 'price v1=9000 v2=1000']],
  ])('%s', async (words, rows) => {
    await deploy({ price: A, cart: A, 'cart-old': A });
    const planned = (await plan(words)).rows.map(
      ({ function: fn, after }) => `${fn} v1=${after.v1} v2=${after.v2}`,
    );
    expect(planned).toEqual(rows);
  });

  test.each<[string, string, string, string]>([
    [
      'v2=10',
      'usage',
      'shop has several functions (cart, cart-old, price): say which one',
      'fnmesh shift cart/v2=10',
    ],
    [
      'prize v2=10',
      'not_found',
      'prize: no such function in shop; did you mean price?',
      'fnmesh shift price/v2=10',
    ],
    ['cart v7=10', 'not_found', 'cart/v7: no such version; did you mean v1 or v2 or v3?', 'fnmesh status'],
    ['*/v3=10', 'not_found', '*/v3: cart-old, price has no v3', 'fnmesh shift cart/v3=10'],
    ['*/v9=10', 'not_found', '*/v9: cart, cart-old, price has no v9', 'fnmesh status'],
    ['cart/v2=1 ca*t/v2=2', 'usage', 'v2=1 v2=2: v2 is named twice', 'fnmesh shift cart/v2=1'],
    [
      'price v1=50 v2=40',
      'usage',
      'v1=50 v2=40: every version is named, and this sums to 90 %, not 100 %',
      'fnmesh shift price/v1=50 price/v2=50',
    ],
  ])('%s is an error %s', async (words, code, message, suggestion) => {
    await deploy({ cart: { ...A, v3: 0 }, 'cart-old': A, price: A });
    await expect(plan(words)).rejects.toThrow(expect.objectContaining({ code, message, try: suggestion }));
  });

  test('--if-revision makes a relative shift safe to repeat', async () => {
    await deploy({ cart: A, price: A });
    await shift('cart v2=10');
    await expect(plan('cart/v2=+10 price/v2=+10', 2)).resolves.toMatchObject({ app: 'shop' });
    const conflict = {
      code: 'conflict',
      message: 'cart is at change 2 (v1 90 %, v2 10 %), not 1',
      try: 'fnmesh history cart',
    };
    await expect(plan('cart/v2=+10 price/v2=+10', 1)).rejects.toThrow(expect.objectContaining(conflict));
    await expect(plan('cart/v2=+10 price/v2=+10', 3)).rejects.toThrow('cart is at change 2');
    await expect(plan('price v2=+10', 1)).resolves.toMatchObject({ rows: [{ revision: 1 }] });
    await shift('price v2=10');
    await expect(plan('cart/v2=+10 price/v2=+10', 2)).rejects.toThrow('price is at change 3');
    expect(planShift(await router.read('shop'), [], { ifRevision: 9 }).rows).toEqual([]);
  });
});

describe('applyTraffic', () => {
  test('writes all functions in one change', async () => {
    await deploy({ cart: A, price: A });
    const result = await shift('cart/v2=10 price/v2=20', { message: 'canary' });
    expect(result).toMatchObject({ app: 'shop', reason: { verb: 'shift' }, changed: true, number: 2 });
    expect(result.rows.map(({ function: fn, revision }) => [fn, revision])).toEqual([
      ['cart', 2],
      ['price', 2],
    ]);
    expect(router.writes).toBe(1);
    expect(await traffic()).toEqual(['cart v1=9000 v2=1000', 'price v1=8000 v2=2000']);
    expect((await router.history('shop')).at(-1)).toMatchObject({
      number: 2,
      verb: 'shift',
      by,
      message: 'canary',
    });
  });

  test('writes nothing when nothing changes, and asks for nothing to be ready', async () => {
    await deploy({ cart: A });
    router.unready.set('cart/v1', 'its process ended');
    expect(await shift('v2=0')).toMatchObject({
      changed: false,
      number: null,
      rows: [{ revision: 1, changed: false }],
    });
    expect(router.writes).toBe(0);
  });

  test('leaves functions out of the change that keep their shares', async () => {
    await deploy({ cart: A, price: A });
    const result = await shift('cart/v2=10 price/v2=0');
    expect(result.rows.map(({ revision, changed }) => [revision, changed])).toEqual([
      [2, true],
      [1, false],
    ]);
    expect((await router.history('shop', 'price')).map(({ number }) => number)).toEqual([1]);
  });

  test('gives no weight to a version that is not ready', async () => {
    await deploy({ cart: A, price: A });
    router.unready.set('cart/v2', 'its process ended with 1').set('price/v2', 'no build');
    const refusal = {
      code: 'not_ready',
      message:
        'cart/v2 is not ready: its process ended with 1\nprice/v2 is not ready: no build\n' +
        'Nothing was changed; --force gives it traffic all the same',
      try: 'fnmesh logs cart/v2',
    };
    await expect(shift('cart/v2=10 price/v2=10')).rejects.toThrow(expect.objectContaining(refusal));
    expect(router.writes).toBe(0);
  });

  test('gives it weight with --force, and warns', async () => {
    await deploy({ cart: A });
    router.unready.set('cart/v2', 'no build');
    expect(await shift('v2=10', { force: true })).toMatchObject({ number: 2 });
    expect(events).toEqual([{ type: 'warning', text: 'cart/v2 is not ready: no build' }]);
  });

  test('takes weight from a version that is not ready', async () => {
    await deploy({ cart: { v1: 9000, v2: 1000 } });
    router.unready.set('cart/v2', 'its process ended');
    await shift('v2=0');
    expect(router.asked).toEqual(['cart/v1']);
    expect(await traffic()).toEqual(['cart v1=10000 v2=0']);
  });

  test('nothing to write: what a broken-off change left behind is tidied up, if that can be', async () => {
    await deploy({ cart: A });
    let tidied = '';
    router.tidy = (app) => {
      tidied = app;
      return Promise.reject(new FnmeshError('unreachable', 'no answer'));
    };
    expect(await shift('v1=100')).toMatchObject({ changed: false, number: null });
    expect(tidied).toBe('shop');
  });

  test('a conflict tells what changed since the plan', async () => {
    await deploy({ cart: A, price: A });
    const planned = await plan('cart/v2=10 price/v2=10');
    await router.write([put('cart', { v1: 5000, v2: 5000 }, 1)], { verb: 'shift', by: 'bob@desk' });
    await router.write([{ kind: 'remove', app: 'shop', function: 'cart', ifRevision: 2 }], {
      verb: 'destroy',
      by: 'eve@hub',
    });
    await router.write([put('search', A, null)], { verb: 'deploy', by });
    const conflict = {
      code: 'conflict',
      message: [
        'the traffic changed since this was planned; nothing was written',
        'change 2 (shift by bob@desk): cart has v1 50 %, v2 50 %',
        'change 3 (destroy by eve@hub): cart has no route',
      ].join('\n'),
      try: 'fnmesh status',
    };
    await expect(applyTraffic(planned, router, { by }, emit)).rejects.toThrow(
      expect.objectContaining(conflict),
    );
    expect(await traffic()).toEqual(['price v1=10000 v2=0', 'search v1=10000 v2=0']);
  });

  test('a conflict that is no change of traffic stays as the router says it', async () => {
    await deploy({ cart: A });
    const refusal = new FnmeshError('conflict', '/cart leads to price', { try: 'fnmesh wire' });
    router.write = () => Promise.reject(refusal);
    await expect(shift('v2=10')).rejects.toThrow(
      expect.objectContaining({ message: refusal.message, try: 'fnmesh wire' }),
    );
  });

  test('other failures pass through', async () => {
    await deploy({ cart: A });
    const gone = new FnmeshError('unreachable', 'the embedded server does not answer');
    router.write = () => Promise.reject(gone);
    await expect(shift('v2=10')).rejects.toBe(gone);
    const bug = new Error('bug');
    router.write = () => Promise.reject(bug);
    await expect(shift('v2=10')).rejects.toBe(bug);
  });

  test('a router that no longer lists the function leaves the row as it was', async () => {
    await deploy({ cart: A });
    router.write = () => Promise.resolve({ app: 'shop', routes: [] });
    expect(await shift('v2=10')).toMatchObject({ number: 1, rows: [{ revision: 1 }] });
  });
});

test('undo after undo restores exactly every split there was', async () => {
  const words = fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(splits({ most: 5 }), words, async (first, moves) => {
      router = memoryRouter();
      await deploy({ cart: first });
      const past: Split[] = [];
      for (const points of moves) {
        const [{ route } = { route: { split: first } }] = (await router.read('shop')).routes;
        const shifts = [{ function: null, version: 'v1', to: { kind: 'share' as const, points } }];
        try {
          const done = await applyTraffic(planShift(await router.read('shop'), shifts), router, { by }, emit);
          if (done.number !== null) past.push(route.split);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FnmeshError);
        }
      }
      for (const before of past.reverse()) {
        const undo = planUndo(await router.read('shop'), await router.history('shop'));
        await applyTraffic(undo, router, { by }, emit);
        expect((await router.read('shop')).routes[0]!.route.split).toEqual(before);
      }
      const { routes } = await router.read('shop');
      expect(routes[0]!.route.split).toEqual(first);
      const history = await router.history('shop');
      expect(() => planUndo({ app: 'shop', routes }, history)).toThrow('nothing to undo for cart');
      expect(listHistory(history).filter(({ verb, undone }) => verb === 'shift' && !undone)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
