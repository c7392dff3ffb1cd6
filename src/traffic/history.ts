// What changed for the callers of a function, and what of it was undone.
import { undoStack } from '../routing/history.js';
import type { Change, Reason } from '../router/router.js';
import type { FunctionName } from '../routing/route.js';

/** A change as it is shown. Absent notes are null, so that every row has the same fields. */
export type HistoryRow = {
  number: number;
  /** RFC 3339, UTC. */
  at: string;
  by: string;
  verb: Reason['verb'];
  message: string | null;
  /** The change that this one undid. */
  undoes: number | null;
  /** The change whose outcome this one went back to. */
  to: number | null;
  /** Whether this change was undone, and stayed so. */
  undone: boolean;
  functions: Change['functions'];
};

/**
 * The changes to show, newest first.
 * @param changes The app's whole history, oldest first: an undo may concern several functions.
 * @param fn Only the changes that touched this function.
 */
export function listHistory(changes: readonly Change[], fn?: FunctionName): HistoryRow[] {
  const { undone } = undoStack(changes);
  return changes
    .filter(({ functions }) => fn === undefined || functions.some((row) => row.function === fn))
    .map((change) => ({
      number: change.number,
      at: change.at,
      by: change.by,
      verb: change.verb,
      message: change.message ?? null,
      undoes: change.undoes ?? null,
      to: change.to ?? null,
      undone: undone.has(change.number),
      functions: change.functions,
    }))
    .reverse();
}
