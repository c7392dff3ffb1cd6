// Carries out a scaffold plan: everything is checked first, nothing is overwritten, a failure is undone.
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import type { Emit } from '../events.js';
import { initRepository } from '../git/repo.js';
import { conflictError, conflictsOf } from './conflicts.js';
import type { PlannedFile, ScaffoldPlan, ScaffoldResult } from './plan.js';

type Undo = () => Promise<unknown>;

/**
 * Carries out a plan. Files are made complete in a temporary folder beside their places and then moved there;
 * when a step fails the ones before it are undone. The first commit comes last and its failure is only noted.
 * @throws FnmeshError `conflict` with everything in the way, `failed` when the disk refuses a step.
 */
export async function applyScaffold(plan: ScaffoldPlan, emit: Emit): Promise<ScaffoldResult> {
  const conflicts = await conflictsOf(plan);
  if (conflicts.length > 0) throw conflictError(plan, conflicts);
  const undos: Undo[] = [];
  let stage: string | undefined;
  try {
    await makeFolder(plan.root, undos);
    stage = await mkdtemp(join(plan.root, '.fnmesh-new-'));
    const staged = await stageFiles(plan, stage);
    for (const { from, to } of plan.moves) {
      await makeFolder(dirname(join(plan.root, to)), undos);
      await rename(join(plan.root, from), join(plan.root, to));
      undos.unshift(() => rename(join(plan.root, to), join(plan.root, from)));
    }
    for (const [index, file] of plan.files.entries()) {
      const path = join(plan.root, file.path);
      await makeFolder(dirname(path), undos);
      await place(staged[index] ?? '', path, file);
      undos.unshift(() => unlink(path));
    }
    await rm(stage, { recursive: true });
  } catch (error) {
    if (stage !== undefined) await rm(stage, { recursive: true, force: true });
    const left = await undoAll(undos);
    throw new FnmeshError(
      'failed',
      `${messageOf(error)}; ${left === '' ? 'everything was undone' : `not undone: ${left}`}`,
      { cause: error },
    );
  }
  const notes = [...plan.notes];
  const committed = await commit(plan, notes);
  for (const text of notes) emit({ type: 'note', text });
  return {
    kind: plan.kind,
    root: plan.root,
    app: plan.app,
    versions: plan.versions,
    moved: plan.moves,
    written: plan.files.map(({ path }) => path),
    committed,
    notes,
  };
}

async function stageFiles(plan: ScaffoldPlan, stage: string): Promise<string[]> {
  const staged: string[] = [];
  for (const [index, file] of plan.files.entries()) {
    const path = join(stage, String(index));
    if ('content' in file) await writeFile(path, file.content);
    else if ('base64' in file) await writeFile(path, Buffer.from(file.base64, 'base64'));
    else if ('copyOf' in file) await copyFile(file.copyOf, path, constants.COPYFILE_FICLONE);
    else await symlink(file.linkTo, path);
    if (!('linkTo' in file)) await chmod(path, file.mode | 0o200);
    staged.push(path);
  }
  return staged;
}

// A hard link, unlike a rename, never replaces what is there; not every file system has them.
async function place(staged: string, path: string, file: PlannedFile): Promise<void> {
  if ('linkTo' in file) return symlink(file.linkTo, path);
  try {
    await link(staged, path);
  } catch (error) {
    if (
      !['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      )
    )
      throw error;
    await copyFile(staged, path, constants.COPYFILE_EXCL);
  }
}

async function makeFolder(dir: string, undos: Undo[]): Promise<void> {
  const first = await mkdir(dir, { recursive: true });
  if (first === undefined) return;
  // Undone one folder at a time and only while empty: what somebody else put there meanwhile stays.
  for (let made = first; ; made = join(made, dir.slice(made.length + 1).split('/')[0] ?? '')) {
    const folder = made;
    undos.unshift(() => rmdir(folder));
    if (folder === dir) return;
  }
}

async function undoAll(undos: readonly Undo[]): Promise<string> {
  const left: string[] = [];
  for (const undo of undos) await undo().catch((error: unknown) => left.push(messageOf(error)));
  return left.join('; ');
}

async function commit(plan: ScaffoldPlan, notes: string[]): Promise<boolean> {
  if (plan.commit === null) return false;
  try {
    const identity = await initRepository(
      plan.root,
      plan.files.map(({ path }) => path),
      plan.commit,
    );
    if (identity === 'fnmesh') {
      notes.push(
        'git knows no user.name and user.email: the first commit is by fnmesh (git commit --amend --reset-author changes that)',
      );
    }
    return true;
  } catch (error) {
    notes.push(`the files are there, but not committed: ${messageOf(error)}`);
    return false;
  }
}
