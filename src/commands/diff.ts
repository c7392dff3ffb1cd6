import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { buildFlags } from '../cli/deploy-flags.js';
import { targetFlags } from '../cli/flags.js';
import { deployView } from '../cli/views/deploy.js';
import { planFor } from '../compose-deploy.js';
import { isDrift } from '../deploy/outcome.js';

/** `fnmesh diff`: what deploy would change; exit code 4 when that is anything. */
export default class Diff extends BaseCommand {
  static override summary = 'Show what deploy would change; exit code 4 when that is anything';
  static override description =
    'The folder against the Fn server, field by field. Nothing is built or written. For CI jobs that look for drift.';
  static override examples = [
    '<%= config.bin %> diff',
    '<%= config.bin %> diff cart --json',
    '<%= config.bin %> diff --target prod || echo "prod differs"',
  ];
  static override args = {
    targets: Args.string({
      description: "FN, FN/v2, 'FN*', or v2 in an app of one function",
      multiple: true,
    }),
  };
  static override flags = { ...targetFlags, ...buildFlags };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Diff);
    const { plan, gateway } = await planFor(flags, args.targets ?? [], this.emit);
    for (const hint of plan.next) hint.command = this.carried(hint.command);
    const drift = isDrift(plan);
    this.done(
      { drift, ...plan },
      () => deployView(plan, true, gateway),
      !drift && plan.failed === 0,
      plan.failed > 0 ? 1 : 4,
    );
  }
}
