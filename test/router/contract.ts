// What every Router must do, whatever applies its routes.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { Reason, Router } from '../../src/router/router.js';
import type { Split } from '../../src/routing/route.js';
import { put } from '../helpers/memory-router.js';

/** A Router without any route of the app `shop`, and how to end it. */
export type RouterUnderTest = { router: Router; close: () => Promise<void> };

const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const reason: Reason = { verb: 'shift', by: 'ada@box' };

/** Runs the contract against fresh Routers that `make` gives. */
export function routerContract(name: string, make: () => Promise<RouterUnderTest>): void {
  describe(`Router contract: ${name}`, () => {
    let router: Router;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ router, close } = await make());
    });
    afterEach(() => close());

    test('an app without routes is an empty table, with no history and nothing served', async () => {
      expect(await router.read('shop')).toEqual({ app: 'shop', routes: [] });
      expect(await router.history('shop')).toEqual([]);
      expect(await router.history('shop', 'cart')).toEqual([]);
      expect(await router.served('shop', 'cart')).toBeNull();
    });

    test('gives back the route that was written, under the number of the change', async () => {
      const change = put('cart', A, null);
      const table = await router.write([change], reason);
      expect(table).toEqual({
        app: 'shop',
        routes: [{ route: change.kind === 'put' && change.route, revision: 1 }],
      });
      expect(await router.read('shop')).toEqual(table);
    });

    test('numbers rise by one with every change of the app; a route keeps the number of its last one', async () => {
      await router.write([put('price', A, null)], reason);
      await router.write([put('cart', A, null)], reason);
      await router.write([put('price', B, 1)], reason);
      const { routes } = await router.read('shop');
      expect(routes.map(({ route, revision }) => [route.function, revision])).toEqual([
        ['cart', 2],
        ['price', 3],
      ]);
    });

    test('a write of several functions is one change, ordered by function', async () => {
      await router.write([put('price', A, null), put('cart', B, null)], reason);
      expect((await router.read('shop')).routes.map(({ revision }) => revision)).toEqual([1, 1]);
      const history = await router.history('shop');
      expect(history.map(({ number, functions }) => ({ number, functions }))).toEqual([
        {
          number: 1,
          functions: [
            { function: 'cart', before: null, after: B },
            { function: 'price', before: null, after: A },
          ],
        },
      ]);
    });

    test('the history keeps who, when, why, before and after, oldest first', async () => {
      await router.write([put('cart', A, null)], { verb: 'deploy', by: 'ada@box' });
      await router.write([put('cart', B, 1)], { ...reason, message: 'ten' });
      await router.write([put('cart', A, 2)], { verb: 'undo', by: 'bob@box', undoes: 2 });
      const history = await router.history('shop');
      expect(history).toMatchObject([
        {
          number: 1,
          verb: 'deploy',
          by: 'ada@box',
          functions: [{ function: 'cart', before: null, after: A }],
        },
        { number: 2, verb: 'shift', message: 'ten', functions: [{ before: A, after: B }] },
        { number: 3, verb: 'undo', by: 'bob@box', undoes: 2, functions: [{ before: B, after: A }] },
      ]);
      for (const { at } of history) expect(new Date(at).toISOString()).toMatch(/Z$/);
    });

    test('the history of a function is only of what touched it', async () => {
      await router.write([put('cart', A, null), put('price', A, null)], reason);
      await router.write([put('price', B, 1)], reason);
      await router.write([put('cart', B, 1)], reason);
      expect((await router.history('shop', 'cart')).map(({ number }) => number)).toEqual([1, 3]);
      expect((await router.history('shop')).map(({ number }) => number)).toEqual([1, 2, 3]);
    });

    test.each<[string, number | null]>([
      ['an older revision', 1],
      ['a revision that never was', 7],
      ['no route seen where there is one', null],
    ])('refuses %s, naming the function, and changes nothing', async (_, ifRevision) => {
      await router.write([put('cart', A, null)], reason);
      await router.write([put('cart', B, 1)], reason);
      const before = await router.read('shop');
      const conflict = await failure(router.write([put('cart', A, ifRevision)], reason));
      expect(conflict.code).toBe('conflict');
      expect(conflict.message).toContain('cart');
      expect(await router.read('shop')).toEqual(before);
      expect(await router.history('shop')).toHaveLength(2);
    });

    test('refuses a route seen where there is none', async () => {
      expect((await failure(router.write([put('cart', A, 1)], reason))).code).toBe('conflict');
      expect((await router.read('shop')).routes).toEqual([]);
    });

    test('writes all changes or none', async () => {
      await router.write([put('cart', A, null), put('price', A, null)], reason);
      const before = await router.read('shop');
      const conflict = await failure(router.write([put('cart', B, 1), put('price', B, 9)], reason));
      expect(conflict.code).toBe('conflict');
      expect(conflict.message).toContain('price');
      expect(await router.read('shop')).toEqual(before);
      expect(await router.history('shop')).toHaveLength(1);
    });

    test('of two writes that saw the same revision, one wins', async () => {
      await router.write([put('cart', A, null)], reason);
      const writes = [B, { v1: 5000, v2: 5000 }].map((split) =>
        router.write([put('cart', split, 1)], reason),
      );
      const outcomes = await Promise.allSettled(writes);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await router.history('shop')).toHaveLength(2);
    });

    test('removes a route; the history keeps it, and it may come back', async () => {
      await router.write([put('cart', A, null), put('price', A, null)], reason);
      const remove = { kind: 'remove', app: 'shop', function: 'cart', ifRevision: 1 } as const;
      expect((await failure(router.write([{ ...remove, ifRevision: 3 }], reason))).code).toBe('conflict');
      const written = await router.write([remove], { verb: 'destroy', by: 'ada@box' });
      expect(written).toEqual({ app: 'shop', routes: [] });
      const table = await router.read('shop');
      expect(table.routes.map(({ route }) => route.function)).toEqual(['price']);
      await expect.poll(() => router.served('shop', 'cart')).toBeNull();
      expect((await router.history('shop', 'cart')).at(-1)).toMatchObject({
        number: 2,
        verb: 'destroy',
        functions: [{ function: 'cart', before: A, after: null }],
      });
      const again = await router.write([put('cart', A, null)], reason);
      expect(again.routes.map(({ revision }) => revision)).toEqual([3]);
      const all = await router.read('shop');
      expect(all.routes.map(({ revision }) => revision)).toEqual([3, 1]);
    });

    test('the data plane comes to have what was written', async () => {
      await router.write([put('cart', A, null)], reason);
      await expect
        .poll(() => router.served('shop', 'cart'))
        .toEqual({ function: 'cart', revision: 1, split: A });
      await router.write([put('cart', B, 1)], reason);
      await expect
        .poll(() => router.served('shop', 'cart'))
        .toEqual({ function: 'cart', revision: 2, split: B });
    });

    test('counts no traffic before there was any, in the order of the split', async () => {
      await router.write([put('cart', A, null)], reason);
      expect(await router.traffic('shop')).toMatchObject({
        cart: [
          { version: 'v1', requests: 0, errors: 0, pinned: 0, inFlight: 0 },
          { version: 'v2', requests: 0, errors: 0, pinned: 0, inFlight: 0 },
        ],
      });
    });

    test('a version that nobody calls is drained', async () => {
      await router.write([put('cart', A, null)], reason);
      expect(await router.drained({ app: 'shop', function: 'cart', version: 'v2' }, 1000)).toBe(true);
    });

    test('names the apps that have routes', async () => {
      expect(await router.apps()).toEqual([]);
      await router.write([put('cart', A, null)], reason);
      await router.write([put('cart', A, null, 'bar')], reason);
      await router.write([put('cart', A, null, 'zoo')], reason);
      await router.write([{ kind: 'remove', app: 'zoo', function: 'cart', ifRevision: 1 }], reason);
      expect(await router.apps()).toEqual(['bar', 'shop']);
    });

    test('apps do not see each other', async () => {
      await router.write([put('cart', A, null)], reason);
      expect(await router.read('shop2')).toEqual({ app: 'shop2', routes: [] });
      expect(await router.history('shop2')).toEqual([]);
    });
  });
}

/** The FnmeshError that a call fails with. */
async function failure(call: Promise<unknown>): Promise<FnmeshError> {
  const thrown: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(FnmeshError);
  return thrown as FnmeshError;
}
