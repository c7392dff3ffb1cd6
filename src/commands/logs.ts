import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, namespaceFlag, targetFlags } from '../cli/flags.js';
import { deployedWord } from '../cli/target-word.js';
import { logLineView, proxyLineView } from '../cli/views/logs.js';
import { connect } from '../compose.js';
import { readLogs } from '../inspect/logs.js';

/** `fnmesh logs`: what functions wrote, by call id. */
export default class Logs extends BaseCommand {
  static override summary = 'Show what functions wrote to stdout and stderr, with the id of the call';
  static override description =
    'The id is the Fn-Call-Id of the answer; - stands for lines before the first call. On a cluster: the access log of the\n' +
    'proxies, as Fn gives out no output of functions.';
  static override examples = [
    '<%= config.bin %> logs',
    '<%= config.bin %> logs cart/v2 -f',
    '<%= config.bin %> logs --call 01KB0000000000000000000000',
  ];
  static override args = {
    function: Args.string({
      description: 'FN, FN/v2, or v2 in an app of one function; default: the whole app',
    }),
  };
  static override flags = {
    ...targetFlags,
    namespace: namespaceFlag,
    app: appFlag,
    follow: Flags.boolean({ char: 'f', description: 'go on until Ctrl-C', default: false }),
    number: Flags.integer({
      char: 'n',
      description: 'how many lines that are there already',
      default: 100,
      min: 0,
      helpValue: 'N',
    }),
    call: Flags.string({ description: 'only the lines of this call', helpValue: 'ID' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logs);
    const app = await appName(flags.app, this.emit);
    const target = await connect(flags, this.emit);
    const { function: fn, version } = deployedWord(await target.router.read(app), args.function, 'logs');
    const word = fn === undefined ? undefined : { function: fn, version };
    const stopped = new AbortController();
    process.once('SIGINT', () => stopped.abort());
    const options = { app, of: word, tail: flags.number, follow: flags.follow, call: flags.call };
    if (target.place !== null) {
      const { namespace, cluster } = target.place;
      const { readClusterLogs } = await import('../inspect/cluster-logs.js');
      const syslog = (await target.fn.app(app).catch(() => undefined))?.syslog_url ?? null;
      const lines = readClusterLogs(cluster, { ...options, namespace, syslog }, this.emit, stopped.signal);
      await this.show(app, lines, proxyLineView);
      return cluster.close();
    }
    await this.show(app, readLogs(target, options, stopped.signal), logLineView);
  }

  /** Followed lines go out as they come: with --json one object a line. */
  private async show<Line>(
    app: string,
    lines: AsyncGenerator<Line>,
    view: (line: Line) => string,
  ): Promise<void> {
    if (this.json && !this.argv.some((word) => word === '-f' || word === '--follow')) {
      const all: Line[] = [];
      for await (const line of lines) all.push(line);
      return this.done({ app, lines: all }, () => '');
    }
    for await (const line of lines) {
      this.raw(Buffer.from(`${this.json ? JSON.stringify({ schemaVersion: 1, ...line }) : view(line)}\n`));
    }
  }
}
