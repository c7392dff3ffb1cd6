// The base of every command: flags they share, output, progress, and what `--json` and exit codes mean.
import { Command, Flags } from '@oclif/core';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import { carried, commandLine } from './command-line.js';
import { resultEnvelope } from './envelope.js';
import { progress } from './progress.js';
import { report } from './report.js';

/** A command. Subclasses parse their flags, run one use case, and give its result to `done`. */
export abstract class BaseCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({
      description: 'print the result as one JSON object; shares are basis points: 10000 is 100 %',
      helpGroup: 'GLOBAL',
    }),
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

  /** What was typed, with all its flags. */
  protected get line(): string {
    return commandLine(this.id ?? '', this.argv);
  }

  /** A command that is suggested, with what was typed of where commands act. */
  protected carried(suggestion: string): string {
    const flagsOf = (id: string): string[] | undefined => {
      const found = this.config.findCommand(id);
      return found && Object.keys(found.flags);
    };
    const letters = Object.entries(this.ctor.flags).flatMap(([name, { char }]) =>
      char ? [[name, char]] : [],
    );
    return carried(suggestion, this.argv, flagsOf, Object.fromEntries(letters) as Record<string, string>);
  }

  /**
   * Prints the result: its text view, or with `--json` its envelope. `ok: false` = the work was done and found
   * failures: exit code 1, or `exit` where that says more.
   */
  protected done(result: unknown, view: () => string, ok = true, exit = 1): void {
    this.#progress?.end();
    const text = this.json ? JSON.stringify(resultEnvelope(this.id ?? '', result, ok), null, 2) : view();
    if (text) process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    if (!ok) process.exitCode = exit;
  }

  /** Writes a part of the result as it comes; with `--json` stdout is kept for the one object. */
  protected stream(text: string): void {
    (this.json ? process.stderr : process.stdout).write(text);
  }

  /** Writes bytes that are no text as they are. */
  protected raw(bytes: Buffer, ok = true): void {
    this.#progress?.end();
    process.stdout.write(bytes);
    if (!ok) process.exitCode = 1;
  }

  protected override catch(error: Error): Promise<void> {
    this.#progress?.end();
    report(this.#withPlace(error), this.json, this.id ?? '');
    return Promise.resolve();
  }

  /** An error whose suggestion acts where this command did. */
  #withPlace(error: Error): Error {
    if (!(error instanceof FnmeshError) || error.try === undefined) return error;
    const line = this.carried(error.try);
    return line === error.try
      ? error
      : new FnmeshError(error.code, error.message, { try: line, cause: error });
  }
}
