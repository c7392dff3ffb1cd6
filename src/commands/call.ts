import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, headerFlag, targetFlags } from '../cli/flags.js';
import { parseHeaders, parseMethod, parseQuery } from '../cli/headers.js';
import { functionWord } from '../cli/target-word.js';
import { callView } from '../cli/views/call.js';
import { connect, gatewayOf } from '../compose.js';
import { callFunction } from '../inspect/call.js';
import { orUnrouted } from '../inspect/unrouted.js';
import { GatewayClient } from '../router/gateway-client.js';

/** `fnmesh call`: one request through the gateway, as any client makes it. */
export default class Call extends BaseCommand {
  static override summary = 'Call a function through its route, or pin the call to one version';
  static override description = 'Prints the body on stdout. Exit code 1 when the status is 400 or more.';
  static override examples = [
    '<%= config.bin %> call',
    '<%= config.bin %> call v2 -d \'{"name":"Ada"}\'',
    '<%= config.bin %> call cart/v2 -X PUT -d @order.json -H "Content-Type: application/json" -i',
  ];
  static override args = {
    function: Args.string({ description: 'FN, FN/v2, or v2 in an app of one function' }),
  };
  static override flags = {
    ...targetFlags,
    app: appFlag,
    data: Flags.string({ char: 'd', description: 'the body; @FILE reads a file', helpValue: 'TEXT' }),
    method: Flags.string({
      char: 'X',
      description: 'the method (default GET, with -d POST)',
      helpValue: 'METHOD',
    }),
    header: headerFlag,
    query: Flags.string({ description: 'the query, without ?', helpValue: 'k=v&…' }),
    include: Flags.boolean({ char: 'i', description: 'print status and headers too', default: false }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Call);
    const headers = parseHeaders(flags.header);
    const method = parseMethod(flags.method ?? (flags.data === undefined ? 'GET' : 'POST'));
    const body = await readData(flags.data);
    const app = await appName(flags.app, this.emit);
    const target = await connect(flags, this.emit);
    const { fn, router } = target;
    const routes = await router.read(app);
    const find = () => functionWord(routes, args.function, 'call');
    const word = await orUnrouted(fn, app, args.function, find);
    const client = new GatewayClient(1);
    try {
      const result = await callFunction(
        routes,
        await gatewayOf(target, app),
        client,
        (of) => router.pin(of),
        {
          ...word,
          method,
          query: parseQuery(flags.query ?? ''),
          headers,
          body,
        },
      );
      if (result.status >= 400) this.emit({ type: 'note', text: `HTTP ${result.status}` });
      if (this.json || result.encoding === 'utf8')
        this.done(result, () => callView(result, flags.include), result.status < 400);
      else this.raw(Buffer.from(result.body, 'base64'), result.status < 400);
    } finally {
      client.close();
    }
  }
}

async function readData(data: string | undefined): Promise<Buffer | undefined> {
  if (data === undefined) return undefined;
  if (!data.startsWith('@')) return Buffer.from(data);
  const { readDataFile } = await import('../cli/data-file.js');
  return readDataFile(data.slice(1));
}
