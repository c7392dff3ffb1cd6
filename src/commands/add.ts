import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { dryRunFlag } from '../cli/flags.js';
import { runtimeFlag, templateFlag } from '../cli/scaffold-flags.js';
import { scaffoldPlanView, scaffoldView } from '../cli/views/scaffold.js';

/** `fnmesh add`: a further version of a function, or a further function. */
export default class Add extends BaseCommand {
  static override summary = 'Add a version of a function, as a copy of its newest, or a function';
  static override description =
    "The copy's fn and trigger get names of their own; comments stay. Existing files are never overwritten. Where a\n" +
    'function has no version folders yet, its files first move unchanged into v1/.';
  static override examples = [
    '<%= config.bin %> add v3',
    '<%= config.bin %> add cart/v3 --from v1',
    '<%= config.bin %> add price --runtime node',
    '<%= config.bin %> add v4 --template ../starter --dry-run',
  ];
  static override args = {
    target: Args.string({ description: 'v3, FN/v3, or the name of a new function', required: true }),
  };
  static override flags = {
    from: Flags.string({ description: 'the version to copy (default: the newest)', helpValue: 'v2' }),
    runtime: runtimeFlag,
    template: templateFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Add);
    const { planAdd } = await import('../scaffold/add.js');
    const { applyScaffold } = await import('../scaffold/apply.js');
    const request = {
      target: args.target,
      cwd: process.cwd(),
      ...(flags.from === undefined ? {} : { from: flags.from }),
      ...(flags.runtime ? { runtime: flags.runtime } : {}),
      ...(flags.template === undefined ? {} : { template: flags.template }),
    };
    const plan = await planAdd(request, this.emit);
    if (flags['dry-run']) return this.done(plan, () => scaffoldPlanView(plan));
    const result = await applyScaffold(plan, this.emit);
    this.done(result, () => scaffoldView(result, [`fnmesh deploy ${result.versions.join(' ')}`]));
  }
}
