import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { spelledWait, usualWait } from '../cli/wait.js';
import { arrivedView } from '../cli/views/arrival.js';
import { appFlag, dryRunFlag, ifRevisionFlag, messageFlag, targetFlags, waitFlag } from '../cli/flags.js';
import { trafficPlanView } from '../cli/views/traffic.js';
import { connect, whoAmI } from '../compose.js';
import { orUnrouted } from '../inspect/unrouted.js';
import { parseShift } from '../routing/parse-shift.js';
import { applyTraffic } from '../traffic/apply.js';
import { planShift } from '../traffic/shift.js';

/** `fnmesh shift`: moves traffic between versions. */
export default class Shift extends BaseCommand {
  static override summary = 'Move traffic between versions, in effect for the next request';
  static override description =
    'What is named gets exactly its share; the other versions keep their proportions over the rest.\n' +
    'Shares are percent with up to two decimals; below 1 the sign is needed (v2=0.5%).';
  static override examples = [
    '<%= config.bin %> shift v2=50',
    '<%= config.bin %> shift v2=+10 --message "looks good"',
    '<%= config.bin %> shift v2=20 v3=20 v1=rest',
    '<%= config.bin %> shift cart v2=10',
    '<%= config.bin %> shift cart/v2=10 price/v2=10',
    "<%= config.bin %> shift 'cart*/v2=10' --dry-run",
    '<%= config.bin %> shift v2=50 --target prod --wait=envoy',
  ];
  static override args = {
    shifts: Args.string({
      description: '[FN] VERSION=SHARE …, where SHARE is 50, 12.5, 0.5%, +10, -10 or rest',
      required: true,
      multiple: true,
    }),
  };
  static override flags = {
    ...targetFlags,
    app: appFlag,
    message: messageFlag,
    'if-revision': ifRevisionFlag,
    force: Flags.boolean({ description: 'although a version is not ready', default: false }),
    wait: waitFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Shift, spelledWait(this.argv));
    const shifts = parseShift(args.shifts);
    const app = await appName(flags.app, this.emit);
    const target = await connect(flags, this.emit);
    const { fn, router } = target;
    const table = await router.read(app, { settle: !flags['dry-run'] });
    const find = () => planShift(table, shifts, { ifRevision: flags['if-revision'] });
    const plan = await orUnrouted(fn, app, args.shifts[0], find);
    if (flags['dry-run']) return this.done(plan, () => trafficPlanView(plan));
    const options = {
      by: whoAmI(),
      force: flags.force,
      ...(flags.message === undefined ? {} : { message: flags.message }),
    };
    const result = await applyTraffic(plan, router, options, this.emit);
    const { awaitArrivals } = await import('../compose-wait.js');
    const arrivals = await awaitArrivals(target, result, flags.wait, usualWait(), this.emit);
    this.done(
      { ...result, arrivals },
      () => arrivedView(result, arrivals),
      arrivals?.every(({ verified }) => verified) ?? true,
      3,
    );
  }
}
