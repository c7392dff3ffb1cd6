import { Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, dryRunFlag, messageFlag, targetFlags } from '../cli/flags.js';
import { wireView } from '../cli/views/wire.js';
import { connect, frontOf, gatewayOf, whoAmI } from '../compose.js';

/** `fnmesh wire`: makes the routes before what is deployed. */
export default class Wire extends BaseCommand {
  static override summary =
    'Make the routes before the functions that are deployed; deploy does this by itself';
  static override description =
    'New versions get no traffic, splits stay as they are. Running it twice is safe. On a cluster it makes the proxies\n' +
    'and Services too, waits until they are ready, and removes what no route needs once that has drained.';
  static override examples = [
    '<%= config.bin %> wire',
    '<%= config.bin %> wire --dry-run',
    '<%= config.bin %> wire --target prod',
  ];
  static override flags = {
    ...targetFlags,
    app: appFlag,
    message: messageFlag,
    'allow-gap': Flags.boolean({
      description: 'on a cluster: switch between istio and gateway-api although requests fail meanwhile',
      default: false,
    }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Wire);
    const app = await appName(flags.app, this.emit);
    const target = await connect(flags, this.emit);
    const { fn, router } = target;
    const { observe } = await import('../fn/observe.js');
    const { planWire, wire } = await import('../deploy/wire.js');
    const front = await frontOf(target, app, { allowGap: flags['allow-gap'] });
    const ports = { ...target, front, emit: this.emit };
    const observed = await observe(fn, app);
    const reason = {
      verb: 'wire' as const,
      by: whoAmI(),
      ...(flags.message === undefined ? {} : { message: flags.message }),
    };
    const plan = flags['dry-run']
      ? await planWire(app, observed, await router.read(app, { salvage: true }), ports)
      : await wire(app, observed, ports, reason);
    const gateway = await gatewayOf(target, app).catch(() => null);
    this.done(plan, () => wireView(plan, gateway, flags['dry-run']));
  }
}
