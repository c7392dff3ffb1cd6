import { FnmeshError } from '../errors.js';

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads `10s`, `1.5m`, `500ms`, `2h` as milliseconds. @throws FnmeshError `usage` for anything else. */
export function parseDuration(text: string, flag: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit ?? ''] ?? NaN);
  if (ms > 0 && ms <= 24 * 3_600_000) return Math.round(ms);
  throw new FnmeshError('usage', `${flag} '${text}' is no time: a number and ms, s, m or h, 24h at most`, {
    try: `${flag} 10s`,
  });
}
