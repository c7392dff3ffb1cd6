// How the checks of a cluster are written down.
import type { DoctorResult } from '../doctor.js';

/** One thing that was looked at. */
export type Check = DoctorResult['checks'][number];

/** Nothing to do. */
export const ok = (name: string, found: string, means: string): Check => ({
  name,
  state: 'ok',
  found,
  means,
});

/** Something does not work, or is not known; `means` says what to do. */
export const warn = (name: string, found: string, means: string): Check => ({
  name,
  state: 'warn',
  found,
  means,
});

/** Deploy or shift does not work; `means` says what to do. */
export const fail = (name: string, found: string, means: string): Check => ({
  name,
  state: 'fail',
  found,
  means,
});
