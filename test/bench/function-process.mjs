// Function processes as the embedded server starts them, without the server.
import { chmodSync, existsSync, watch } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { environment } from '../../dist/server/functions/environment.js';

const LISTENER = 'lsnr.sock';

/** Stands for the app and fn of a process that belongs to none. */
const APP = { id: 'app', name: 'bench', config: {} };
const FN = { id: 'fn', name: 'bench', memory: 128, config: {} };

/**
 * Starts a build's program with the environment that the server gives it; what it writes is dropped.
 * @returns its process, its socket, and the milliseconds from its start until it listens.
 */
export function startFunction(scope, { dir, command }) {
  const socketDir = scope.tempDir();
  chmodSync(socketDir, 0o755);
  const socket = join(socketDir, LISTENER);
  const [program, ...args] = command;
  return new Promise((resolve, reject) => {
    const watcher = watch(socketDir, () => {
      if (!existsSync(socket)) return;
      const ms = performance.now() - started;
      watcher.close();
      resolve({ child, socket, ms });
    });
    const started = performance.now();
    const child = scope.start(program, args, { cwd: dir, env: environment(APP, FN, socketDir) });
    child.once('error', reject);
    child.once('exit', (code) => {
      watcher.close();
      reject(new Error(`${command.join(' ')} ended with ${code} before it listened`));
    });
  });
}
