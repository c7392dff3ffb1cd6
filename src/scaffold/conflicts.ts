// What stands in the way of a scaffold plan; asked before anything is written.
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import type { ScaffoldPlan } from './plan.js';

/**
 * What stands in a plan's way, relative to the app's folder: destinations that exist, files where folders are
 * needed, and links among those folders, which could lead anywhere.
 */
export async function conflictsOf(plan: ScaffoldPlan): Promise<string[]> {
  const conflicts = new Set<string>();
  const targets = [...plan.files.map(({ path }) => path), ...plan.moves.map(({ to }) => to)];
  const folders = new Set<string>();
  for (const path of targets) {
    if ((await kindOf(join(plan.root, path))) !== undefined) conflicts.add(path);
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  for (const folder of folders) {
    const kind = await kindOf(join(plan.root, folder));
    if (kind !== undefined && kind !== 'folder') conflicts.add(folder);
  }
  for (const { from, to } of plan.moves) {
    // A folder cannot move into itself: the version's folder is in use for something else.
    if (to.startsWith(`${from}/`)) conflicts.add(from);
  }
  const root = await kindOf(plan.root);
  if (root === 'file') conflicts.add('.');
  return [...conflicts].sort();
}

/** The error `conflict` that lists what stands in the way; nothing was changed. */
export function conflictError(
  plan: ScaffoldPlan,
  conflicts: readonly string[],
  wayOut?: string,
): FnmeshError {
  const listed = conflicts.slice(0, 20).map((path) => `  ${path}`);
  if (conflicts.length > 20) listed.push(`  … and ${conflicts.length - 20} more`);
  return new FnmeshError(
    'conflict',
    `already there in ${plan.root}, and nothing is overwritten:\n${listed.join('\n')}`,
    {
      try: wayOut ?? 'move them away, or choose another name',
    },
  );
}

async function kindOf(path: string): Promise<'folder' | 'link' | 'file' | undefined> {
  try {
    const found = await lstat(path);
    return found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new FnmeshError('failed', messageOf(error), { cause: error });
  }
}
