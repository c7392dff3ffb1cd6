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
export type UndoState<C extends ChangeRecord> = {
  /** For each function the changes not yet undone, oldest first. */
  readonly stacks: ReadonlyMap<FunctionName, readonly C[]>;
  /** The changes that were undone and stayed so. */
  readonly undone: ReadonlySet<C>;
};

/** A stack that shares its lower part with earlier ones, so that keeping every past state costs little. */
type Stack<C> = { readonly top: C; readonly below: Stack<C> } | null;

/**
 * Replays changes, oldest first. A change that moved a function's shares is pushed on that function's stack. An
 * undo pops the change it `undoes` from every stack it stands in; an undo `to` N makes the stacks of its functions
 * what they were right after N. A function that got its route, or lost it, starts with an empty stack. A deploy or
 * wire that left the shares alone does not count. Changes that have one number have no function in common: which of
 * them an undo means, its functions tell.
 */
export function undoStack<C extends ChangeRecord>(changes: readonly C[]): UndoState<C> {
  const stacks = new Map<FunctionName, Stack<C>>();
  /** What each function's stack has been, from change `since` on. */
  const past = new Map<FunctionName, { since: number; stack: Stack<C> }[]>();
  const undone = new Set<C>();
  const numbered = new Map<number, C[]>();
  const stackOf = (fn: FunctionName): Stack<C> => stacks.get(fn) ?? null;
  const isStacked = (change: C) => [...stacks.values()].some((stack) => inStack(stack).includes(change));

  for (const change of changes) {
    const touched = new Set(change.functions.map((row) => row.function));
    if (change.undoes !== undefined) {
      const taken = numbered
        .get(change.undoes)
        ?.find(({ functions }) => functions.some((row) => touched.has(row.function)));
      if (taken !== undefined) {
        for (const [fn, stack] of stacks) {
          if (!inStack(stack).includes(taken)) continue;
          stacks.set(fn, without(stack, taken));
          touched.add(fn);
        }
        undone.add(taken);
      }
    } else if (change.to !== undefined) {
      const { to } = change;
      const left = [...touched].flatMap((fn) => inStack(stackOf(fn)));
      for (const fn of touched)
        stacks.set(fn, past.get(fn)?.findLast(({ since }) => since <= to)?.stack ?? null);
      for (const one of left) if (!isStacked(one)) undone.add(one);
      for (const fn of touched) for (const one of inStack(stackOf(fn))) undone.delete(one);
    } else {
      for (const { function: fn, before, after } of change.functions) {
        if (before === null || after === null) stacks.set(fn, null);
        else if (!sameShares(before, after)) stacks.set(fn, { top: change, below: stackOf(fn) });
      }
    }
    for (const fn of touched) {
      const states = past.get(fn) ?? [];
      states.push({ since: change.number, stack: stackOf(fn) });
      past.set(fn, states);
    }
    numbered.set(change.number, [...(numbered.get(change.number) ?? []), change]);
  }
  return { stacks: new Map([...stacks].map(([fn, stack]) => [fn, inStack(stack).reverse()])), undone };
}

/** Whether the change did something to the function's stack: it moved, made or took away traffic, or undid that. */
export function affects(change: ChangeRecord, fn: FunctionName): boolean {
  return change.functions.some(
    ({ function: name, before, after }) =>
      name === fn &&
      (change.verb === 'undo' || before === null || after === null || !sameShares(before, after)),
  );
}

/** The stack's changes, top first. */
function inStack<C>(stack: Stack<C>): C[] {
  const found: C[] = [];
  for (let rest = stack; rest !== null; rest = rest.below) found.push(rest.top);
  return found;
}

function without<C>(stack: Stack<C>, change: C): Stack<C> {
  if (stack?.top === change) return stack.below;
  return inStack(stack)
    .filter((other) => other !== change)
    .reduceRight<Stack<C>>((below, top) => ({ top, below }), null);
}
