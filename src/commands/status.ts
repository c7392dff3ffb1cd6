import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { appFlag, targetFlags } from '../cli/flags.js';
import { statusApp } from '../cli/app.js';
import { statusView } from '../cli/views/status.js';
import { watch } from '../cli/watch.js';
import { connectIfRunning } from '../compose.js';
import { readStatus } from '../inspect/read-status.js';
import { routeOf } from '../inspect/route-of.js';

/** `fnmesh status`: what is deployed, who gets how much, and how it does. */
export default class Status extends BaseCommand {
  static override summary = 'Show apps, functions, versions, weights, addresses and how they do';
  static override description =
    'In an app folder that app, elsewhere all apps (of a real Fn server those that the gateway routes). Requests, errors and p95 count since the server started.';
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status cart -w',
    '<%= config.bin %> status --json',
  ];
  static override args = { function: Args.string({ description: 'only this function' }) };
  static override flags = {
    ...targetFlags,
    app: appFlag,
    watch: Flags.boolean({
      char: 'w',
      description: 'show it anew every second until Ctrl-C',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Status);
    const app = await statusApp(flags.app, this.emit);
    const show = async (): Promise<void> => {
      const target = await connectIfRunning(flags, this.emit);
      const apps = target ? await readStatus(target, app) : [];
      if (args.function !== undefined && target) {
        const only = args.function;
        for (const each of apps) each.functions = each.functions.filter((fn) => fn.function === only);
        if (app !== undefined && apps.every(({ functions }) => functions.length === 0))
          routeOf(await target.router.read(app), only);
      }
      const server = target?.server ?? null;
      const { fn = null } = target?.chosen ?? {};
      const elsewhere = target === null || target.embedded || fn?.kind !== 'server' ? undefined : fn.api;
      const where = elsewhere && `${elsewhere.value} (${elsewhere.from})`;
      this.done({ server, fnServer: elsewhere ?? null, apps }, () => statusView(server, apps, where));
    };
    await (flags.watch ? watch(show) : show());
  }
}
