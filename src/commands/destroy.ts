import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, dryRunFlag, messageFlag, targetFlags, yesFlag } from '../cli/flags.js';
import { confirm } from '../cli/prompt.js';
import { deployedWord } from '../cli/target-word.js';
import { destroyPlanView, destroyView } from '../cli/views/destroy.js';
import { connect, frontOf, whoAmI } from '../compose.js';
import { FnmeshError } from '../errors.js';

/** Fn's longest timeout, in milliseconds: no call takes longer. */
const DRAIN_MS = 300_000;

/** `fnmesh destroy`: takes versions, functions or the whole app away, routes first. */
export default class Destroy extends BaseCommand {
  static override summary = 'Remove a version, a function, or all of the app from the Fn server';
  static override description =
    'Shows what would go and asks. A single version must have no traffic. For a function or --all the route goes first,\n' +
    'calls under way are answered, then the versions go. The folder and the history stay.';
  static override examples = [
    '<%= config.bin %> destroy cart/v1',
    '<%= config.bin %> destroy cart --yes',
    '<%= config.bin %> destroy --all --dry-run',
  ];
  static override args = {
    target: Args.string({ description: 'FN, FN/v2, or v2 in an app of one function' }),
  };
  static override flags = {
    ...targetFlags,
    app: appFlag,
    all: Flags.boolean({
      char: 'a',
      description: 'everything that fnmesh deployed in the app',
      default: false,
    }),
    yes: yesFlag,
    message: messageFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Destroy);
    if (flags.all === (args.target !== undefined)) {
      const text = flags.all ? `--all and ${args.target} contradict each other` : 'say what to remove';
      throw new FnmeshError('usage', text, { try: 'fnmesh destroy --all --dry-run' });
    }
    const app = await appName(flags.app, this.emit);
    const target = await connect(flags, this.emit);
    const { observe } = await import('../fn/observe.js');
    const { planDestroy, foreseeDestroy, applyDestroy } = await import('../deploy/destroy.js');
    const [observed, table] = await Promise.all([
      observe(target.fn, app),
      target.router.read(app, { settle: !flags['dry-run'] }),
    ]);
    const doom = planDestroy({ app, ...deployedWord(table, args.target, 'destroy') }, observed, table);
    const front = await frontOf(target, app, { pins: 'read' });
    const { steps, ...plan } = await foreseeDestroy(doom, table, front);
    if (flags['dry-run']) return this.done(plan, () => destroyPlanView(plan));
    if (!flags.yes) this.emit({ type: 'note', text: destroyPlanView(plan) });
    else for (const text of plan.front?.warnings ?? []) this.emit({ type: 'warning', text });
    if (!(await confirm('Remove this?', flags.yes, this.line)))
      return this.done({ app, removed: [] }, () => 'nothing was removed');
    const reason = {
      verb: 'destroy' as const,
      by: whoAmI(),
      ...(flags.message === undefined ? {} : { message: flags.message }),
    };
    const ports = { ...target, front, emit: this.emit };
    const result = await applyDestroy({ ...plan, steps }, ports, reason, DRAIN_MS);
    this.done(result, () => destroyView(result));
  }
}
