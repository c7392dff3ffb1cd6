import { Args, Flags } from '@oclif/core';
import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, targetFlags } from '../cli/flags.js';
import { historyView } from '../cli/views/history.js';
import { connect } from '../compose.js';
import { FnmeshError } from '../errors.js';
import { listHistory } from '../traffic/history.js';
import { routeOf } from '../inspect/route-of.js';

/** `fnmesh history`: what changed for callers, newest first. */
export default class History extends BaseCommand {
  static override summary = 'Show what changed for callers: who, when, why, before and after';
  static override examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> history cart -n 5',
    '<%= config.bin %> history --json',
  ];
  static override args = { function: Args.string({ description: 'only the changes of this function' }) };
  static override flags = {
    ...targetFlags,
    app: appFlag,
    number: Flags.integer({ char: 'n', description: 'how many changes at most', helpValue: 'N', min: 1 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(History);
    const app = await appName(flags.app, this.emit);
    const { fn, router } = await connect(flags, this.emit);
    const changes = await router.history(app);
    if (changes.length === 0 && !(await fn.app(app))) {
      throw new FnmeshError('not_found', `nothing is known of an app ${app}`, { try: 'fnmesh deploy --all' });
    }
    const known =
      args.function === undefined ||
      changes.some((change) => change.functions.some((part) => part.function === args.function));
    if (!known) routeOf(await router.read(app), args.function!);
    const rows = listHistory(changes, args.function).slice(0, flags.number);
    this.done({ app, changes: rows }, () => historyView(rows));
  }
}
