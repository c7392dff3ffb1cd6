// Runs other programs: the only importer of execa, and only when something is run. Never through a shell.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, sep } from 'node:path';
import type { Options, Result } from 'execa';
import { FnmeshError, messageOf } from '../errors.js';

/** How a program is run. */
export type RunOptions = {
  /** Working directory; default: this process's. */
  cwd?: string;
  /** Added to this process's environment; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** Written to its standard input, which is then closed. Default: an empty input. */
  input?: string | Buffer;
  /** Ends the program after so many milliseconds. Default: no limit. */
  timeoutMs?: number;
  /** True: an exit code other than 0 is an answer, not an error. */
  allowFailure?: boolean;
};

/** What a program answered. Texts have no final newline. `all` is both streams as they came. */
export type RunResult = { exitCode: number; stdout: string; stderr: string; all: string };

const TAIL_LINES = 40;

const INSTALL: Record<string, string> = {
  go: 'install Go: https://go.dev/doc/install',
  git: 'install git: https://git-scm.com/downloads',
  node: 'install Node.js: https://nodejs.org',
  npm: 'install Node.js with npm: https://nodejs.org',
  python3: 'install Python 3: https://www.python.org/downloads',
};

/**
 * Runs a program to its end.
 * @throws FnmeshError `failed` when it is not installed, exits with another code than 0 (the message ends with
 * the tail of its output), is killed by a signal or runs longer than `timeoutMs`.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { execa } = await import('execa');
  const settings = {
    all: true,
    reject: false,
    stripFinalNewline: true,
    input: options.input ?? '',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  } satisfies Options;
  const result = await execa(command, args, settings);
  const output = { stdout: result.stdout, stderr: result.stderr, all: result.all };
  if (result.exitCode === 0) return { exitCode: 0, ...output };
  if (result.exitCode !== undefined && options.allowFailure && !result.timedOut) {
    return { exitCode: result.exitCode, ...output };
  }
  throw await failure(command, args, options, result);
}

/** The absolute path of the program that `command` would run, or undefined when it is not installed. */
export async function which(command: string): Promise<string | undefined> {
  const candidates =
    isAbsolute(command) || command.includes(sep)
      ? [command]
      : (process.env['PATH'] ?? '').split(delimiter).flatMap((dir) => (dir ? [join(dir, command)] : []));
  for (const path of candidates) {
    if (await isProgram(path)) return path;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function failure(
  command: string,
  args: readonly string[],
  options: RunOptions,
  result: Result<{ all: true; reject: false }>,
): Promise<FnmeshError> {
  const line = [command, ...args].join(' ');
  if (result.exitCode === undefined && result.signal === undefined && !result.timedOut) {
    const missing = result.code === 'ENOENT' && (await which(command)) === undefined;
    const where = options.cwd === undefined ? '' : ` in ${options.cwd}`;
    if (!missing) {
      return new FnmeshError(
        'failed',
        `cannot run ${command}${where}: ${messageOf(result.cause ?? result)}`,
        {
          cause: result,
        },
      );
    }
    return new FnmeshError('failed', `${command} is not installed, or not on the PATH`, {
      try: INSTALL[command] ?? `install ${command} and put it on the PATH`,
    });
  }
  const how = result.timedOut
    ? `took longer than ${options.timeoutMs} ms`
    : result.signal !== undefined
      ? `was ended by ${result.signal}`
      : `exited with ${result.exitCode}`;
  const tail = tailOf(result.all);
  return new FnmeshError('failed', `${line} ${how}${tail ? `\n${tail}` : ''}`);
}

/** The last 40 lines of a program's output. */
function tailOf(output: string): string {
  const lines = output.trimEnd().split('\n');
  return lines.slice(-TAIL_LINES).join('\n');
}
