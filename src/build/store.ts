// What lies in `.fnmesh/builds`: one folder per build, complete once its marker is there, and never changed then.
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Made } from './build.js';
import { abandoned } from './lock.js';

/** The last file that a build writes. A folder without it was interrupted. */
export const MARKER = '.fnmesh-build.json';

/**
 * What the marker says. The command is relative to the folder, so that an app may be moved; `node` stands for the
 * Node.js that runs fnmesh.
 */
export type Marker = Made & { hash: string; function: string; version: string; language: string };

/** The marker of a complete build, or undefined. */
export function readMarker(buildsDir: string, hash: string): Marker | undefined {
  try {
    return JSON.parse(readFileSync(join(buildsDir, hash, MARKER), 'utf8')) as Marker;
  } catch {
    return undefined;
  }
}

/**
 * The marker of a complete build that is about to be deployed once more, or undefined. From here on the build counts
 * as new: whoever prunes builds cannot yet see it in use.
 */
export function reuse(buildsDir: string, hash: string): Marker | undefined {
  try {
    const now = new Date();
    utimesSync(join(buildsDir, hash, MARKER), now, now);
  } catch {
    // There is none, or it is somebody else's: then it can be run all the same.
  }
  return readMarker(buildsDir, hash);
}

/** Declares a build complete: from here on its folder does not change. */
export function writeMarker(buildsDir: string, marker: Marker): void {
  const path = join(buildsDir, marker.hash, MARKER);
  writeFileSync(`${path}.new`, JSON.stringify(marker));
  renameSync(`${path}.new`, path);
}

/** The hash of the build to use for a hash of inputs: its own, or that of the newest forced build of the same. */
export function currentHash(buildsDir: string, inputs: string): string {
  try {
    const forced = readFileSync(join(buildsDir, `${inputs}.forced`), 'utf8');
    return readMarker(buildsDir, forced) === undefined ? inputs : forced;
  } catch {
    return inputs;
  }
}

/** A hash for one more build of the same inputs. */
export function forcedHash(inputs: string): string {
  return createHash('sha256').update(`${inputs} ${randomUUID()}`).digest('hex');
}

/** Makes a forced build the one that counts for its inputs. */
export function useForced(buildsDir: string, inputs: string, forced: string): void {
  const path = join(buildsDir, `${inputs}.forced`);
  writeFileSync(`${path}.new`, forced);
  renameSync(`${path}.new`, path);
}

/** Declares a build incomplete, as something of it is gone. */
export function removeMarker(buildsDir: string, hash: string): void {
  rmSync(join(buildsDir, hash, MARKER), { force: true });
}

/** Makes the folder of all builds. */
export function makeBuildsDir(buildsDir: string): void {
  mkdirSync(buildsDir, { recursive: true });
}

/** Whether a complete build of the language is there. */
export function anyBuildOf(buildsDir: string, language: string): boolean {
  if (!existsSync(buildsDir)) return false;
  return readdirSync(buildsDir).some((name) => readMarker(buildsDir, name)?.language === language);
}

/** So long after its last use a build is kept in any case, in milliseconds. */
const FRESH_MS = 3_600_000;

/**
 * Removes builds that nothing needs: all but those in use, those made or reused in the last hour (a deploy that is
 * under way, or a server of another FNMESH_HOME, may be about to run them) and the newest `keep` of each version, and
 * the remains of interrupted ones that no process works on.
 * @param inUse Hashes, or their first 12 digits, of what is deployed anywhere.
 * @returns The hashes of what was removed.
 */
export async function pruneBuilds(buildsDir: string, inUse: Iterable<string>, keep = 3): Promise<string[]> {
  const used = new Set([...inUse].map((hash) => hash.slice(0, 12)));
  const entries = readdirSync(buildsDir, { withFileTypes: true });
  const locked = new Set(entries.flatMap(({ name }) => (isHeld(buildsDir, name) ? [name.slice(0, -5)] : [])));
  const kept = new Map<string, number>();
  const removed: string[] = [];
  const folders = entries.filter((entry) => entry.isDirectory() && !locked.has(entry.name));
  for (const { hash, marker, usedAt } of newestFirst(
    buildsDir,
    folders.map(({ name }) => name),
  )) {
    const of = marker && `${marker.function}/${marker.version}`;
    const number = of === undefined ? keep : (kept.get(of) ?? 0);
    if (of !== undefined) kept.set(of, number + 1);
    if (number < keep || used.has(hash.slice(0, 12)) || Date.now() - usedAt < FRESH_MS) continue;
    // Another deploy may have reused it since the folder was listed.
    if (usedAtOf(buildsDir, hash) !== usedAt) continue;
    // The marker first: half a removal must not look like a build.
    await rm(join(buildsDir, hash, MARKER), { force: true });
    await rm(join(buildsDir, hash), { recursive: true, force: true });
    await rm(join(buildsDir, `${hash}.lock`), { force: true });
    removed.push(hash);
  }
  return removed;
}

function isHeld(buildsDir: string, name: string): boolean {
  return name.endsWith('.lock') && !abandoned(join(buildsDir, name));
}

/** `usedAt` in milliseconds since 1970; 0 for what was interrupted. */
type Found = { hash: string; marker: Marker | undefined; usedAt: number };

function newestFirst(buildsDir: string, hashes: string[]): Found[] {
  return hashes
    .filter((hash) => /^[0-9a-f]{64}$/.test(hash))
    .map((hash) => ({ hash, marker: readMarker(buildsDir, hash), usedAt: usedAtOf(buildsDir, hash) }))
    .sort((a, b) => b.usedAt - a.usedAt);
}

function usedAtOf(buildsDir: string, hash: string): number {
  return statSync(join(buildsDir, hash, MARKER), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
