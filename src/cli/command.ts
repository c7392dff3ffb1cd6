// The base of every command: flags they share, output, progress, and what `--json` and exit codes mean.
import { Command, Flags, type Interfaces } from '@oclif/core';
import type { Emit } from '../events.js';
import { resultEnvelope } from './envelope.js';
import { progress } from './progress.js';
import { report } from './report.js';

/** The flags of a command class, its own and the base's. */
export type FlagsOf<T extends typeof Command> = Interfaces.InferredFlags<(typeof BaseCommand)['baseFlags'] & T['flags']>;

/** Names the app where one does not stand in its folder. */
export const appFlag = Flags.string({ description: "the app's name, where you do not stand in its folder", helpValue: 'NAME' });
/** Prints the plan and changes nothing. */
export const dryRunFlag = Flags.boolean({ description: 'print the plan and change nothing' });
/** Kept in the history. */
export const messageFlag = Flags.string({ char: 'm', description: 'why, kept in the history', helpValue: 'TEXT' });
/** Confirms without a prompt. */
export const yesFlag = Flags.boolean({ char: 'y', description: 'confirm without being asked' });

/** A command. Subclasses parse their flags, run one use case, and give its result to `done`. */
export abstract class BaseCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({ description: 'print the result as one JSON object', helpGroup: 'GLOBAL' }),
  };

  #progress: { emit: Emit; end: () => void } | undefined;

  /** Shows progress on stderr. */
  protected get emit(): Emit {
    this.#progress ??= progress(process.stderr);
    return this.#progress.emit;
  }

  /** True when the caller asked for JSON. */
  protected get json(): boolean {
    return this.argv.includes('--json');
  }

  /**
   * Prints the result: its text view, or with `--json` its envelope. `ok: false` = the work was done and found
   * failures: exit code 1.
   */
  protected done(result: unknown, view: () => string, ok = true): void {
    this.#progress?.end();
    const text = this.json ? JSON.stringify(resultEnvelope(this.id ?? '', result, ok), null, 2) : view();
    if (text) process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    if (!ok) process.exitCode = 1;
  }

  protected override catch(error: Error): Promise<void> {
    this.#progress?.end();
    report(error, this.json, this.id ?? '');
    return Promise.resolve();
  }
}
