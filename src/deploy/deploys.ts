// The changes in place that an app's server tells of, from the releases that it keeps. Pure.
import type { Observed, ObservedFn } from '../fn/observe.js';
import { readNotes } from '../fn/notes.js';
import type { VersionNotes } from '../fn/notes.js';
import type { Content, KeptRelease, Release } from '../fn/releases.js';
import { contentOf, isUnnoted, levelling } from '../fn/releases.js';
import { isEmpty } from './diff.js';

/** What a deploy did to one version: from release `from` to release `to`. */
type DeployedVersion = {
  function: string;
  version: string;
  from: number;
  to: number;
  /** undo: the release whose content `to` has. */
  restores: number | null;
  /** Whether another release has taken the place of this one's content by an undo. */
  undone: boolean;
};

/** One deploy that changed versions in place, or an undo of one. `number` counts no deploys: they have names. */
export type DeployChange = {
  deploy: string;
  /** RFC 3339, UTC. */
  at: string;
  by: string;
  message: string | null;
  commit: NonNullable<Release['commit']> | null;
  /** The deploy that this one undid. */
  undoes: string | null;
  versions: DeployedVersion[];
};

/** A version with its releases, as far as they are known: what an undo is planned from. */
export type Lineage = {
  function: string;
  version: string;
  live: ObservedFn & { notes: VersionNotes };
  kept: KeptRelease[];
  /** Known releases, the oldest first; the last is live. */
  releases: Release[];
  /** Numbers of the releases whose content can be gone back through; the last is what is live. */
  stack: number[];
  undone: ReadonlySet<number>;
};

/** The lineages of all versions that fnmesh deployed. */
export function lineages({ fns, releases }: Observed): Lineage[] {
  return fns.flatMap((live): Lineage[] => {
    const { notes } = live;
    if (notes === null) return [];
    const kept = releases.filter(({ of }) => of === live.fn.name).sort((a, b) => a.number - b.number);
    const noted = notes.release;
    // What is live has a copy of its own only when a deploy was broken off.
    const earlier = kept.filter(({ number }) => number !== noted?.number);
    const known = [...earlier.flatMap(({ release }) => release ?? []), ...(noted ? [noted] : [])];
    const { function: name, version } = notes;
    const lineage = { function: name, version, live: { ...live, notes }, kept };
    const all = [...known, ...brokenOff(lineage, known)];
    return [{ ...lineage, releases: all, ...replay(all) }];
  });
}

/**
 * The release that is live and that nobody noted, since a deploy was broken off between the change and its note. Of an
 * undo it is none: what it undid still has to be noted as undone.
 */
function brokenOff(
  { live: { fn, notes }, kept }: Pick<Lineage, 'live' | 'kept'>,
  known: readonly Release[],
): Release[] {
  if (!isUnnoted(fn, notes.release?.number, kept)) return [];
  const back = replay(known).stack.at(-2);
  const restored = back === undefined ? undefined : keptContent({ kept }, back);
  if (restored !== undefined && isEmpty(levelling(restored.content, contentOf(fn)))) return [];
  const number = Math.max(...kept.map((release) => release.number)) + 1;
  return [{ number, deploy: fn.id.slice(-8).toLowerCase(), at: fn.updated_at, by: 'unknown' }];
}

/** The deploys that changed something in place, newest first. */
export function listDeploys(observed: Observed): DeployChange[] {
  const changes = new Map<string, DeployChange>();
  for (const { function: name, version, releases, undone } of lineages(observed)) {
    for (const { number, deploy, at, by, message, commit, undoes, restores } of releases) {
      // The first release came with a new version, which the route's history tells of.
      if (number === 1) continue;
      const change: DeployChange = changes.get(deploy) ?? {
        deploy,
        at,
        by,
        message: message ?? null,
        commit: commit ?? null,
        undoes: undoes ?? null,
        versions: [],
      };
      const row = { function: name, version, from: number - 1, to: number };
      change.versions.push({ ...row, restores: restores ?? null, undone: undone.has(number) });
      changes.set(deploy, change);
    }
  }
  return [...changes.values()].sort((a, b) => Number(a.at < b.at) - Number(a.at > b.at));
}

/** The content of a release, from its copy or from that of a later one which restored it; undefined: not kept. */
export function keptContent(
  { kept }: Pick<Lineage, 'kept'>,
  number: number,
): { content: Content; notes: VersionNotes | null } | undefined {
  const copy =
    kept.find((release) => release.number === number) ??
    kept.find(({ release }) => release?.restores === number);
  return copy && { content: contentOf(copy.fn), notes: readNotes(copy.fn, []) };
}

function replay(releases: readonly Release[]): { stack: number[]; undone: Set<number> } {
  const stack: number[] = [];
  const undone = new Set<number>();
  for (const { number, restores } of releases) {
    if (restores === undefined) {
      stack.push(number);
      continue;
    }
    while (stack.length > 0 && stack.at(-1) !== restores) undone.add(stack.pop() as number);
    if (stack.length === 0) stack.push(restores);
  }
  return { stack, undone };
}
