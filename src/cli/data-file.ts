import { readFile } from 'node:fs/promises';
import { FnmeshError, messageOf } from '../errors.js';

/** The file behind `-d @FILE`. @throws FnmeshError `usage` when it cannot be read. */
export async function readDataFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new FnmeshError('usage', `-d @${path}: ${messageOf(error)}`, { try: `-d 'text'`, cause: error });
  }
}
