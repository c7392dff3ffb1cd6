// The snapshot: the whole state in one JSON file, replaced atomically.
import { createHash } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FORMAT, moveIntoPlace, PRIVATE, snapshotName } from './files.js';

/** One document with its place. */
export type Entry = readonly [collection: string, id: string, document: object];

// The documents written between two breaths of the event loop.
const SLICE = 100;
const FOOTER = ',\n"sha256":"';

/**
 * Writes a generation's snapshot: a temporary file, synced, renamed, and the folder synced. Requests are served
 * meanwhile; `entries` must not change. On failure nothing of it remains.
 * @returns its length in bytes.
 */
export async function writeSnapshot(
  dir: string,
  generation: number,
  entries: readonly Entry[],
): Promise<number> {
  const name = snapshotName(generation);
  const temporary = `${name}.tmp`;
  const hash = createHash('sha256');
  let length = 0;
  try {
    const handle = await open(join(dir, temporary), 'w', PRIVATE);
    try {
      const write = async (text: string) => {
        hash.update(text);
        const bytes = Buffer.from(text);
        await handle.writeFile(bytes);
        length += bytes.length;
      };
      await write(`{"format":${FORMAT},"generation":${generation},"documents":[`);
      for (let at = 0; at < entries.length; at += SLICE) {
        const slice = entries.slice(at, at + SLICE).map((entry) => `\n${JSON.stringify(entry)}`);
        await write((at === 0 ? '' : ',') + slice.join(','));
      }
      await write('\n]');
      await write(`${FOOTER}${hash.copy().digest('hex')}"}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await moveIntoPlace(dir, temporary, name);
  } catch (error) {
    await rm(join(dir, temporary), { force: true }).catch(() => undefined);
    throw error;
  }
  return length;
}

/** The documents of a snapshot file and its length; undefined when it is damaged. */
export async function readSnapshot(path: string): Promise<{ entries: Entry[]; bytes: number } | undefined> {
  const bytes = await readFile(path);
  const footer = bytes.lastIndexOf(FOOTER);
  if (footer < 0) return undefined;
  const sum = createHash('sha256').update(bytes.subarray(0, footer)).digest('hex');
  if (bytes.toString('latin1', footer + FOOTER.length) !== `${sum}"}\n`) return undefined;
  const { documents } = JSON.parse(bytes.toString('utf8')) as { documents: Entry[] };
  return { entries: documents, bytes: bytes.length };
}
