import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { spelledWait, usualWait } from '../cli/wait.js';
import { arrivedView } from '../cli/views/arrival.js';
import { appFlag, dryRunFlag, ifRevisionFlag, messageFlag, targetFlags, waitFlag } from '../cli/flags.js';
import { trafficPlanView } from '../cli/views/traffic.js';
import { undoDeployPlanView, undoDeployView } from '../cli/views/undo-deploy.js';
import { connectForChanges, whoAmI } from '../compose.js';
import { FnmeshError } from '../errors.js';
import { applyTraffic } from '../traffic/apply.js';
import { isDeployNewest } from '../traffic/newest.js';
import { newestChange, planUndo } from '../traffic/undo.js';

/** `fnmesh undo`, alias `rollback`: back to before the newest change not yet undone, a shift or a deploy. */
export default class Undo extends BaseCommand {
  static override aliases = ['rollback'];
  static override summary = 'Undo the newest shift or deploy; again and again, back through the history';
  static override description =
    'A shift: the exact split before it. A deploy that changed versions in place: their image, limits and config before\n' +
    'it, which are kept on their Fn server, so that any machine can do it (the last three of each version).\n' +
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
    ...targetFlags,
    app: appFlag,
    to: Flags.integer({
      description: 'restore the split right after change N',
      helpValue: 'N',
      min: 1,
    }),
    message: messageFlag,
    'if-revision': ifRevisionFlag,
    force: Flags.boolean({ description: 'although a version is not ready', default: false }),
    wait: waitFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Undo, spelledWait(this.argv));
    const app = await appName(flags.app, this.emit);
    const target = await connectForChanges(flags, this.emit);
    const { router } = target;
    const { observe } = await import('../fn/observe.js');
    const { newestDeploy, planUndoDeploy, shownPlan } = await import('../deploy/plan-undo.js');
    // What this settles stands in the history.
    const table = await router.read(app, { settle: !flags['dry-run'] });
    const [changes, observed] = await Promise.all([router.history(app), observe(target.fn, app)]);
    const deploy = flags.to === undefined ? newestDeploy(observed, args.function) : null;
    if (isDeployNewest(deploy, newestChange(changes, args.function))) {
      if (flags['if-revision'] !== undefined) throw newerThan(flags['if-revision'], deploy.deploy);
      const plan = planUndoDeploy(app, observed, table, deploy.deploy);
      if (flags['dry-run']) return this.done(shownPlan(plan), () => undoDeployPlanView(plan));
      const { undoDeploy } = await import('../deploy/undo.js');
      const ports = { ...target, front: undefined, emit: this.emit };
      const result = await undoDeploy(plan, whoAmI(), flags.message, ports);
      return this.done(result, () => undoDeployView(result), result.failed === 0);
    }
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

/** A deploy has no number to compare with. */
function newerThan(revision: number, deploy: string): FnmeshError {
  const message = `--if-revision ${revision}: deploy ${deploy} is newer, and would be undone first`;
  return new FnmeshError('conflict', message, { try: 'fnmesh history, then undo without --if-revision' });
}
