import { Args, Flags } from '@oclif/core';
import { relative } from 'node:path';
import { BaseCommand } from '../cli/command.js';
import { dryRunFlag } from '../cli/flags.js';
import { ask } from '../cli/prompt.js';
import { runtimeFlag, templateFlag } from '../cli/scaffold-flags.js';
import { scaffoldPlanView, scaffoldView } from '../cli/views/scaffold.js';
import { isFunctionName } from '../routing/versions.js';

/** `fnmesh init`: a new app's folder. */
export default class Init extends BaseCommand {
  static override summary = 'Make an app folder with versioned functions, ready to deploy';
  static override description =
    'Without --function the app has one function, named like the app, with its versions v1/ and v2/ beside app.yaml.\n' +
    'With --function (again and again) each function gets a folder of its own. Existing files are never overwritten.';
  static override examples = [
    '<%= config.bin %> init hello-app',
    '<%= config.bin %> init hello-app --runtime node --versions v1,v2,v3',
    '<%= config.bin %> init shop --function cart --function price',
    '<%= config.bin %> init hello-app --template https://example.com/me/function.git#main',
  ];
  static override args = {
    name: Args.string({ description: "the app's name and folder; . is the current folder" }),
  };
  static override flags = {
    runtime: runtimeFlag,
    versions: Flags.string({
      description: 'versions to make, with commas between them (default v1,v2)',
      helpValue: 'v1,v2',
    }),
    function: Flags.string({
      description: 'a function of an app of many; give it again for more',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
    }),
    template: templateFlag,
    git: Flags.boolean({
      description: 'make a git repository with a first commit',
      default: true,
      allowNo: true,
    }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Init);
    const name =
      args.name ??
      (await ask("the app's name", 'fnmesh init hello-app', (answer) =>
        isFunctionName(answer) ? true : 'lower-case letters, digits and dashes, a letter first, 40 at most',
      ));
    const { planInit } = await import('../scaffold/init.js');
    const { applyScaffold } = await import('../scaffold/apply.js');
    const plan = await planInit({
      name,
      cwd: process.cwd(),
      git: flags.git,
      ...(flags.runtime ? { runtime: flags.runtime } : {}),
      ...(flags.versions === undefined ? {} : { versions: flags.versions.split(',') }),
      ...(flags.function ? { functions: flags.function } : {}),
      ...(flags.template === undefined ? {} : { template: flags.template }),
    });
    if (flags['dry-run']) return this.done(plan, () => scaffoldPlanView(plan));
    const result = await applyScaffold(plan, this.emit);
    const folder = relative(process.cwd(), plan.root);
    this.done(result, () =>
      scaffoldView(result, [...(folder ? [`cd ${folder}`] : []), 'fnmesh deploy --all']),
    );
  }
}
