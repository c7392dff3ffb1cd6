// The grammar and the order of version and function names.
import type { FunctionName, VersionName } from './route.js';

const VERSION = /^v\d+(-[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/;
const FUNCTION = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
/** The longest function name that fnmesh makes, in characters. */
const LONGEST_NAME = 40;

const natural = new Intl.Collator('en', { numeric: true });

/** Whether the text is a version's name: `v`, digits, then an optional `-suffix`. */
export function isVersionName(text: string): boolean {
  return VERSION.test(text);
}

/** Whether fnmesh may make a function of this name: a DNS label of 40 characters at most, unlike a version. */
export function isFunctionName(text: string): boolean {
  return FUNCTION.test(text) && text.length <= LONGEST_NAME && !isVersionName(text);
}

/** The nearest name that a function can have; what it gives may still be none. */
export function nearestFunctionName(text: string): FunctionName {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '');
}

/** Orders version names by number, then suffix: v1, v1-fix, v2, v2-rc2, v2-rc10, v10. Negative when `a` is first. */
export function compareVersions(a: VersionName, b: VersionName): number {
  // v01 and v1 are the same number; the text decides, so that the order is total.
  return natural.compare(a, b) || Number(a > b) - Number(a < b);
}

/** The version names of a split, or of any record by version, lowest first. */
export function versionsOf(record: Readonly<Record<VersionName, unknown>>): VersionName[] {
  return Object.keys(record).sort(compareVersions);
}
