// Writes rendered files into a folder, and replaces there only what fnmesh wrote.
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FnmeshError, messageOf } from '../../errors.js';
import { MARKER, type RenderedFile } from './files.js';

/** What became of a file. */
export type WrittenFile = { path: string; state: 'created' | 'changed' | 'unchanged' };

/**
 * Makes the folder if need be. Each file is replaced in one step, and none before all may be.
 * @param folder Absolute.
 * @throws FnmeshError `conflict` when a file of that name is not fnmesh's; `failed` when the folder cannot be written to.
 */
export async function writeFiles(folder: string, files: readonly RenderedFile[]): Promise<WrittenFile[]> {
  try {
    await mkdir(folder, { recursive: true });
    const plan = await Promise.all(
      files.map(async (file) => ({ ...file, there: await ownText(join(folder, file.path)) })),
    );
    const written: WrittenFile[] = [];
    for (const { path, text, there } of plan) {
      if (there !== text) await replace(join(folder, path), text);
      written.push({ path, state: there === null ? 'created' : there === text ? 'unchanged' : 'changed' });
    }
    return written;
  } catch (error) {
    if (error instanceof FnmeshError) throw error;
    throw new FnmeshError('failed', `${folder} cannot be written to: ${messageOf(error)}`, {
      try: `ls -ld ${folder}`,
      cause: error,
    });
  }
}

/** null: there is no such file. */
async function ownText(file: string): Promise<string | null> {
  const stat = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (stat === null) return null;
  const text = stat.isFile() ? await readFile(file, 'utf8') : '';
  if (text.startsWith(MARKER)) return text;
  throw new FnmeshError('conflict', `${file} was not written by fnmesh; nothing was written`, {
    try: 'another folder: fnmesh render -o DIR',
  });
}

async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
