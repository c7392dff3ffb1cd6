import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, headerFlag, namespaceFlag, targetFlags } from '../cli/flags.js';
import { parseHeaders } from '../cli/headers.js';
import { parseDuration } from '../cli/duration.js';
import { functionWord } from '../cli/target-word.js';
import { probeView } from '../cli/views/probe.js';
import { connect, gatewayOf } from '../compose.js';
import { pinned } from '../inspect/call.js';
import { orUnrouted } from '../inspect/unrouted.js';
import { routeOf } from '../inspect/route-of.js';
import { gatewayProber } from '../router/prober.js';
import { probe } from '../traffic/probe.js';

const DEFAULT_REQUESTS = 100;
/** The exit code of a probe that was stopped before it had sent what it was asked to. */
const INTERRUPTED = 130;

/** `fnmesh probe`: the curl loop, counted and judged. */
export default class Probe extends BaseCommand {
  static override summary =
    'Send requests to a function and compare the shares observed with those asked for';
  static override description =
    'Counts per version, errors and latencies. Exit code 1 when an error occurred, a version at 0 % answered, or the\n' +
    'counts are less likely than 1 in 1000 under the split. Calling a function runs its code.';
  static override examples = [
    '<%= config.bin %> probe',
    '<%= config.bin %> probe cart -n 1000 --concurrency 8',
    '<%= config.bin %> probe --for 30s --rate 50 -H "Accept-Language: de"',
    '<%= config.bin %> probe --watch',
  ];
  static override args = { function: Args.string({ description: 'FN, in an app of many' }) };
  static override flags = {
    ...targetFlags,
    namespace: namespaceFlag,
    app: appFlag,
    requests: Flags.integer({
      char: 'n',
      description: `how many requests (default ${DEFAULT_REQUESTS})`,
      min: 1,
      helpValue: 'N',
      exclusive: ['for', 'watch'],
    }),
    for: Flags.string({
      description: 'for how long, such as 10s or 2m',
      helpValue: 'TIME',
      exclusive: ['watch'],
    }),
    watch: Flags.boolean({ char: 'w', description: 'until Ctrl-C', default: false }),
    rate: Flags.integer({
      description: 'requests a second (default: as fast as answers come; with --watch 20)',
      min: 1,
      max: 100_000,
      helpValue: 'R',
    }),
    concurrency: Flags.integer({
      description: 'requests under way at a time',
      default: 4,
      min: 1,
      max: 1000,
      helpValue: 'C',
    }),
    header: headerFlag,
    'allow-errors': Flags.boolean({
      description: 'errors are counted but do not fail the probe',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Probe);
    const headers = parseHeaders(flags.header);
    const forMs = flags.for === undefined ? undefined : parseDuration(flags.for, '--for');
    const app = await appName(flags.app, this.emit);
    const target = await connect(flags, this.emit);
    const { fn, router } = target;
    const routes = await router.read(app);
    const find = () => functionWord(routes, args.function, 'probe');
    const word = await orUnrouted(fn, app, args.function, find);
    if (word.version !== undefined)
      headers.push(
        await pinned((of) => router.pin(of), { app, function: word.function, version: word.version }),
      );
    const stopped = new AbortController();
    process.once('SIGINT', () => stopped.abort());
    const port = gatewayProber(
      routeOf(routes, word.function),
      router,
      await gatewayOf(target, app),
      headers,
      flags.concurrency,
    );
    try {
      const options = {
        function: word.function,
        requests: flags.watch || forMs !== undefined ? undefined : (flags.requests ?? DEFAULT_REQUESTS),
        forMs,
        rate: flags.rate ?? (flags.watch ? 20 : undefined),
        concurrency: flags.concurrency,
        pinned: headers.some(([name]) => name.toLowerCase() === 'fnmesh-version'),
        allowErrors: flags['allow-errors'],
        signal: stopped.signal,
      };
      const result = await probe(options, port, this.emit);
      const cut = result.aborted && !flags.watch;
      const ok = result.verdict.outcome !== 'fail' && !cut;
      this.done(result, () => probeView(result), ok, cut ? INTERRUPTED : 1);
    } finally {
      port.close();
    }
  }
}
