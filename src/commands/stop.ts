import { BaseCommand } from '../cli/command.js';
import { ControlClient } from '../control/client.js';
import { controlSocket, stateDir } from '../control/home.js';
import { findServer, serverEnded } from '../control/start.js';
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
    if (!(await serverEnded(home, info === 'foreign' ? null : info.pid, PATIENCE_MS))) {
      throw new FnmeshError('not_ready', 'the embedded server still answers calls', { try: 'fnmesh status' });
    }
    this.done({ stopped: true }, () => 'stopped');
  }
}
