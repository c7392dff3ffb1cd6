import { beforeEach, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { foreseeShare, giveShare } from '../../src/traffic/share.js';
import { memoryRouter, put, type MemoryRouter } from '../helpers/memory-router.js';
import { REASON } from '../helpers/routes.js';

const SPLIT = { v1: 7500, v2: 2500, v3: 0 };
const share = (version: string, points: number) => ({ function: 'cart', version, points });

let router: MemoryRouter;
beforeEach(async () => {
  router = memoryRouter();
  await router.write([put('cart', SPLIT, null), put('price', { v1: 10_000 }, null)], REASON);
});
const give = (version: string, points: number) =>
  giveShare(share(version, points), 'shop', router, { by: 'ann@box' }, () => undefined);

test.each([
  [1000, { v1: 6750, v2: 2250, v3: 1000 }],
  [0, SPLIT],
  [10_000, { v1: 0, v2: 0, v3: 10_000 }],
])('what is foreseen of %i points is what is given', async (points, after) => {
  expect(foreseeShare(share('v3', points), SPLIT)).toEqual({ function: 'cart', before: SPLIT, after });
  const given = await give('v3', points);
  expect(given.rows).toMatchObject([{ function: 'cart', before: SPLIT, after }]);
  expect((await router.read('shop')).routes[0]?.route.split).toEqual(after);
});

test('given again it writes nothing', async () => {
  expect((await give('v3', 500)).number).toBe(2);
  expect((await give('v3', 500)).number).toBeNull();
});

test('what stands behind no route can get no share', async () => {
  const missing = { code: 'not_found', message: expect.stringMatching(/^cart\/v4/) as string };
  for (const split of [null, SPLIT]) {
    expect(() => foreseeShare(share('v4', 500), split)).toThrow(
      expect.objectContaining({
        code: 'not_found',
        message: 'cart/v4 stands behind no route, so that it can get no share',
      }),
    );
  }
  await expect(give('v4', 500)).rejects.toMatchObject({
    ...missing,
    message: expect.stringContaining('v4') as string,
  });
});

test('what is not ready gets none, and no --force is spoken of, which a deploy takes otherwise', async () => {
  router.unready.set('cart/v3', 'it does not start');
  await expect(give('v3', 500)).rejects.toMatchObject({
    code: 'not_ready',
    message: 'cart/v3 is not ready: it does not start',
    try: expect.stringContaining('cart/v3') as string,
  });
  expect((await router.read('shop')).routes[0]?.route.split).toEqual(SPLIT);
});

test('what changed meanwhile is said as it is', async () => {
  router.write = () => Promise.reject(new FnmeshError('conflict', 'cart changed meanwhile'));
  await expect(give('v3', 500)).rejects.toMatchObject({
    code: 'conflict',
    message: 'cart changed meanwhile',
  });
});
