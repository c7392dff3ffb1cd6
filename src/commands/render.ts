import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { targetFlags } from '../cli/flags.js';
import { renderView } from '../cli/views/render.js';
import { renderFor } from '../compose-render.js';
import { FnmeshError } from '../errors.js';

/** `fnmesh render`: what deploy would apply to a cluster, as files. */
export default class Render extends BaseCommand {
  static override summary =
    'Print what deploy would apply to a cluster, or write it to files for a GitOps tool';
  static override description =
    'From the folder one stands in. Workloads and routes come in files of their own; the weights are those that the\n' +
    "cluster has now, for a new function those of a first deploy. The routes' file says how Argo CD and Flux are kept\n" +
    'from undoing a shift. The same folder and cluster give the same bytes.';
  static override examples = [
    '<%= config.bin %> render --target prod',
    '<%= config.bin %> render --target prod -o k8s --kustomize',
    '<%= config.bin %> render --target prod --offline | kubectl diff -f -',
  ];
  static override flags = {
    ...targetFlags,
    output: Flags.string({ char: 'o', description: 'the folder to write to', helpValue: 'DIR' }),
    kustomize: Flags.boolean({ description: 'with -o: a kustomization.yaml too', default: false }),
    'live-edits': Flags.boolean({
      description:
        'the routes tell GitOps tools to leave them alone once made, so that `shift` works on the cluster',
      default: false,
    }),
    offline: Flags.boolean({
      description:
        'ask no cluster: fnmesh.yaml must say api, gateway, host and dns; weights are those of a first deploy',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Render);
    if (flags.kustomize && flags.output === undefined)
      throw new FnmeshError('usage', '--kustomize writes a file, and -o DIR does not say where', {
        try: 'fnmesh render -o k8s --kustomize',
      });
    const { rendered, stream } = await renderFor(flags, this.emit);
    if (flags.output === undefined)
      return this.done({ files: rendered.files, leftOut: rendered.leftOut }, () => stream);
    const { writeFiles } = await import('../kubernetes/render/write-files.js');
    const files = await writeFiles(flags.output, rendered.files);
    this.done({ folder: flags.output, files, leftOut: rendered.leftOut }, () =>
      renderView(flags.output!, files, rendered.leftOut),
    );
  }
}
