// Which changes an undo can still take back: the history replayed as one stack a function.
import { sameShares } from './diff.js';
import type { FunctionName, Split } from './route.js';

/** What of a change matters here; `Change` of the Router port has more. */
export type ChangeRecord = {
  readonly number: number;
  readonly verb: string;
  /** undo: the number of the change that is undone. */
  readonly undoes?: number;
  /** undo --to: the number of the change whose outcome is restored. */
  readonly to?: number;
  readonly functions: readonly {
    readonly function: FunctionName;
    readonly before: Split | null;
    readonly after: Split | null;
  }[];
};

/** The outcome of a replay. */
export type UndoState = {
  /** For each function the numbers of the changes not yet undone, oldest first. */
  readonly stacks: ReadonlyMap<FunctionName, readonly number[]>;
  /** The numbers of the changes that were undone and stayed so. */
  readonly undone: ReadonlySet<number>;
};

/** A stack that shares its lower part with earlier ones, so that keeping every past state costs little. */
type Stack = { readonly top: number; readonly below: Stack } | null;

/**
 * Replays changes, oldest first. A change that moved a function's shares is pushed on that function's stack. An
 * undo pops the change it `undoes` from every stack it stands in; an undo `to` N makes the stacks of its functions
 * what they were right after N. A function that got its route, or lost it, starts with an empty stack. A deploy or
 * wire that left the shares alone does not count.
 */
export function undoStack(changes: readonly ChangeRecord[]): UndoState {
  const stacks = new Map<FunctionName, Stack>();
  /** What each function's stack has been, from change `since` on. */
  const past = new Map<FunctionName, { since: number; stack: Stack }[]>();
  const undone = new Set<number>();
  const stackOf = (fn: FunctionName): Stack => stacks.get(fn) ?? null;
  const isStacked = (number: number) => [...stacks.values()].some((stack) => numbers(stack).includes(number));

  for (const change of changes) {
    const touched = new Set(change.functions.map((row) => row.function));
    if (change.undoes !== undefined) {
      for (const [fn, stack] of stacks) {
        if (!numbers(stack).includes(change.undoes)) continue;
        stacks.set(fn, without(stack, change.undoes));
        touched.add(fn);
      }
      undone.add(change.undoes);
    } else if (change.to !== undefined) {
      const { to } = change;
      const left = [...touched].flatMap((fn) => numbers(stackOf(fn)));
      for (const fn of touched)
        stacks.set(fn, past.get(fn)?.findLast(({ since }) => since <= to)?.stack ?? null);
      for (const number of left) if (!isStacked(number)) undone.add(number);
      for (const fn of touched) for (const number of numbers(stackOf(fn))) undone.delete(number);
    } else {
      for (const { function: fn, before, after } of change.functions) {
        if (before === null || after === null) stacks.set(fn, null);
        else if (!sameShares(before, after)) stacks.set(fn, { top: change.number, below: stackOf(fn) });
      }
    }
    for (const fn of touched) {
      const states = past.get(fn) ?? [];
      states.push({ since: change.number, stack: stackOf(fn) });
      past.set(fn, states);
    }
  }
  return { stacks: new Map([...stacks].map(([fn, stack]) => [fn, numbers(stack).reverse()])), undone };
}

/** Whether the change did something to the function's stack: it moved, made or took away traffic, or undid that. */
export function affects(change: ChangeRecord, fn: FunctionName): boolean {
  return change.functions.some(
    ({ function: name, before, after }) =>
      name === fn &&
      (change.verb === 'undo' || before === null || after === null || !sameShares(before, after)),
  );
}

/** The stack's numbers, top first. */
function numbers(stack: Stack): number[] {
  const found: number[] = [];
  for (let rest = stack; rest !== null; rest = rest.below) found.push(rest.top);
  return found;
}

function without(stack: Stack, number: number): Stack {
  if (stack?.top === number) return stack.below;
  return numbers(stack)
    .filter((other) => other !== number)
    .reduceRight<Stack>((below, top) => ({ top, below }), null);
}
