import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { gatewayPortFlag, fnPortFlag } from '../cli/flags.js';
import { canPrompt, confirm } from '../cli/prompt.js';
import { ControlClient } from '../control/client.js';
import { controlSocket, stateDir } from '../control/home.js';
import { askedPorts, unmetPorts } from '../control/ports.js';
import type { ServerInfo } from '../control/protocol.js';
import { ensureServer, findServer, serverEnded } from '../control/start.js';
import { isOlder, ownVersion } from '../control/version.js';

/** How long a restart waits for calls under way, in milliseconds. */
const RESTART_MS = 310_000;

/** `fnmesh start`: the embedded server, in the foreground or detached. */
export default class Start extends BaseCommand {
  static override summary = 'Start the embedded Fn server and gateway';
  static override description =
    'Runs in the foreground until Ctrl-C; -d leaves it running in the background. `fnmesh deploy` starts it by itself.\n' +
    'Functions run as plain processes with your rights. Both ports listen on 127.0.0.1 only.';
  static override examples = [
    '<%= config.bin %> start',
    '<%= config.bin %> start -d --fn-port 9080 --gateway-port 9082',
  ];
  static override flags = {
    detach: Flags.boolean({ char: 'd', description: 'leave it running in the background', default: false }),
    'fn-port': fnPortFlag,
    'gateway-port': gatewayPortFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Start);
    const home = stateDir();
    const ports = askedPorts(flags);
    const running = await findServer(home);
    if (running && !running.stopping && !(await this.#replaces(running, home))) {
      for (const text of unmetPorts(ports, running)) this.emit({ type: 'warning', text });
      const text = `already running: Fn API ${running.fnUrl}, gateway ${running.gatewayUrl}`;
      return this.done({ ...running, started: false }, () => text);
    }
    if (flags.detach) {
      const info = await ensureServer(home, ports, this.emit);
      this.done({ ...info, started: true }, () => '');
    } else {
      const { serve } = await import('../server/serve.js');
      const { info, closed } = await serve({ home, ports });
      for (const text of info.warnings) this.emit({ type: 'warning', text });
      this.done(
        { ...info, started: true },
        () => `Fn API ${info.fnUrl}\ngateway ${info.gatewayUrl}\nCtrl-C ends it`,
      );
      await closed;
    }
  }

  /** Offers to end a server of an older fnmesh; true when it has ended. */
  async #replaces(running: ServerInfo, home: string): Promise<boolean> {
    if (!isOlder(running.version, ownVersion()) || !canPrompt()) return false;
    const question = `The running server is fnmesh ${running.version}, this is ${ownVersion()}. Restart it?`;
    if (!(await confirm(question, false, this.line))) return false;
    await new ControlClient(controlSocket(home)).call<'stop'>('POST /stop');
    return serverEnded(home, running.pid, RESTART_MS);
  }
}
