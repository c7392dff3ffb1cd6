// The names that fnmesh makes, and those that it takes from a command line.
import { FnmeshError } from '../errors.js';
import { isFunctionName, isVersionName } from '../routing/versions.js';

// Folders that fnmesh never looks into, or that git is told to ignore.
const RESERVED = new Set(['vendor', 'venv']);

/** @throws FnmeshError `usage` when fnmesh makes no function or app of this name. */
export function checkFunctionName(name: string, what: string, example: string): void {
  const isVersion: boolean = isVersionName(name);
  const isReserved = RESERVED.has(name);
  if (isFunctionName(name) && !isReserved) return;
  const why = isVersion
    ? 'that is how versions are named'
    : isReserved
      ? 'folders of that name hold what tools install'
      : 'lower-case letters, digits and "-", a letter first, at most 40';
  throw new FnmeshError('usage', `${JSON.stringify(String(name))} is no name for ${what}: ${why}`, {
    try: example,
  });
}

/** @throws FnmeshError `usage` when it is no version's name, or too long to be part of other names. */
export function checkVersionName(version: string, example: string): void {
  if (isVersionName(version) && version.length <= 20) return;
  throw new FnmeshError(
    'usage',
    `${JSON.stringify(version)} is no version: v1, v2, v3-beta, at most 20 characters`,
    {
      try: example,
    },
  );
}
