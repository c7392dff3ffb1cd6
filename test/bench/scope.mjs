// What a row group makes and must not leave behind: temporary folders, processes, servers.
import { spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';

/** How long a process may take to end after SIGTERM, in milliseconds. */
const END_MS = 2000;

/** Undoes everything in the reverse order, however the group ended. */
export class Scope {
  #steps = [];
  #closed;

  /** Has `step` called at the end; what it throws is ignored, so that the others are called too. */
  defer(step) {
    this.#steps.push(step);
  }

  /** A fresh folder, short enough for unix sockets, and gone at the end. */
  tempDir() {
    const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fnmesh-bench-')));
    this.defer(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    return dir;
  }

  /** Starts a process that is ended with the scope, or earlier by `end(child)`. */
  start(command, args, options = {}) {
    const child = spawn(command, args, { stdio: 'ignore', ...options });
    child.on('error', () => {}); // Whoever needs it finds that it does not listen.
    this.defer(() => end(child));
    return child;
  }

  /** A second call waits for the same end: an interrupted group closes its scope too. */
  close() {
    return (this.#closed ??= this.#undo());
  }

  async #undo() {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        process.stderr.write(`cleaning up: ${error.message}\n`);
      }
    }
  }
}

/** Ends a process that we started: kindly, then by force. Resolves when it has ended. */
export function end(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve();
  return new Promise((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), END_MS);
    child.once('exit', () => {
      clearTimeout(force);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
