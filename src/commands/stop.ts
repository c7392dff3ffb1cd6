import { existsSync } from 'node:fs';
import { BaseCommand } from '../cli/command.js';
import { ControlClient } from '../control/client.js';
import { controlSocket, lockFile, stateDir } from '../control/home.js';
import { findServer } from '../control/start.js';
import type { ServerInfo } from '../control/protocol.js';
import { FnmeshError } from '../errors.js';

/** How long calls that are under way get: Fn's longest timeout and a little more. */
const PATIENCE_MS = 310_000;

/** `fnmesh stop`: ends the embedded server once the calls under way are answered. */
export default class Stop extends BaseCommand {
  static override summary = 'Stop the embedded server';
  static override description =
    'Calls that are under way are answered first. Apps, functions, routes and history are kept for the next start.';
  static override examples = ['<%= config.bin %> stop'];

  async run(): Promise<void> {
    await this.parse(Stop);
    const home = stateDir();
    // A server of another protocol is stopped all the same: the call to stop never changes.
    const info = await findServer(home).catch((error: unknown) => {
      if (error instanceof FnmeshError && error.code === 'conflict') return 'foreign' as const;
      throw error;
    });
    if (info === null) return this.done({ stopped: false }, () => 'the embedded server is not running');
    await new ControlClient(controlSocket(home)).call<'stop'>('POST /stop');
    const deadline = Date.now() + PATIENCE_MS;
    // The lock goes last: from then on another server may have the folder.
    while (existsSync(lockFile(home)) && isAlive(info)) {
      if (Date.now() > deadline) {
        throw new FnmeshError('not_ready', 'the embedded server still answers calls', {
          try: 'fnmesh status',
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.done({ stopped: true }, () => 'stopped');
  }
}

/** A server that is killed while it ends leaves its lock behind. */
function isAlive(info: ServerInfo | 'foreign'): boolean {
  if (info === 'foreign') return true;
  try {
    process.kill(info.pid, 0);
    return true;
  } catch {
    return false;
  }
}
