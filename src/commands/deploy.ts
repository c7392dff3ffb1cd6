import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { deployFlags, askedShare } from '../cli/deploy-flags.js';
import { confirm } from '../cli/prompt.js';
import { outputView } from '../cli/views/deploy.js';
import { foreseenView, rolloutView } from '../cli/views/rollout.js';
import { deployFor, outputFor, planFor } from '../compose-deploy.js';
import { isFine, isOnlyUnready } from '../deploy/outcome.js';
import { type DeployResult, labelOf } from '../deploy/result.js';

/** `fnmesh deploy`: builds what changed and deploys it through the Fn API. */
export default class Deploy extends BaseCommand {
  static override summary = 'Build what changed and deploy it; a new version arrives with no traffic';
  static override description =
    'Without arguments it deploys what the folder one stands in holds: a version, a function, or the whole app.\n' +
    'A failing version does not stop the others; exit code 1. The split is never changed: that is `shift`.\n' +
    'To a real Fn server (--target, --api-url, FN_API_URL) images are pushed to FN_REGISTRY: those of Go functions are\n' +
    'made without Docker. What a version was before it is changed in place is kept there, and `undo` brings it back.';
  static override examples = [
    '<%= config.bin %> deploy --all',
    '<%= config.bin %> deploy cart',
    '<%= config.bin %> deploy cart/v2 price/v2',
    '<%= config.bin %> deploy --all --dry-run',
    '<%= config.bin %> deploy cart --as next --shift 5',
    '<%= config.bin %> deploy --all --api-url http://fn.example.com:8080 --registry registry.example.com/team',
    '<%= config.bin %> deploy cart/v2 --image registry.example.com/team/cart:1.4',
    '<%= config.bin %> deploy --all --output oci-layout=./images',
  ];
  static override args = {
    targets: Args.string({
      description: "FN, FN/v2, 'FN*', or v2 in an app of one function",
      multiple: true,
    }),
  };
  static override flags = deployFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Deploy);
    const selectors = args.targets ?? [];
    const asked = { ...flags, share: askedShare(flags) };
    if (flags.output !== undefined) {
      const result = await outputFor(asked, selectors, flags.output, this.emit);
      return this.done(result, () => outputView(result));
    }
    if (flags['dry-run']) {
      const { plan, gateway } = await planFor(asked, selectors, this.emit);
      this.#withPlace(plan);
      return this.done(plan, () => foreseenView(plan, gateway, flags.prune), isFine(plan));
    }
    const { result, gateway } = await deployFor(asked, selectors, {
      emit: this.emit,
      confirm: (doomed) => {
        const question = `Remove ${doomed.map(labelOf).join(', ')}, whose folders are gone?`;
        return confirm(question, flags.yes, this.line);
      },
    });
    this.#withPlace(result);
    const text = (): string => rolloutView(result, gateway, process.cwd());
    this.done(result, text, isFine(result), isOnlyUnready(result) ? 3 : 1);
  }

  /** What to type next acts where this deploy did. */
  #withPlace(result: DeployResult): void {
    for (const hint of result.next) hint.command = this.carried(hint.command);
  }
}
