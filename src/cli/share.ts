import { FnmeshError } from '../errors.js';
import type { BasisPoints } from '../routing/route.js';
import { parsePercent } from '../routing/weights.js';

/**
 * The share that a flag names, as `fnmesh shift` reads shares: `5`, `12.5`, `0.5%`.
 * @param flag Such as `--shift`.
 * @throws FnmeshError `usage` with the flag as it would be right.
 */
export function readShare(text: string, flag: string): BasisPoints {
  try {
    return parsePercent(text, '');
  } catch (error) {
    if (!(error instanceof FnmeshError)) throw error;
    // Of what is no number nothing is guessed.
    const right = /^-?\d/.test(text) ? error.try?.split(' ').at(-1) : undefined;
    throw new FnmeshError('usage', `${flag} ${error.message}`, {
      try: `${flag} ${right ?? '5'}`,
      cause: error,
    });
  }
}
