import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, dryRunFlag, ifRevisionFlag, messageFlag } from '../cli/flags.js';
import { trafficPlanView, trafficView } from '../cli/views/traffic.js';
import { connect, whoAmI } from '../compose.js';
import { applyTraffic } from '../traffic/apply.js';
import { planUndo } from '../traffic/undo.js';

/** `fnmesh undo`, alias `rollback`: the exact split before the newest change not yet undone. */
export default class Undo extends BaseCommand {
  static override aliases = ['rollback'];
  static override summary =
    'Restore the exact split before the newest change; again and again, back through the history';
  static override description =
    'An undo is a change of its own and stands in the history. A change of several functions is undone whole.';
  static override examples = [
    '<%= config.bin %> undo',
    '<%= config.bin %> undo cart',
    '<%= config.bin %> undo --to 3 --message "back to the known good"',
  ];
  static override args = {
    function: Args.string({
      description: 'a function of an app of many; default: the newest change of the app',
    }),
  };
  static override flags = {
    app: appFlag,
    to: Flags.integer({ description: 'restore the state right after change N', helpValue: 'N', min: 1 }),
    message: messageFlag,
    'if-revision': ifRevisionFlag,
    force: Flags.boolean({ description: 'although a version is not ready', default: false }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Undo);
    const app = await appName(flags.app, this.emit);
    const { router } = await connect(this.emit);
    const [table, changes] = await Promise.all([router.read(app), router.history(app)]);
    const plan = planUndo(table, changes, {
      function: args.function,
      to: flags.to,
      ifRevision: flags['if-revision'],
    });
    if (flags['dry-run']) return this.done(plan, () => trafficPlanView(plan));
    const options = {
      by: whoAmI(),
      force: flags.force,
      ...(flags.message === undefined ? {} : { message: flags.message }),
    };
    const result = await applyTraffic(plan, router, options, this.emit);
    this.done(result, () => trafficView(result));
  }
}
