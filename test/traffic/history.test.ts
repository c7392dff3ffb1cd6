import { describe, expect, test } from 'vitest';
import type { Change } from '../../src/router/router.js';
import { listHistory, type DeployRecord } from '../../src/traffic/history.js';
import { newestChange } from '../../src/traffic/undo.js';

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const move = (number: number, minute: number, fn = 'cart', more: Partial<Change> = {}): Change => ({
  number,
  at: at(minute),
  by: 'ann@box',
  verb: 'shift',
  functions: [{ function: fn, before: { v1: 10_000, v2: 0 }, after: { v1: 10_000 - number, v2: number } }],
  ...more,
});
const release = (fn = 'cart', more: Partial<DeployRecord['versions'][number]> = {}) => ({
  ...{ function: fn, version: 'v1', from: 1, to: 2, restores: null, undone: false },
  ...more,
});
const COMMIT = { sha: 'a'.repeat(40), at: at(0), dirty: true };
const deployed = (name: string, minute: number, more: Partial<DeployRecord> = {}): DeployRecord => ({
  ...{ deploy: name, at: at(minute), by: 'ci@runner', message: null, undoes: null, commit: null },
  versions: [release()],
  ...more,
});
const names = (rows: ReturnType<typeof listHistory>) => rows.map(({ number, deploy }) => number ?? deploy);

describe('shifts and deploys in one list', () => {
  test('are ordered by time, newest first', () => {
    const rows = listHistory([move(1, 1), move(2, 4), move(3, 6)], [deployed('b', 5), deployed('a', 2)]);
    expect(names(rows)).toEqual([3, 'b', 2, 'a', 1]);
  });

  test('of one moment: the change of traffic, which a deploy makes last, stands above', () => {
    expect(names(listHistory([move(1, 1), move(2, 1)], [deployed('a', 1)]))).toEqual([2, 1, 'a']);
  });

  test('are told apart: a row has a number or a name, and what belongs to it', () => {
    const [deploy, shift] = listHistory(
      [move(1, 1)],
      [deployed('a', 2, { message: 'new tax', commit: COMMIT })],
    );
    expect(deploy).toEqual({
      number: null,
      deploy: 'a',
      at: at(2),
      by: 'ci@runner',
      verb: 'deploy',
      message: 'new tax',
      undoes: null,
      to: null,
      undone: false,
      functions: [],
      releases: [{ function: 'cart', version: 'v1', from: 1, to: 2, restores: null }],
      undoesDeploy: null,
      commit: COMMIT,
    });
    expect(Object.keys(shift!).sort()).toEqual(Object.keys(deploy!).sort());
    expect(shift).toMatchObject({ number: 1, deploy: null, releases: [], undoesDeploy: null, commit: null });
  });

  test('an undo of a deploy names it, and a deploy is undone only whole', () => {
    const restored = [release('cart', { from: 2, to: 3, restores: 1 })];
    const rows = listHistory(
      [],
      [
        deployed('c', 3, { undoes: 'a', versions: restored }),
        deployed('b', 2, { versions: [release(), release('price', { undone: true })] }),
        deployed('a', 1, { versions: [release('cart', { undone: true })] }),
      ],
    );
    expect(rows.map(({ verb, undoesDeploy, undone }) => [verb, undoesDeploy, undone])).toEqual([
      ['undo', 'a', false],
      ['deploy', null, false],
      ['deploy', null, true],
    ]);
    expect(rows[0]?.releases[0]).toMatchObject({ from: 2, to: 3, restores: 1 });
    expect(listHistory([], [deployed('d', 1, { versions: [] })])[0]?.undone).toBe(false);
  });

  test('of one function are those that touched it, whole', () => {
    const both = deployed('both', 2, { versions: [release(), release('price')] });
    const rows = listHistory([move(1, 1), move(2, 3, 'price')], [deployed('a', 4), both], 'price');
    expect(names(rows)).toEqual([2, 'both']);
    expect(rows[1]?.releases.map((each) => each.function)).toEqual(['cart', 'price']);
    expect(listHistory([move(1, 1)], [deployed('a', 2)], 'none')).toEqual([]);
  });
});

describe('the newest change not yet undone', () => {
  const undo = (number: number, undoes: number, fn = 'cart') =>
    move(number, number, fn, { verb: 'undo', undoes });
  test.each<[string, Change[], string | undefined, number | undefined]>([
    ['of none', [], undefined, undefined],
    ['of any function', [move(1, 1), move(2, 2, 'price')], undefined, 2],
    ['of one function', [move(1, 1), move(2, 2, 'price')], 'cart', 1],
    ['of a function that has none', [move(1, 1)], 'none', undefined],
    ['before one that was undone', [move(1, 1), move(2, 2), undo(3, 2)], undefined, 1],
    ['when all are undone', [move(1, 1), undo(2, 1)], undefined, undefined],
    ['by its number, whatever the clocks say', [move(1, 9), move(2, 2)], undefined, 2],
  ])('%s', (_, changes, fn, number) => expect(newestChange(changes, fn)?.number).toBe(number));

  test('of two with one number, which clients made at once: the last, then the other', () => {
    const [cart, price] = [move(1, 1), move(1, 2, 'price')];
    expect(newestChange([cart, price])).toBe(price);
    expect(newestChange([cart, price], 'cart')).toBe(cart);
    const after = [cart, price, undo(2, 1, 'price')];
    expect(newestChange(after)).toBe(cart);
    const undone = listHistory(after).filter((row) => row.undone);
    expect(undone.map(({ functions }) => functions)).toEqual([price.functions]);
  });
});
