import { Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, targetFlags } from '../cli/flags.js';
import { clusterOnly, connect } from '../compose.js';

/** `fnmesh forward`: the cluster's gateway on this machine. */
export default class Forward extends BaseCommand {
  static override summary = "Bring a cluster's gateway to this machine, until Ctrl-C";
  static override description =
    "Connections to 127.0.0.1 go to a ready Pod of the gateway, by the API server's port-forward. The Host header still\n" +
    'says which functions are meant.';
  static override examples = [
    '<%= config.bin %> forward --target prod',
    '<%= config.bin %> forward --target prod --port 9000',
  ];
  static override flags = {
    ...targetFlags,
    app: appFlag,
    port: Flags.integer({
      char: 'p',
      description: 'the port on this machine; 0 = any',
      default: 8082,
      min: 0,
      max: 65_535,
      helpValue: 'PORT',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Forward);
    const app = await appName(flags.app, this.emit);
    const place = clusterOnly(await connect(flags, this.emit), 'forward');
    const forward = await place.forward(app, flags.port, this.emit);
    const { url, host, pods, what } = forward;
    const curl = `curl -H 'Host: ${host}' ${url}/`;
    this.done({ url, host, pods }, () => `${what} is at ${url}\n${curl}`);
    const stopped = new Promise<void>((resolve) => {
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
    });
    await stopped;
    await forward.close();
    place.close();
  }
}
