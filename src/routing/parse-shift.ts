// Reads the words of `fnmesh shift`: `v2=50`, `cart v2=10`, `cart/v2=+10 price/v2=10`, `'cart*/v2=10'`, `v1=rest`.
import { FnmeshError } from '../errors.js';
import { repairShift } from './repair-shift.js';
import { shiftCommand } from './shift-command.js';
import { isVersionName } from './versions.js';
import { parsePercent } from './weights.js';
import type { Target, WeightChange } from './changes.js';

/** One word of a shift. `function` is a name or a glob of `*`, or null when none was said. */
export type Shift = WeightChange & { readonly function: string | null };

const FUNCTION = /^[\w.*-]+$/;
const CHANGE = /^(?:([\w.*-]+)\/)?([^/=\s]+)=([^=\s]*)$/;

/**
 * Reads `[FN] CHANGE...`, where a change is `[FN/]VERSION=WEIGHT` and a weight is a percentage, `+` or `-` and a
 * percentage, or `rest`. FN may be a glob of `*`. Whether the names exist is not looked at.
 * @throws FnmeshError `usage`, quoting what cannot be read and, where it can be guessed, the corrected command.
 */
export function parseShift(args: readonly string[]): Shift[] {
  return read(args, () => {
    const words = repairShift(args);
    try {
      read(words, () => '');
      return shiftCommand(words);
    } catch {
      return 'fnmesh shift v2=50';
    }
  });
}

/** @param suggest Gives the corrected command when a word cannot be read at all. */
function read(args: readonly string[], suggest: () => string): Shift[] {
  const [first, ...later] = args;
  if (first === undefined)
    throw wrong('say which version gets how much of the traffic', 'fnmesh shift v2=10');
  const scope = isScope(first) ? first : null;
  const words = scope === null ? args : later;
  if (scope !== null && words.length === 0) {
    throw wrong(`${scope}: say which version gets how much of the traffic`, shiftCommand([`${scope}/v2=10`]));
  }
  const shifts = words.map((word) => readChange(word, scope, suggest));
  if (scope !== null && words.every((word) => word.includes('/'))) {
    throw wrong(`"${scope}" is named, but nothing is said about it`, shiftCommand(words));
  }
  checkOnce(shifts, args);
  return shifts;
}

/** Whether the first word is a function's name, not a change: `cart`, `cart*`, but neither `v2` nor `50`. */
function isScope(word: string): boolean {
  return FUNCTION.test(word) && !isVersionName(word) && !/^[\d.-]+$/.test(word);
}

function readChange(word: string, scope: string | null, suggest: () => string): Shift {
  const [, fn = scope, version, weight] = CHANGE.exec(word) ?? [];
  if (version === undefined || weight === undefined || version === 'rest') {
    throw wrong(`"${word}" cannot be read; a change is written like v2=50`, suggest());
  }
  if (!isVersionName(version)) {
    throw wrong(`"${word}": "${version}" is not a version's name, such as v2`, suggest());
  }
  return { function: fn, version, to: readTarget(weight, `${fn === null ? '' : `${fn}/`}${version}=`) };
}

function readTarget(weight: string, assign: string): Target {
  if (weight === 'rest') return { kind: 'rest' };
  const sign = /^[+-]/.exec(weight)?.[0];
  if (sign === undefined) return { kind: 'share', points: parsePercent(weight, assign) };
  const points = parsePercent(weight.slice(1), assign + sign);
  return { kind: 'step', points: sign === '-' ? -points : points };
}

function checkOnce(shifts: readonly Shift[], args: readonly string[]): void {
  const keys = shifts.map((shift) => `${shift.function ?? ''}/${shift.version}`);
  const repeat = keys.findIndex((key, index) => keys.indexOf(key) < index);
  if (repeat < 0) return;
  // The words are the last arguments, whether or not a function's name stands before them.
  const at = args.length - shifts.length + repeat;
  const once = args.filter((_, index) => index !== at);
  throw wrong(`"${args[at]!}": ${shifts[repeat]!.version} is named twice`, shiftCommand(once));
}

function wrong(message: string, command: string): FnmeshError {
  return new FnmeshError('usage', message, { try: command });
}
