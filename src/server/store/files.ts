// The store's files: their names, who may read them, and how they reach the disk.
import { chmod, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot } from '../../control/home.js';

/** The layout this version writes, and the newest it reads. */
export const FORMAT = 1;

/** A file's mode: its owner's only. */
export const PRIVATE = 0o600;

/** A snapshot or a journal; generations rise. */
export type StoreFile = { kind: 'snapshot' | 'journal'; generation: number; name: string };

const UNFINISHED = /^snapshot-\d+\.json\.tmp$/;
const NAME = /^(?:(snapshot)-(\d+)\.json|(journal)-(\d+)\.ndjson)$/;

/** The name of a generation's snapshot: the whole state when that generation began. */
export function snapshotName(generation: number): string {
  return `snapshot-${generation}.json`;
}

/** The name of a generation's journal: what changed since its snapshot. */
export function journalName(generation: number): string {
  return `journal-${generation}.ndjson`;
}

/** The store's files in a folder, lowest generation first; none when there is no such folder. */
export async function storeFiles(dir: string): Promise<StoreFile[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw cannot('read', dir, error);
  });
  return names
    .flatMap((name): StoreFile[] => {
      const [, snapshot, s, , j] = NAME.exec(name) ?? [];
      if (s === undefined && j === undefined) return [];
      return [{ kind: snapshot === undefined ? 'journal' : 'snapshot', generation: Number(s ?? j), name }];
    })
    .sort((a, b) => a.generation - b.generation);
}

/** Makes the folder, its owner's only, and removes what an interrupted write left. */
export async function prepareFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await chmod(dir, 0o700);
    for (const name of await readdir(dir))
      if (UNFINISHED.test(name)) await rm(join(dir, name), { force: true });
  } catch (error) {
    throw cannot('write to', dir, error);
  }
}

/** Makes names in a folder durable: without it a file made or renamed may be gone after a power cut. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts a finished temporary file in its place. */
export async function moveIntoPlace(dir: string, temporary: string, name: string): Promise<void> {
  await rename(join(dir, temporary), join(dir, name));
  await syncFolder(dir);
}
