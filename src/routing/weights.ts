// Percent at the surface, integer basis points inside: 12.55 % is 1255.
import { FnmeshError } from '../errors.js';
import { WHOLE } from './route.js';
import { shiftCommand } from './shift-command.js';
import type { BasisPoints, Split } from './route.js';
import { versionsOf } from './versions.js';

const PERCENT = /^(\d*)(?:\.(\d*))?(%?)$/;

/**
 * Reads a percentage: `50`, `50%`, `12.5`, `12.55`, `0.5%`. A bare value between 0 and 1 is refused, since 0.5
 * is too often meant as a half.
 * @param assign What stands before the percentage, such as `v2=` or `v2=+`; only used in messages.
 * @throws FnmeshError `usage`, quoting the text and showing a valid form.
 */
export function parsePercent(text: string, assign = 'v2='): BasisPoints {
  const [, units = '', fraction = '', sign] = PERCENT.exec(text) ?? [];
  if (units === '' && fraction === '') throw unreadable(text, assign);
  if (text.replace('%', '').endsWith('.')) throw unreadable(text, assign);
  if (fraction.length > 2) {
    const rounded = formatWeight(
      Math.max(1, Math.min(WHOLE, Math.round(Number(`${units}.${fraction}`) * 100))),
    );
    throw wrong(`${assign}${text}: "${text}" has more than two decimals`, `${assign}${rounded}`);
  }
  const points = Number(units) * 100 + Number(fraction.padEnd(2, '0'));
  if (points > WHOLE) throw wrong(`${assign}${text}: "${text}" is more than 100 %`, `${assign}100`);
  if (points > 0 && points < 100 && sign === '') {
    const percent = formatPercent(points);
    const half = formatWeight(points * 100);
    const meaning = `write ${assign}${points / 100}% for ${percent}, or ${assign}${half} for ${formatPercent(points * 100)}`;
    throw wrong(`${assign}${text}: "${text}" could mean two things: ${meaning}`, `${assign}${points / 100}%`);
  }
  return points;
}

/** A weight for people: 5000 → `50 %`, 1250 → `12.5 %`. */
export function formatPercent(points: BasisPoints): string {
  return `${points / 100} %`;
}

/** A weight as it is typed in a command: 5000 → `50`, 1250 → `12.5`, 50 → `0.5%`. */
export function formatWeight(points: BasisPoints): string {
  return points > 0 && points < 100 ? `${points / 100}%` : `${points / 100}`;
}

/** A split in one line: `v1 90 %, v2 10 %`. */
export function formatSplit(split: Split): string {
  return versionsOf(split)
    .map((version) => `${version} ${formatPercent(split[version]!)}`)
    .join(', ');
}

function unreadable(text: string, assign: string): FnmeshError {
  if (/^-\d/.test(text))
    return wrong(`${assign}${text}: "${text}" is negative; a share is 0 to 100`, `${assign}0`);
  const form = 'is not a percentage; write it like 50, 12.5 or 0.5%';
  // The number it starts with is only suggested: moving traffic on a guess is worse than asking.
  const [, units = '50', fraction] = /^(100|[1-9]\d?)(?:[.,](\d{1,2}))?(?![\d.,e])/i.exec(text) ?? [];
  const suggested = fraction === undefined || units === '100' ? units : `${units}.${fraction}`;
  return wrong(`${assign}${text}: "${text}" ${form}`, `${assign}${suggested}`);
}

function wrong(message: string, word: string): FnmeshError {
  return new FnmeshError('usage', message, { try: shiftCommand([word]) });
}
