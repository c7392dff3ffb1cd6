import { describe, expect, test } from 'vitest';
import { undoStack } from '../../src/routing/history.js';
import type { ChangeRecord } from '../../src/routing/history.js';
import type { Split } from '../../src/routing/route.js';

const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const none = null;

type Row = [fn: string, before: Split | null, after: Split | null];

/** Numbers the changes from 1. */
const history = (...changes: Made[]): ChangeRecord[] =>
  numbered(...changes.map((change, index) => [index + 1, ...change] as const));

type Made = [verb: string, rows: Row[], undo?: { undoes?: number; to?: number }];

/** Changes whose numbers are given. */
function numbered(...changes: (readonly [number: number, ...Made])[]): ChangeRecord[] {
  return changes.map(([number, verb, rows, undo]) => ({
    number,
    verb,
    ...undo,
    functions: rows.map(([fn, before, after]) => ({ function: fn, before, after })),
  }));
}

const first: [string, Row[]] = ['deploy', [['cart', none, A]]];
const up: [string, Row[]] = ['shift', [['cart', A, B]]];
const down: [string, Row[]] = ['shift', [['cart', B, A]]];
const both: [string, Row[]] = [
  'shift',
  [
    ['cart', A, B],
    ['price', A, B],
  ],
];
const undo = (undoes: number): [string, Row[], { undoes: number }] => ['undo', [['cart', B, A]], { undoes }];
const undoTo = (to: number): [string, Row[], { to: number }] => ['undo', [['cart', B, A]], { to }];
const numbersOf = (stacks: ReadonlyMap<string, readonly ChangeRecord[]>) =>
  Object.fromEntries([...stacks].map(([fn, stack]) => [fn, stack.map(({ number }) => number)]));

describe('undoStack', () => {
  test.each<[string, ChangeRecord[], Record<string, number[]>, number[]]>([
    ['nothing', [], {}, []],
    ['a first deploy is no candidate', history(first), { cart: [] }, []],
    ['shifts pile up', history(first, up, down), { cart: [2, 3] }, []],
    ['an undo takes one away', history(first, up, down, undo(3)), { cart: [2] }, [3]],
    ['undo after undo goes further back', history(first, up, down, undo(3), undo(2)), { cart: [] }, [2, 3]],
    ['a shift after an undo', history(first, up, undo(2), up), { cart: [4] }, [2]],
    ['an undo from the middle', history(first, up, down, undo(2)), { cart: [3] }, [2]],
    ['an undo of what is not there', history(first, up, undo(9)), { cart: [2] }, []],
    [
      'a deploy of a new version at 0',
      history(up, ['deploy', [['cart', { v1: 10_000 }, A]]]),
      { cart: [1] },
      [],
    ],
    ['a wire that changed shares', history(first, ['wire', [['cart', A, B]]]), { cart: [2] }, []],
    [
      'a removed version without weight',
      history(up, ['destroy', [['cart', A, { v1: 10_000 }]]]),
      { cart: [1] },
      [],
    ],
    ['a function that is gone', history(up, ['destroy', [['cart', B, none]]]), { cart: [] }, []],
    [
      'a function that came back',
      history(up, ['destroy', [['cart', B, none]]], first, up),
      { cart: [4] },
      [],
    ],
    ['a change of two functions stands in both', history(both), { cart: [1], price: [1] }, []],
    ['and is undone in both, whatever the undo lists', history(both, undo(1)), { cart: [], price: [] }, [1]],
    ['undo to a change', history(first, up, down, up, undoTo(2)), { cart: [2] }, [3, 4]],
    ['undo to before the function was there', history(first, up, undoTo(0)), { cart: [] }, [2]],
    ['undo of a function never seen', history(undoTo(0)), { cart: [] }, []],
    ['undo to, forward again', history(first, up, down, undoTo(1), undoTo(3)), { cart: [2, 3] }, []],
    ['undo after undo to', history(first, up, down, up, undoTo(2), undo(2)), { cart: [] }, [2, 3, 4]],
    ['undo to an undo', history(first, up, undo(2), up, down, undoTo(3)), { cart: [] }, [2, 4, 5]],
    ['what another function still has is not undone', history(both, undoTo(0)), { cart: [], price: [1] }, []],
    [
      'undo to between the changes of another function',
      history(up, ['shift', [['price', A, B]]], down, undoTo(2)),
      { cart: [1], price: [2] },
      [3],
    ],
  ])('%s', (_, changes, stacks, undone) => {
    const state = undoStack(changes);
    expect(numbersOf(state.stacks)).toEqual(stacks);
    expect([...state.undone].map(({ number }) => number).sort()).toEqual(undone);
  });

  // As two clients make them that see the same newest change: of different functions.
  const twins: [number, ...Made][] = [
    [1, ...up],
    [1, 'shift', [['price', A, B]]],
  ];
  test.each<[string, ChangeRecord[], Record<string, number[]>, number[]]>([
    ['both stand', numbered(...twins), { cart: [1], price: [1] }, []],
    ['an undo of one', numbered(...twins, [2, ...undo(1)]), { cart: [], price: [1] }, [0]],
    [
      'an undo of the other',
      numbered(...twins, [2, 'undo', [['price', B, A]], { undoes: 1 }]),
      { cart: [1], price: [] },
      [1],
    ],
    [
      'an undo of each, at once again',
      numbered(...twins, [2, ...undo(1)], [2, 'undo', [['price', B, A]], { undoes: 1 }]),
      { cart: [], price: [] },
      [0, 1],
    ],
    ['undo one of them to before', numbered(...twins, [2, ...undoTo(0)]), { cart: [], price: [1] }, [0]],
    [
      'undo to right after both',
      numbered(...twins, [2, ...down], [3, 'undo', [['cart', A, B]], { to: 1 }]),
      { cart: [1], price: [1] },
      [2],
    ],
  ])('of two changes with one number: %s', (_, changes, stacks, undone) => {
    const state = undoStack(changes);
    expect(numbersOf(state.stacks)).toEqual(stacks);
    expect(changes.flatMap((change, index) => (state.undone.has(change) ? index : []))).toEqual(undone);
  });

  test('takes a long history in its stride', () => {
    const changes = Array.from({ length: 5000 }, (_, index) => (index % 2 === 0 ? up : down));
    expect(undoStack(history(...changes)).stacks.get('cart')).toHaveLength(5000);
  });
});
