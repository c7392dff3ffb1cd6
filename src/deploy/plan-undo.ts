// Which deploy an undo takes back, and what that changes. Pure.
import { FnmeshError } from '../errors.js';
import type { FnChange } from '../fn/model.js';
import type { Observed } from '../fn/observe.js';
import type { VersionNotes } from '../fn/notes.js';
import { contentOf, levelling } from '../fn/releases.js';
import type { RouteTable } from '../router/router.js';
import type { BasisPoints } from '../routing/route.js';
import { keptContent, lineages, type Lineage } from './deploys.js';
import type { FieldChange } from './diff.js';
import { withoutSecrets } from './diff.js';
import { labelOf } from './result.js';

/** What an undo does to one version. */
export type UndoneVersion = {
  function: string;
  version: string;
  fn: string;
  /** The release that is live, and the one whose content comes back. */
  from: number;
  to: number;
  /** What it serves now, in basis points; null: it is in no route. */
  share: BasisPoints | null;
  changes: FieldChange[];
  /** What is sent for the fn. */
  body: FnChange;
  /** What was noted of the release that comes back. */
  notes: VersionNotes;
};

/** What an undo of a deploy will do. `at`: when that deploy was, RFC 3339. */
export type UndoDeployPlan = {
  app: string;
  undoes: string;
  at: string;
  by: string;
  versions: UndoneVersion[];
};

/**
 * The newest deploy not yet undone that changed a version in place; null when there is none. It may be one of which
 * nothing is kept any more: `planUndoDeploy` says so, where else an older change would be undone in its place.
 * @param fn Only deploys that changed this function.
 */
export function newestDeploy(observed: Observed, fn?: string): { deploy: string; at: string } | null {
  const tops = lineages(observed)
    .filter((lineage) => fn === undefined || lineage.function === fn)
    .flatMap(({ releases, stack }) => {
      const number = stack.at(-1) ?? 1;
      if (number === 1) return [];
      const top = releases.find((release) => release.number === number);
      // Of a release that an undo brought back only the number is known.
      return top ?? { deploy: releases.at(-1)!.deploy, at: releases[0]!.at };
    });
  const [first] = tops.sort((a, b) => Number(a.at < b.at) - Number(a.at > b.at));
  return first === undefined ? null : { deploy: first.deploy, at: first.at };
}

/**
 * What an undo of a deploy does: all versions that it changed in place become what they were before. Triggers, routes
 * and the app's config stay.
 * @throws FnmeshError `conflict` when one of them has moved on since, or what it was is not kept any more.
 */
export function planUndoDeploy(
  app: string,
  observed: Observed,
  table: RouteTable,
  deploy: string,
): UndoDeployPlan {
  const all = lineages(observed);
  const part = all.filter(({ releases, stack }) =>
    releases.some(
      (release) => release.deploy === deploy && release.number > 1 && stack.includes(release.number),
    ),
  );
  const release = part.flatMap(({ releases }) => releases.find((each) => each.deploy === deploy) ?? [])[0];
  if (release === undefined) {
    const spent = all.find(({ releases, stack }) => stack.length === 1 && releases.at(-1)?.deploy === deploy);
    if (spent !== undefined && spent.stack[0]! > 1) throw notKept(spent);
    throw new FnmeshError('conflict', `there is nothing left of deploy ${deploy} to undo`, {
      try: 'fnmesh history',
    });
  }
  const { at, by } = release;
  return { app, undoes: deploy, at, by, versions: part.map((lineage) => back(lineage, deploy, table)) };
}

function back(lineage: Lineage, deploy: string, table: RouteTable): UndoneVersion {
  const { function: name, version, live, releases, stack } = lineage;
  const top = releases.find(({ number }) => number === stack.at(-1));
  if (top?.deploy !== deploy) {
    const message = `deploy ${deploy} also changed ${labelOf(lineage)}, which ${top?.by ?? 'somebody'} deployed again since`;
    throw new FnmeshError('conflict', message, { try: `fnmesh undo ${name}` });
  }
  const to = stack.at(-2);
  const found = to === undefined ? undefined : keptContent(lineage, to);
  if (to === undefined || found === undefined) throw notKept(lineage);
  // Somebody else's fn, before it was taken over, had none.
  const notes: VersionNotes = found.notes ?? { function: name, version, hash: '', put: NOTHING_PUT };
  const now = contentOf(live.fn);
  const body = levelling(now, found.content);
  const secrets = [...(live.notes.put.secrets ?? []), ...(notes.put.secrets ?? [])];
  return {
    function: name,
    version,
    fn: live.fn.name,
    from: live.notes.release?.number ?? stack.at(-1)!,
    to,
    share: table.routes.find(({ route }) => route.function === name)?.route.split[version] ?? null,
    changes: withoutSecrets(fieldChanges(now, body), secrets),
    body,
    notes,
  };
}

const NOTHING_PUT = { config: [], annotations: [], limits: [] };

function notKept(lineage: Lineage): FnmeshError {
  const label = labelOf(lineage);
  const message = `what ${label} was before release ${lineage.stack.at(-1)} is not kept any more`;
  const way = { try: `git checkout the files you want, then fnmesh deploy ${label}` };
  return new FnmeshError('conflict', message, way);
}

function fieldChanges(now: ReturnType<typeof contentOf>, body: FnChange): FieldChange[] {
  const flat = (['image', 'memory', 'timeout', 'idle_timeout'] as const).flatMap((field) =>
    body[field] === undefined ? [] : [{ field, from: now[field], to: body[field] }],
  );
  const maps = (['config', 'annotations'] as const).flatMap((name) =>
    Object.entries(body[name] ?? {}).map(([key, to]) => ({
      field: `${name}.${key}`,
      from: Object.hasOwn(now[name], key) ? (now[name][key] ?? null) : null,
      to: to === '' ? null : to,
    })),
  );
  return [...flat, ...maps];
}

/** What of a plan is shown: without what is sent, which holds values of config that are shown nowhere. */
export function shownPlan({ versions, ...plan }: UndoDeployPlan): Omit<UndoDeployPlan, 'versions'> & {
  versions: Omit<UndoneVersion, 'body' | 'notes'>[];
} {
  return { ...plan, versions: versions.map(({ body: _, notes: __, ...version }) => version) };
}
