// Replaces a file's text in one step: who reads it sees the old text or the new one.
import { chmod, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';

/**
 * Writes the new text beside the file and moves it into its place. The mode stays; of a link the file behind it is
 * replaced.
 * @throws FnmeshError `failed` when the folder cannot be written to; the file is then as it was.
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  let temporary: string | undefined;
  try {
    const real = await realpath(file);
    const { mode } = await stat(real);
    temporary = join(dirname(real), `.${basename(real)}.${randomBytes(6).toString('hex')}.tmp`);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temporary, mode & 0o7777);
    await rename(temporary, real);
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true });
    throw new FnmeshError('failed', `${file} cannot be written: ${messageOf(error)}`, {
      try: `ls -ld ${dirname(file)} ${file}`,
      cause: error,
    });
  }
}
