// Two clients that change different functions at the same moment give both changes one number: they stay two changes.
import { expect, test } from 'vitest';
import type { Split } from '../../src/routing/route.js';
import { applyTraffic } from '../../src/traffic/apply.js';
import { listHistory } from '../../src/traffic/history.js';
import { planUndo } from '../../src/traffic/undo.js';
import type { UndoOptions } from '../../src/traffic/undo.js';
import { fakeCluster } from '../helpers/fake-cluster.js';
import { put, REASON } from '../helpers/routes.js';
import { routerOn } from './kubernetes-site.js';

const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const C: Split = { v1: 5000, v2: 5000 };

/** An app of three functions, after ann moved `cart` and `tax`, and bob `price`: both read, then both write. */
async function moved() {
  const cluster = fakeCluster();
  const names = ['cart', 'price', 'tax'];
  await routerOn(cluster).write(
    names.map((name) => put(name, A, null)),
    REASON,
  );
  const [ann, bob] = [routerOn(cluster), routerOn(cluster)];
  await Promise.all([ann.read('shop'), bob.read('shop')]);
  await ann.write([put('cart', B, 1), put('tax', B, 1)], { verb: 'shift', by: 'ann@box' });
  await bob.write([put('price', C, 1)], { verb: 'shift', by: 'bob@box' });
  /** Undoes from another machine. */
  const undo = async (options: UndoOptions = {}) => {
    const router = routerOn(cluster);
    const plan = planUndo(await router.read('shop'), await router.history('shop'), options);
    const { number } = await applyTraffic(plan, router, { by: 'eve@box', force: true }, () => undefined);
    return { number, names: plan.rows.map((row) => row.function) };
  };
  const splits = async () => (await routerOn(cluster).read('shop')).routes.map(({ route }) => route.split);
  const history = async () => {
    const rows = listHistory(await routerOn(cluster).history('shop'));
    const lines = rows.map(({ number, verb, functions, undone }) => {
      const of = functions.map((row) => row.function).join('+');
      return `${number} ${verb} ${of}${undone ? ' undone' : ''}`;
    });
    return lines.sort();
  };
  return { undo, splits, history };
}

test('an undo takes back one of them, the next undo the other', async () => {
  const { undo, splits, history } = await moved();
  expect(await history()).toEqual(['1 shift cart+price+tax', '2 shift cart+tax', '2 shift price']);
  const first = await undo();
  expect(first.number).toBe(3);
  expect(['cart+tax', 'price']).toContain(first.names.join('+'));
  expect((await history()).filter((row) => row.endsWith('undone'))).toHaveLength(1);
  const second = await undo();
  expect([...first.names, ...second.names].sort()).toEqual(['cart', 'price', 'tax']);
  expect(await splits()).toEqual([A, A, A]);
  await expect(undo()).rejects.toThrow('nothing to undo');
});

test.each([
  ['cart', ['cart', 'tax'], [A, C, A], ['2 shift cart+tax undone', '2 shift price']],
  ['price', ['price'], [B, A, B], ['2 shift cart+tax', '2 shift price undone']],
])('the function says which is undone: %s', async (fn, names, splits, rows) => {
  const app = await moved();
  expect(await app.undo({ function: fn })).toEqual({ number: 3, names });
  expect(await app.splits()).toEqual(splits);
  expect(await app.history()).toEqual(['1 shift cart+price+tax', ...rows, `3 undo ${names.join('+')}`]);
});

test('right after that number is after both; a function goes back alone', async () => {
  const { undo, splits } = await moved();
  await undo();
  await undo();
  expect(await undo({ to: 2 })).toEqual({ number: 5, names: ['cart', 'price', 'tax'] });
  expect(await splits()).toEqual([B, C, B]);
  await undo({ to: 1, function: 'price' });
  expect(await splits()).toEqual([B, A, B]);
});
