// What an undo does where a deploy or an undo was broken off between the change of an fn and the note of it.
import { describe, expect, test } from 'vitest';
import { listDeploys } from '../../src/deploy/deploys.js';
import { newestDeploy, planUndoDeploy } from '../../src/deploy/plan-undo.js';
import { Past } from './past.js';

const undo = (made: Past) => {
  const observed = made.observed();
  const newest = newestDeploy(observed);
  return newest && planUndoDeploy('shop', observed, { app: 'shop', routes: [] }, newest.deploy);
};

async function past(...memories: number[]): Promise<Past> {
  const made = new Past();
  for (const memory of memories) await made.deploy(`${memory}`, { 'cart/v1': { memory } });
  return made;
}

describe('broken off', () => {
  test('an undo: the next one completes it, rather than bring back what it had undone', async () => {
    const made = await past(1, 2, 3);
    await made.breakOff('cart/v1', { memory: 2 });
    expect(undo(made)).toMatchObject({ undoes: '3', versions: [{ from: 3, to: 2, body: {}, changes: [] }] });
    expect(listDeploys(made.observed()).map(({ deploy }) => deploy)).toEqual(['3', '2']);
  });

  test('a deploy: an undo takes back what it changed, and nothing more', async () => {
    const made = await past(1, 2, 3);
    await made.breakOff('cart/v1', { memory: 4 });
    const plan = undo(made)!;
    expect(plan).toMatchObject({ by: 'unknown', versions: [{ to: 3, body: { memory: 3 } }] });
    expect(['1', '2', '3']).not.toContain(plan.undoes);
    expect(new Set(listDeploys(made.observed()).map(({ deploy }) => deploy))).toEqual(
      new Set([plan.undoes, '3', '2']),
    );
  });

  test('right after the copy was made: nothing has changed yet, and the newest deploy is undone', async () => {
    const made = await past(1, 2, 3);
    const { fn } = made.observed().fns[0]!;
    await made.breakOff('cart/v1', { memory: 4 });
    made.meddle('cart-v1', { memory: fn.memory });
    expect(undo(made)).toMatchObject({ undoes: '3', versions: [{ from: 3, to: 2, body: { memory: 2 } }] });
  });
});
