// The directory in which a function process makes its socket, and how we see that it is there.
import { lstatSync, mkdtempSync, readlinkSync, rmSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/** The name by which a process says that it listens (Fn's container contract, docs/fn/develop/fn-format.md). */
export const LISTENER = 'lsnr.sock';

/** The longest path of a unix socket, in bytes: sun_path without its final zero. */
const LONGEST_PATH = process.platform === 'darwin' ? 103 : 107;
/** The longest private name that a known FDK binds next to the listener (Ruby's). */
const LONGEST_NAME = 'lsnr.sock.private';
/** File events can be lost or late (macOS coalesces them); a look every so many milliseconds makes up for it. */
const LOOK_EVERY_MS = 20;

/** Makes a fresh directory that only the user can enter, short enough for a socket's path. */
export function makeSocketDir(): string {
  const prefix = 'fnmesh-';
  const fits = join(tmpdir(), `${prefix}XXXXXX`, LONGEST_NAME).length <= LONGEST_PATH;
  return mkdtempSync(join(fits ? tmpdir() : '/tmp', prefix));
}

/** Whether a path is one that `makeSocketDir` made, as far as its name tells. */
export function isSocketDir(path: string): boolean {
  return /^fnmesh-[A-Za-z0-9]{6}$/.test(basename(path)) && [tmpdir(), '/tmp'].includes(dirname(path));
}

/** Removes the directory with what is in it; a failure is ignored, since nothing depends on it. */
export function removeSocketDir(dir: string): void {
  try {
    // At once: a server that ends does not wait for what goes on behind the scenes.
    rmSync(dir, { recursive: true, force: true });
  } catch {
    return;
  }
}

/**
 * Whether the listener is there: `absent`, `ready`, or `stray` when it is not a link to a socket in the same
 * directory (fnproject/fn 0.3.753, api/agent/agent.go checks the same).
 */
export function lookForListener(dir: string): 'absent' | 'ready' | 'stray' {
  const listener = join(dir, LISTENER);
  const entry = lstatSync(listener, { throwIfNoEntry: false });
  if (!entry) return 'absent';
  if (entry.isSocket()) return 'ready';
  if (!entry.isSymbolicLink()) return 'stray';
  try {
    const target = resolve(dir, readlinkSync(listener));
    return dirname(target) === dir && lstatSync(target).isSocket() ? 'ready' : 'stray';
  } catch {
    return 'stray'; // The link leads nowhere.
  }
}

/**
 * Calls back when the listener may have appeared in the directory: after each change in it, and from time to time.
 * @returns Ends the watch.
 */
export function watchSocketDir(dir: string, look: () => void): () => void {
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dir, { persistent: false }, look);
    // Out of watches, or the directory is gone: the timer still looks.
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    watcher?.close();
    clearInterval(timer);
  };
}
