import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { gatewayPortFlag, fnPortFlag } from '../cli/flags.js';
import { stateDir } from '../control/home.js';
import { askedPorts } from '../control/ports.js';
import { findServer, startServer } from '../control/start.js';

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
    if (running) {
      this.done(
        { ...running, started: false },
        () => `already running: Fn API ${running.fnUrl}, gateway ${running.gatewayUrl}`,
      );
    } else if (flags.detach) {
      const info = await startServer(home, ports, this.emit);
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
}
