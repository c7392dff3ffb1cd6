import { Flags } from '@oclif/core';
import { fileURLToPath } from 'node:url';
import { BaseCommand } from '../cli/command.js';
import { seconds } from '../cli/format.js';

/** `fnmesh demo`: the README's workflow, for real. */
export default class Demo extends BaseCommand {
  static override summary = 'Run the whole workflow once, in a temporary folder and on free ports';
  static override description =
    'Runs init, deploy, probe, shift and undo as you would, shows each command line with its output, and exits 0 only\n' +
    'if every observed share is right. Go functions where `go` is found, otherwise Node functions.';
  static override examples = ['<%= config.bin %> demo', '<%= config.bin %> demo --keep'];
  static override flags = {
    keep: Flags.boolean({
      description: 'leave the app folder and the embedded server for you to play with',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Demo);
    const { demo } = await import('../demo/demo.js');
    const stopped = new AbortController();
    process.once('SIGINT', () => stopped.abort());
    const result = await demo({
      bin: fileURLToPath(new URL('../../bin/run.js', import.meta.url)),
      keep: flags.keep,
      show: (text) => this.stream(text),
      signal: stopped.signal,
    });
    const total = result.steps.reduce((sum, { ms }) => sum + ms, 0);
    this.done(result, () => {
      const lines = [
        `\nEvery observed share was right: ${result.steps.length} commands in ${seconds(total)}.`,
      ];
      if (result.kept) {
        lines.push(
          `Kept. To go on:`,
          `  cd ${result.kept.folder}`,
          `  export FNMESH_HOME=${result.kept.home}`,
          '  fnmesh status',
        );
      }
      return lines.join('\n');
    });
  }
}
