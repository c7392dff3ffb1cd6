import { FnmeshError } from '../errors.js';

/** For the `catch` of a removal: what is gone already need not be removed. @throws whatever else went wrong. */
export function unlessGone(error: unknown): void {
  if (!(error instanceof FnmeshError) || error.code !== 'not_found') throw error;
}
