import { FnmeshError, messageOf } from '../errors.js';

/** Raised when a reader of `--json` could misunderstand the answer. */
const SCHEMA_VERSION = 1;

/**
 * What `--json` prints on stdout: one object, whether the command succeeded or not. Shares and weights in results are
 * basis points, 10000 being 100 %; times are milliseconds, or RFC 3339 where they are moments.
 */
export type Envelope =
  | { schemaVersion: number; command: string; ok: boolean; result: unknown }
  | {
      schemaVersion: number;
      command: string;
      ok: false;
      error: { code: string; message: string; try?: string; exit: number };
    };

/** The envelope of a result; `ok` is false where the command did its work and found failures. */
export function resultEnvelope(command: string, result: unknown, ok: boolean): Envelope {
  return { schemaVersion: SCHEMA_VERSION, command, ok, result };
}

/** The envelope of an error. */
export function errorEnvelope(command: string, error: unknown): Envelope {
  const known = error instanceof FnmeshError ? error : undefined;
  return {
    schemaVersion: SCHEMA_VERSION,
    command,
    ok: false,
    error: {
      code: known?.code ?? 'bug',
      message: messageOf(error),
      ...(known?.try ? { try: known.try } : {}),
      exit: known?.exit ?? 1,
    },
  };
}
