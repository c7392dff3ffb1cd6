import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, namespaceFlag, targetFlags } from '../cli/flags.js';
import { historyView } from '../cli/views/history.js';
import { connectForChanges } from '../compose.js';
import { FnmeshError } from '../errors.js';
import { listHistory } from '../traffic/history.js';
import { routeOf } from '../inspect/route-of.js';

/** `fnmesh history`: what changed for callers, newest first. */
export default class History extends BaseCommand {
  static override summary = 'Show what changed for callers: who, when, why, before and after';
  static override description =
    'Shifts, deploys and undos in one list. cart/v1@3 is the third release of v1: what it ran at one time.';
  static override examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> history cart -n 5',
    '<%= config.bin %> history --json',
  ];
  static override args = { function: Args.string({ description: 'only the changes of this function' }) };
  static override flags = {
    ...targetFlags,
    namespace: namespaceFlag,
    app: appFlag,
    number: Flags.integer({ char: 'n', description: 'how many changes at most', helpValue: 'N', min: 1 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(History);
    const app = await appName(flags.app, this.emit);
    const { fn, router } = await connectForChanges(flags, this.emit);
    const { observe } = await import('../fn/observe.js');
    const { listDeploys } = await import('../deploy/deploys.js');
    const [changes, observed] = await Promise.all([router.history(app), observe(fn, app)]);
    if (changes.length === 0 && observed.app === null) {
      throw new FnmeshError('not_found', `nothing is known of an app ${app}`, { try: 'fnmesh deploy --all' });
    }
    const all = listHistory(changes, listDeploys(observed), args.function);
    if (args.function !== undefined && all.length === 0) routeOf(await router.read(app), args.function);
    const rows = all.slice(0, flags.number);
    this.done({ app, changes: rows }, () => historyView(rows));
  }
}
