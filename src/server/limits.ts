// How much may pass through the server in one piece.
import { FnmeshError } from '../errors.js';
import type { ResponseLimits } from './functions/response-reader.js';

const MEBIBYTE = 1024 * 1024;
/** Bodies are held in memory as a whole, so there is always a limit. */
const BODY = 64 * MEBIBYTE;
const HEAD = MEBIBYTE;

/** All in bytes. */
export type Limits = { maxRequestSize: number; response: ResponseLimits };

/**
 * The limits, from Fn's own variables FN_MAX_REQUEST_SIZE, FN_MAX_RESPONSE_SIZE and FN_MAX_HDR_RESPONSE_SIZE (0 or
 * unset = 64 MiB, 64 MiB, 1 MiB).
 * @throws FnmeshError `config` when one is no number.
 */
export function limitsFrom(env: NodeJS.ProcessEnv): Limits {
  return {
    maxRequestSize: bytes(env, 'FN_MAX_REQUEST_SIZE', BODY),
    response: {
      body: bytes(env, 'FN_MAX_RESPONSE_SIZE', BODY),
      head: bytes(env, 'FN_MAX_HDR_RESPONSE_SIZE', HEAD),
    },
  };
}

function bytes(env: NodeJS.ProcessEnv, name: string, unset: number): number {
  const text = env[name] ?? '';
  if (text === '') return unset;
  if (!/^\d{1,12}$/.test(text)) {
    throw new FnmeshError('config', `${name}=${text} is no number of bytes`, { try: `unset ${name}` });
  }
  return Number(text) || unset;
}
