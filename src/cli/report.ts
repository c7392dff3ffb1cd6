import { FnmeshError, messageOf } from '../errors.js';
import { errorEnvelope } from './envelope.js';
import { paint } from './paint.js';

/** What oclif's own errors carry. */
type OclifError = Error & { oclif?: { exit?: number }; code?: string; showHelp?: boolean };

/**
 * Prints an error (text on stderr, or the JSON envelope on stdout) and sets process.exitCode. oclif's own
 * signal that a command ended (`this.exit`, `--help`) passes in silence.
 */
export function report(thrown: unknown, json: boolean, command: string): void {
  const error = thrown as OclifError;
  if (error?.code === 'EEXIT') {
    process.exitCode = error.oclif?.exit ?? 0;
    return;
  }
  const known = asFnmeshError(error);
  process.exitCode = known?.exit ?? 1;
  if (json) {
    process.stdout.write(`${JSON.stringify(errorEnvelope(command, known ?? error), null, 2)}\n`);
    return;
  }
  const lines = [
    `${paint('red', 'error', process.stderr)}: ${known ? known.message : `this is a bug in fnmesh: ${messageOf(thrown)}`}`,
  ];
  if (known?.try) lines.push(`  try: ${known.try}`);
  if (process.env['DEBUG']) lines.push(stackOf(thrown));
  else if (!known) lines.push('  try: the same with DEBUG=1, and report what it prints');
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** oclif's parser speaks of wrong flags and arguments: those are usage errors. Null = a bug. */
function asFnmeshError(error: OclifError): FnmeshError | null {
  if (error instanceof FnmeshError) return error;
  if (isPromptExit(error)) return new FnmeshError('interrupted', 'stopped, nothing was changed');
  if (error?.oclif === undefined) return null;
  const [first = '', ...rest] = error.message.replace(/\nSee more help with --help$/, '').split('\n');
  return new FnmeshError('usage', [first, ...rest].join('\n').trimEnd(), {
    try: `${commandLine()} --help`,
    cause: error,
  });
}

/** inquirer rejects with this when the user presses Ctrl-C. */
function isPromptExit(error: Error | undefined): boolean {
  return error?.name === 'ExitPromptError' || error?.name === 'AbortPromptError';
}

function commandLine(): string {
  const command = process.argv[2];
  return command && !command.startsWith('-') ? `fnmesh ${command}` : 'fnmesh';
}

function stackOf(thrown: unknown): string {
  const lines: string[] = [];
  for (let each: unknown = thrown; each instanceof Error; each = each.cause)
    lines.push(each.stack ?? each.message);
  return lines.join('\ncaused by: ');
}
