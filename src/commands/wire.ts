import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, dryRunFlag, messageFlag, targetFlags } from '../cli/flags.js';
import { wireView } from '../cli/views/wire.js';
import { connect, whoAmI } from '../compose.js';

/** `fnmesh wire`: makes the routes before what is deployed. */
export default class Wire extends BaseCommand {
  static override summary =
    'Make the routes before the functions that are deployed; deploy does this by itself';
  static override description =
    'New versions get no traffic, splits stay as they are. Running it twice is safe.';
  static override examples = ['<%= config.bin %> wire', '<%= config.bin %> wire --dry-run'];
  static override flags = { ...targetFlags, app: appFlag, message: messageFlag, 'dry-run': dryRunFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(Wire);
    const app = await appName(flags.app, this.emit);
    const { fn, router, server, locate } = await connect(flags, this.emit);
    const { observe } = await import('../fn/observe.js');
    const { planWire, wire } = await import('../deploy/wire.js');
    const observed = await observe(fn, app);
    const reason = {
      verb: 'wire' as const,
      by: whoAmI(),
      ...(flags.message === undefined ? {} : { message: flags.message }),
    };
    const plan = flags['dry-run']
      ? planWire(app, observed, await router.read(app), locate)
      : await wire(app, observed, router, reason, locate);
    this.done(plan, () => wireView(plan, server.gatewayUrl, flags['dry-run']));
  }
}
