import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { buildFlags } from '../cli/deploy-flags.js';
import { dryRunFlag, fnPortFlag, gatewayPortFlag, messageFlag, targetFlags, yesFlag } from '../cli/flags.js';
import { confirm } from '../cli/prompt.js';
import { readShare } from '../cli/share.js';
import { deployView, outputView, whereText } from '../cli/views/deploy.js';
import { rolloutView } from '../cli/views/rollout.js';
import { trafficView } from '../cli/views/traffic.js';
import { choose, connectOrStart } from '../compose.js';
import { type DeployFlags, imagesFor, planFor, registryImages, requestFor } from '../compose-deploy.js';
import { askedPorts, unmetPorts } from '../control/ports.js';
import type { DeployRequest } from '../deploy/result.js';
import type { Emit } from '../events.js';
import type { Router } from '../router/router.js';
import type { BasisPoints } from '../routing/route.js';
import { applyTraffic, type TrafficResult } from '../traffic/apply.js';
import { planShift } from '../traffic/shift.js';

/** Fn's longest timeout, in milliseconds: no call takes longer. */
const DRAIN_MS = 300_000;

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
  static override flags = {
    ...targetFlags,
    ...buildFlags,
    shift: Flags.string({
      description: 'with --as: the share that the new version then gets, in percent',
      helpValue: 'SHARE',
      dependsOn: ['as'],
    }),
    output: Flags.string({
      description: 'write the images there and deploy nothing: oci-layout=DIR or docker-archive=FILE',
      helpValue: 'KIND=PATH',
      exclusive: ['load', 'image', 'as'],
    }),
    force: Flags.boolean({ description: 'build although nothing changed', default: false }),
    bump: Flags.boolean({
      description: 'then add one to the patch version in func.yaml of what changed',
      default: false,
    }),
    prune: Flags.boolean({
      description: 'remove versions whose folder is gone and that have no traffic; asks',
      default: false,
    }),
    'in-place': Flags.boolean({
      description: 'change also what shares traffic with other versions, on a real Fn server',
      default: false,
    }),
    'allow-older': Flags.boolean({
      description: 'deploy although what is live was made from a newer commit',
      default: false,
    }),
    jobs: Flags.integer({
      char: 'j',
      description: 'how many builds at a time (default: one per core)',
      min: 1,
      helpValue: 'N',
    }),
    message: messageFlag,
    yes: yesFlag,
    'fn-port': fnPortFlag,
    'gateway-port': gatewayPortFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Deploy);
    const selectors = args.targets ?? [];
    const to = flags.shift === undefined ? null : readShare(flags.shift, '--shift');
    if (flags.output !== undefined) return this.#output(flags, selectors, flags.output);
    if (flags['dry-run']) {
      const { plan, target } = await planFor(flags, selectors, this.emit);
      if (!target.embedded) this.emit({ type: 'note', text: whereText(target.chosen) });
      const gateway = target.server?.gatewayUrl ?? null;
      const refused = plan.versions.some((row) => row.refused !== undefined);
      return this.done(
        plan,
        () => deployView(plan, true, gateway, flags.prune),
        plan.failed === 0 && !refused,
      );
    }
    const ports = askedPorts(flags);
    const target = await connectOrStart(flags, ports, this.emit);
    for (const text of unmetPorts(ports, target.server)) this.emit({ type: 'warning', text });
    if (!target.embedded) this.emit({ type: 'note', text: whereText(target.chosen) });
    const request = await requestFor(flags, selectors, target, this.emit);
    const { rollout } = await import('../deploy/rollout.js');
    const images = await imagesFor(target, flags, request, this.emit);
    const result = await rollout(
      request,
      { ...target, images, emit: this.emit },
      {
        ...flags,
        keep: target.chosen.keep?.value ?? null,
        drainMs: DRAIN_MS,
        confirm: (doomed) => {
          const names = doomed.map(({ function: fn, version }) => `${fn}/${version}`).join(', ');
          return confirm(`Remove ${names}, whose folders are gone?`, flags.yes, 'fnmesh deploy --prune');
        },
      },
    );
    const [made] = result.versions;
    const shift =
      to === null || made === undefined || result.failed > 0
        ? null
        : await shiftOne(request, { ...made, to }, target.router, this.emit);
    const text = (): string => {
      const lines = rolloutView(result, target.server.gatewayUrl, process.cwd());
      return shift === null ? lines : `${lines}\n${trafficView(shift)}`;
    };
    const { name, registry } = target.chosen;
    const unready = result.versions.every(({ error }) => error === undefined || error.code === 'not_ready');
    this.done({ ...result, target: name, registry, shift }, text, result.failed === 0, unready ? 3 : 1);
  }

  async #output(flags: DeployFlags, selectors: readonly string[], to: string): Promise<void> {
    const { output, parseOutput } = await import('../deploy/output.js');
    const where = parseOutput(to, process.cwd());
    const chosen = await choose({ ...flags, 'api-url': flags['api-url'] ?? 'http://none' });
    const request = await requestFor(flags, selectors, { chosen }, this.emit);
    const store = await registryImages(chosen, flags, request.commit, this.emit);
    const result = await output(request, where, store, this.emit);
    this.done(result, () => outputView(result));
  }
}

/** Gives the version that was made its share. */
async function shiftOne(
  { project, by, message }: DeployRequest,
  { function: fn, version, to }: { function: string; version: string; to: BasisPoints },
  router: Router,
  emit: Emit,
): Promise<TrafficResult> {
  const table = await router.read(project.app.name);
  const plan = planShift(table, [{ function: fn, version, to: { kind: 'share', points: to } }]);
  return applyTraffic(plan, router, { by, ...(message !== undefined && { message }) }, emit);
}
