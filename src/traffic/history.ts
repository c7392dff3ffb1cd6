// What changed for the callers of a function, and what of it was undone.
import { undoStack } from '../routing/history.js';
import type { Change, Reason } from '../router/router.js';
import type { FunctionName, VersionName } from '../routing/route.js';

/** A change as it is shown. Absent notes are null, so that every row has the same fields. */
export type HistoryRow = {
  /** The change's number; null for a deploy that moved no traffic, which has a name instead. */
  number: number | null;
  /** The deploy's name; null for a change of routes. */
  deploy: string | null;
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
  /** The versions that a deploy changed in place, from release to release. */
  releases: {
    function: FunctionName;
    version: VersionName;
    from: number;
    to: number;
    restores: number | null;
  }[];
  /** The deploy that this one undid. */
  undoesDeploy: string | null;
  /** What a deploy was made from; null: it is not known. */
  commit: DeployRecord['commit'];
};

/** A deploy that changed versions in place, as the Fn server tells of it. */
export type DeployRecord = {
  deploy: string;
  at: string;
  by: string;
  message: string | null;
  undoes: string | null;
  /** The full hash of a commit; `at` is RFC 3339, UTC. */
  commit: { sha: string; at: string; dirty: boolean } | null;
  versions: (HistoryRow['releases'][number] & { undone: boolean })[];
};

/**
 * The changes to show, newest first: what moved traffic, and what changed versions in place.
 * @param changes The app's whole history, oldest first: an undo may concern several functions.
 * @param deploys The deploys that its Fn server tells of.
 * @param fn Only the changes that touched this function.
 */
export function listHistory(
  changes: readonly Change[],
  deploys: readonly DeployRecord[] = [],
  fn?: FunctionName,
): HistoryRow[] {
  const { undone } = undoStack(changes);
  const moves = changes
    .filter(({ functions }) => fn === undefined || functions.some((row) => row.function === fn))
    .map((change) => ({
      number: change.number,
      deploy: null,
      at: change.at,
      by: change.by,
      verb: change.verb,
      message: change.message ?? null,
      undoes: change.undoes ?? null,
      to: change.to ?? null,
      undone: undone.has(change),
      functions: change.functions,
      releases: [],
      undoesDeploy: null,
      commit: null,
    }))
    .reverse();
  const rows = deploys
    .filter(({ versions }) => fn === undefined || versions.some((version) => version.function === fn))
    .map(deployRow);
  // Of one moment, the newer change stays above.
  return [...moves, ...rows].sort((a, b) => Number(a.at < b.at) - Number(a.at > b.at));
}

function deployRow({ deploy, at, by, message, undoes, versions, commit }: DeployRecord): HistoryRow {
  return {
    number: null,
    deploy,
    at,
    by,
    verb: undoes === null ? 'deploy' : 'undo',
    message,
    undoes: null,
    to: null,
    undone: versions.length > 0 && versions.every((version) => version.undone),
    functions: [],
    releases: versions.map(({ undone: _, ...version }) => version),
    undoesDeploy: undoes,
    commit,
  };
}
