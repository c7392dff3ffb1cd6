// What a build is made of, as one hash: equal hashes mean that nothing has to be built.
import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import type { Leave } from './files.js';
import { filesOf } from './files.js';

// Larger files are read in pieces; smaller ones at once and synchronously, which for the thousands of small
// files of a large app takes a fifth of the time.
const SMALL = 1 << 20;

/** Digests folders, each once in its lifetime, however many versions depend on it. */
export class FolderDigests {
  readonly #known = new Map<string, Promise<string>>();

  /**
   * Hex sha-256 over the names, execute bits and contents of a folder's files.
   * @throws FnmeshError `config` when a file cannot be read.
   */
  digest(dir: string, leave: Leave = {}): Promise<string> {
    const key = JSON.stringify([dir, leave]);
    let digest = this.#known.get(key);
    if (digest === undefined) this.#known.set(key, (digest = digestFolder(dir, leave)));
    return digest;
  }
}

/** Everything that a build depends on. */
export type BuildInputs = {
  dir: string;
  leave: Leave;
  /** Absolute paths of further folders. */
  extra: readonly string[];
  /** Toolchain and settings, in a fixed order. */
  settings: readonly string[];
};

/** Hex sha-256 over all inputs of a build. The place of the app's folder does not count: it may be moved. */
export async function hashOf(inputs: BuildInputs, digests: FolderDigests): Promise<string> {
  const parts: unknown[] = [inputs.settings, await digests.digest(inputs.dir, inputs.leave)];
  const { envFiles } = inputs.leave;
  const leave = { foldersWith: ['go.mod'], ...(envFiles && { envFiles }) };
  for (const dir of inputs.extra) {
    parts.push([relative(inputs.dir, dir), await digests.digest(dir, leave)]);
  }
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function digestFolder(dir: string, leave: Leave): Promise<string> {
  const hash = createHash('sha256');
  for (const file of filesOf(dir, leave)) {
    try {
      if (file.size <= SMALL) {
        const content = hashed(file.path, readFileSync(file.absolute));
        entry(hash, file.path, file.executable, content.length);
        hash.update(content);
      } else {
        // Its size may change while it is read, so it goes in by its digest, under a size no file has.
        entry(hash, file.path, file.executable, -1);
        hash.update(await digestLarge(file.absolute));
      }
    } catch (error) {
      throw new FnmeshError('config', `cannot read ${file.absolute}: ${messageOf(error)}`, { cause: error });
    }
  }
  return hash.digest('hex');
}

/** func.yaml's version names what is built and is no part of it: to raise it, or to have one at all, is no change. */
function hashed(path: string, content: Buffer): Buffer {
  // With the line end before it, so that nothing is left of a line that was put in.
  if (/^func\.ya?ml$/.test(path))
    return Buffer.from(content.toString('latin1').replace(/\n?^version:[^\n]*/m, ''), 'latin1');
  return path === 'func.json' ? withoutVersion(content) : content;
}

function withoutVersion(content: Buffer): Buffer {
  try {
    const all = JSON.parse(content.toString()) as Record<string, unknown>;
    return Buffer.from(JSON.stringify({ ...all, version: undefined }));
  } catch {
    return content;
  }
}

/** Lengths stand before what they measure, so that no two different folders give the same bytes. */
function entry(hash: Hash, path: string, executable: boolean, size: number): void {
  hash.update(`${JSON.stringify(path)}${executable ? 'x' : '-'}${size}\n`);
}

async function digestLarge(path: string): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest();
}
