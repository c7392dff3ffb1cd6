/** What went wrong, in a word a script can act on. */
export type ErrorCode =
  /** The command line is wrong: exit 2. */
  | 'usage'
  /** There is no such command: exit 127. */
  | 'unknown_command'
  /** A file of the user's is wrong: exit 2. */
  | 'config'
  /** Something named does not exist: exit 2. */
  | 'not_found'
  /** Something else changed meanwhile, or stands in the way: exit 1. */
  | 'conflict'
  /** A version, server or process was not ready in time: exit 3. */
  | 'not_ready'
  /** A server did not answer, or not in its protocol: exit 1. */
  | 'unreachable'
  /** The operation was tried and failed: exit 1. */
  | 'failed'
  /** The user stopped it: exit 130. */
  | 'interrupted';

const EXIT: Record<ErrorCode, number> = {
  usage: 2,
  unknown_command: 127,
  config: 2,
  not_found: 2,
  conflict: 1,
  not_ready: 3,
  unreachable: 1,
  failed: 1,
  interrupted: 130,
};

/**
 * The one error that fnmesh throws on purpose: says what failed and where (`message`), and one command or
 * edit that helps (`try`). Anything else that is thrown is a bug.
 */
export class FnmeshError extends Error {
  readonly code: ErrorCode;
  /** One runnable command or edit that helps. */
  readonly try: string | undefined;
  /** The process exit code: 1 failed, 2 usage or configuration, 3 not ready in time, 130 interrupted. */
  readonly exit: number;

  constructor(code: ErrorCode, message: string, options: { try?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FnmeshError';
    this.code = code;
    this.try = options.try;
    this.exit = EXIT[code];
  }
}

/** The text of anything thrown, for messages: an Error's message, else its string form. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
