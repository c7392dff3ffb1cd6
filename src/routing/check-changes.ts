// What must hold for the changes to a split before any weight is computed.
import { FnmeshError } from '../errors.js';
import { formatChange } from './changes.js';
import { nearest } from './near.js';
import { versionsOf } from './versions.js';
import type { WeightChange } from './changes.js';
import type { Split } from './route.js';

/** Makes the `fnmesh shift` command line of some words. */
export type Command = (words: readonly string[]) => string;

/** @throws FnmeshError `not_found` when the split has no such version, with the nearest names, and the command if it is clear. */
export function checkKnown(before: Split, change: WeightChange, prefix: string, command: Command): void {
  if (Object.hasOwn(before, change.version)) return;
  const known = versionsOf(before);
  const near = nearest(change.version, known);
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${known.join(', ')}`;
  // v9 is as near to v1 as to v2, and of a function's only version nothing can be taken: no command is guessed then.
  const version = near.length === 1 && known.length > 1 ? near[0] : undefined;
  throw new FnmeshError('not_found', `${prefix}${change.version}: no such version; ${hint}`, {
    try: version === undefined ? 'fnmesh status' : command([formatChange({ ...change, version })]),
  });
}

/** @throws FnmeshError `usage` when a version is named twice, or two are to take the rest. */
export function checkOnce(changes: readonly WeightChange[], command: Command): void {
  const isRepeat = (change: WeightChange, index: number) =>
    changes.findIndex(
      ({ version, to }) => version === change.version || (to.kind === 'rest' && change.to.kind === 'rest'),
    ) < index;
  const repeat = changes.find(isRepeat);
  if (!repeat) return;
  const problem = changes.some((change) => change !== repeat && change.version === repeat.version)
    ? `${repeat.version} is named twice`
    : 'only one version can take the rest';
  throw new FnmeshError('usage', `${changes.map(formatChange).join(' ')}: ${problem}`, {
    try: command(changes.filter((change, index) => !isRepeat(change, index)).map(formatChange)),
  });
}
