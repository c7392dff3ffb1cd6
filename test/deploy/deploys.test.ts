import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keptContent, lineages, listDeploys } from '../../src/deploy/deploys.js';
import { newestDeploy } from '../../src/deploy/plan-undo.js';
import { Past } from './past.js';

/** Deploys `1`, `2`, … and undos `-`, each of the newest deploy, of one version whose memory is the deploy's number. */
async function past(steps: string): Promise<Past> {
  const made = new Past();
  for (const step of steps.split(' ')) {
    if (step === '-') await made.undo(newestDeploy(made.observed())!.deploy);
    else await made.deploy(step, { 'cart/v1': { memory: Number(step) } });
  }
  return made;
}
const one = (made: Past) => lineages(made.observed())[0]!;

describe('what can be gone back through', () => {
  test.each<[string, number[], number[], number[]]>([
    // steps, numbers of known releases, the stack, what is undone
    ['1', [1], [1], []],
    ['1 2', [1, 2], [1, 2], []],
    ['1 2 3 4', [1, 2, 3, 4], [1, 2, 3, 4], []],
    ['1 2 -', [1, 2, 3], [1], [2]],
    ['1 2 3 -', [1, 2, 3, 4], [1, 2], [3]],
    ['1 2 3 - -', [1, 2, 4, 5], [1], [2]],
    ['1 2 3 - 4', [2, 3, 4, 5], [2, 5], [3]],
    ['1 2 - 3', [1, 2, 3, 4], [1, 4], [2]],
    ['1 2 - 3 -', [1, 3, 4, 5], [1], [4]],
    ['1 2 3 4 5', [2, 3, 4, 5], [2, 3, 4, 5], []],
    ['1 2 3 4 5 -', [3, 4, 5, 6], [3, 4], [5]],
    ['1 2 3 4 5 - -', [3, 4, 6, 7], [3], [4]],
    ['1 2 3 4 5 - - 6', [4, 6, 7, 8], [3, 8], [4]],
  ])('%s', async (steps, known, stack, undone) => {
    const lineage = one(await past(steps));
    expect(lineage.releases.map(({ number }) => number)).toEqual(known);
    expect([lineage.stack, [...lineage.undone]]).toEqual([stack, undone]);
  });
});

/** What undoing could be, had everything been kept: the memory of each deploy not undone. */
function model(steps: readonly ('deploy' | 'undo')[]): number[] {
  const stack: number[] = [];
  steps.forEach((step, index) => (step === 'deploy' ? stack.push(index + 1) : stack.pop()));
  return stack;
}

test('any deploys and undos: an undo gives what was before, or says that it is not kept', async () => {
  const steps = fc.array(fc.constantFrom('deploy' as const, 'deploy' as const, 'undo' as const), {
    maxLength: 14,
  });
  await fc.assert(
    fc.asyncProperty(steps, async (more) => {
      const made = new Past();
      const done: ('deploy' | 'undo')[] = [];
      for (const step of ['deploy' as const, ...more]) {
        if (step === 'deploy') {
          done.push(step);
          await made.deploy(`${done.length}`, { 'cart/v1': { memory: done.length } });
        } else {
          const before = made.observed();
          const newest = newestDeploy(before);
          // The first came with the version: a deploy that made it is not undone.
          expect(newest === null).toBe(model(done).length === 1);
          if (newest === null) continue;
          try {
            await made.undo(newest.deploy);
            done.push(step);
          } catch (error) {
            expect(error).toMatchObject({
              code: 'conflict',
              message: expect.stringMatching(/not kept/) as string,
            });
            expect(made.observed()).toEqual(before);
            const kept = before.releases.map(({ fn }) => fn.memory);
            expect(kept).not.toContain(model(done).at(-2));
          }
        }
        expect(made.content('cart/v1').memory).toBe(model(done).at(-1));
        expect(made.observed().releases.length).toBeLessThanOrEqual(3);
        expect(one(made).live.notes.release?.number).toBe(done.length);
      }
    }),
  );
});

test('two undos in a row are always possible after three deploys in place', async () => {
  const made = await past('1 2 3 4 5 6 7 - -');
  expect(made.content('cart/v1').memory).toBe(5);
});

describe('listed deploys', () => {
  test('of several versions are one row, newest first; a first release is none', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': {}, 'cart/v2': {} });
    await made.deploy('two', { 'cart/v1': { memory: 2 }, 'cart/v2': { memory: 2 }, 'price/v1': {} });
    await made.deploy('three', { 'cart/v1': { memory: 3 } });
    expect(listDeploys(made.observed())).toEqual([
      {
        deploy: 'three',
        at: '2026-01-01T00:03:00.000Z',
        by: 'three@ci',
        message: null,
        commit: null,
        undoes: null,
        versions: [{ function: 'cart', version: 'v1', from: 2, to: 3, restores: null, undone: false }],
      },
      {
        deploy: 'two',
        at: '2026-01-01T00:02:00.000Z',
        by: 'two@ci',
        message: null,
        commit: null,
        undoes: null,
        versions: [
          { function: 'cart', version: 'v1', from: 1, to: 2, restores: null, undone: false },
          { function: 'cart', version: 'v2', from: 1, to: 2, restores: null, undone: false },
        ],
      },
    ]);
  });

  test('an undo names what it undid, and what it brought back', async () => {
    const rows = listDeploys((await past('1 2 3 -')).observed());
    expect(rows.map(({ deploy, undoes, versions }) => [deploy, undoes, versions[0]])).toMatchObject([
      ['undo of 3', '3', { from: 3, to: 4, restores: 2, undone: false }],
      ['3', null, { from: 2, to: 3, restores: null, undone: true }],
      ['2', null, { from: 1, to: 2, restores: null, undone: false }],
    ]);
    expect(JSON.parse(JSON.stringify(rows))).toEqual(rows);
  });

  test('somebody else’s fns and what nobody noted are in none', () => {
    expect(listDeploys({ app: null, fns: [], releases: [] })).toEqual([]);
    const made = new Past();
    expect(lineages(made.observed())).toEqual([]);
  });

  test('a copy that somebody removed is missing, and nothing else', async () => {
    const made = await past('1 2 3 4');
    made.meddle('cart-v1~2', null);
    expect(listDeploys(made.observed()).map(({ deploy }) => deploy)).toEqual(['4', '3']);
    expect(one(made).stack).toEqual([1, 3, 4]);
  });

  test('a version that somebody removed and that is deployed again goes on counting', async () => {
    const made = await past('1 2 3');
    made.meddle('cart-v1', null);
    expect(listDeploys(made.observed())).toEqual([]);
    await made.deploy('4', { 'cart/v1': { memory: 4 } });
    expect(one(made).stack).toEqual([1, 2, 3]);
  });
});

describe('the content of a release', () => {
  test('is that of its copy, or of a later one that brought it back', async () => {
    const made = await past('1 2 3 - 5');
    const lineage = one(made);
    expect(lineage.kept.map(({ number }) => number)).toEqual([2, 3, 4]);
    made.meddle('cart-v1~2', null);
    expect(keptContent(one(made), 2)?.content.memory).toBe(2);
    expect(keptContent(lineage, 3)?.content.memory).toBe(3);
    expect(keptContent(lineage, 1)).toBeUndefined();
    expect(keptContent(lineage, 2)?.notes).toMatchObject({ function: 'cart', version: 'v1' });
  });
});
