import { readFileSync } from 'node:fs';

/** This fnmesh's version, as its package.json says. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Whether version `a` (`1.2.3`, perhaps with a suffix, which does not count) is lower than `b`. */
export function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => text.split(/[.-]/, 3).map(Number)) as [number[], number[]];
  const at = left.findIndex((part, index) => part !== right[index]);
  return at >= 0 && left[at]! < (right[at] ?? 0);
}
