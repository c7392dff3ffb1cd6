import { Args, Flags } from '@oclif/core';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BaseCommand } from '../cli/command.js';
import { dryRunFlag, fnPortFlag, gatewayPortFlag, messageFlag } from '../cli/flags.js';
import { deployView } from '../cli/views/deploy.js';
import { connectIfRunning, connectOrStart, plannedImages, whoAmI } from '../compose.js';
import { askedPorts, unmetPorts } from '../control/ports.js';

/** `fnmesh deploy`: builds what changed and deploys it through the Fn API. */
export default class Deploy extends BaseCommand {
  static override summary = 'Build what changed and deploy it; a new version arrives with no traffic';
  static override description =
    'Without arguments it deploys what the folder one stands in holds: a version, a function, or the whole app.\n' +
    'A failing version does not stop the others; exit code 1. The split is never changed: that is `shift`.';
  static override examples = [
    '<%= config.bin %> deploy --all',
    '<%= config.bin %> deploy cart',
    '<%= config.bin %> deploy cart/v2 price/v2',
    '<%= config.bin %> deploy --all --dry-run',
  ];
  static override args = {
    targets: Args.string({
      description: "FN, FN/v2, 'FN*', or v2 in an app of one function",
      multiple: true,
    }),
  };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'every version of the app', default: false }),
    force: Flags.boolean({ description: 'build although nothing changed', default: false }),
    jobs: Flags.integer({
      char: 'j',
      description: 'how many builds at a time (default: one per core)',
      min: 1,
      helpValue: 'N',
    }),
    message: messageFlag,
    'fn-port': fnPortFlag,
    'gateway-port': gatewayPortFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Deploy);
    const { readProject } = await import('../project/read.js');
    const { chooseVersions } = await import('../project/choose.js');
    const { deploy, planDeploy } = await import('../deploy/deploy.js');
    const project = await readProject(process.cwd(), this.emit);
    for (const name of ['fnmesh.yaml', 'fnmesh.yml']) {
      if (!existsSync(join(project.root, name))) continue;
      this.emit({ type: 'warning', text: `${name} is not read by this fnmesh: it has no settings yet` });
    }
    const { versions, named } = chooseVersions(project, process.cwd(), args.targets ?? [], flags.all);
    const request = {
      project,
      versions,
      named,
      buildsDir: join(project.root, '.fnmesh', 'builds'),
      force: flags.force,
      by: whoAmI(),
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
    };
    if (flags['dry-run']) {
      const target = await connectIfRunning(this.emit);
      if (!target) {
        const text =
          'the embedded server is not running: what it holds is not in this plan (`fnmesh start -d` first)';
        this.emit({ type: 'warning', text });
      }
      const ports = {
        fn: target?.fn ?? null,
        router: target?.router ?? null,
        images: plannedImages(),
        emit: this.emit,
      };
      const plan = await planDeploy(request, ports);
      return this.done(
        plan,
        () => deployView(plan, true, target?.server.gatewayUrl ?? null),
        plan.failed === 0,
      );
    }
    const ports = askedPorts(flags);
    const target = await connectOrStart(ports, this.emit);
    for (const text of unmetPorts(ports, target.server)) this.emit({ type: 'warning', text });
    const result = await deploy(request, { ...target, emit: this.emit });
    this.done(result, () => deployView(result, false, target.server.gatewayUrl), result.failed === 0);
  }
}
