// What `fnmesh add` is asked for: a version of a function that exists, or a new function.
import { sep } from 'node:path';
import { FnmeshError } from '../errors.js';
import { freeVersion } from '../project/check.js';
import { type FoundFunction, FIRST_VERSION } from '../project/discover.js';
import { didYouMean } from '../project/problems.js';
import type { AppFolder } from '../project/read.js';
import { isFunctionName, isVersionName } from '../routing/versions.js';
import { checkFunctionName, checkVersionName } from './names.js';

/** What was typed, and where. */
export type TargetRequest = { target: string; cwd: string };

/** A version to add to a function, or a function to make. */
export type Target = { existing: FoundFunction; version: string } | { newFunction: string };

/**
 * Reads `v3`, `cart/v3` or `price`; a bare version is the only function's, or the one's whose folder one is in.
 * @throws FnmeshError `usage`, `not_found` for an unknown function, `conflict` for a version or function that exists.
 */
export function targetOf(
  request: TargetRequest,
  app: AppFolder,
  functions: readonly FoundFunction[],
): Target {
  const [first = '', version, ...more] = request.target.replace(/\/+$/, '').split('/');
  const isVersion: boolean = isVersionName(first);
  if (more.length > 0) {
    throw new FnmeshError('usage', `${JSON.stringify(request.target)} names no version or function`, {
      try: 'fnmesh add cart/v3',
    });
  }
  if (version === undefined && !isVersion) {
    checkFunctionName(first, 'a function', 'fnmesh add cart');
    const existing = functions.find(({ name }) => name === first);
    if (existing === undefined) return { newFunction: first };
    const next = nextVersion(existing);
    throw new FnmeshError('conflict', `${app.app.name} has a function ${first} already`, {
      try: `fnmesh add ${first}/${next}`,
    });
  }
  const existing =
    version === undefined ? functionFor(request, app, functions, first) : named(app, functions, first);
  const wanted = version ?? first;
  checkVersionName(wanted, `fnmesh add ${existing.name}/${nextVersion(existing)}`);
  const isLoose = existing.loose !== undefined && existing.versions.length === 0 && wanted === FIRST_VERSION;
  if (isLoose || existing.versions.some((one) => one.version === wanted)) {
    throw new FnmeshError('conflict', `${existing.name} has a version ${wanted} already`, {
      try: `fnmesh add ${existing.name}/${nextVersion(existing)}`,
    });
  }
  return { existing, version: wanted };
}

function functionFor(
  request: TargetRequest,
  app: AppFolder,
  functions: readonly FoundFunction[],
  version: string,
): FoundFunction {
  const [only, ...others] = functions;
  if (only !== undefined && others.length === 0) return only;
  const around = functions.filter(({ dir }) => dir !== app.root && (request.cwd + sep).startsWith(dir + sep));
  const inside = around.sort((a, b) => b.dir.length - a.dir.length)[0];
  if (inside !== undefined) return inside;
  const example = only?.name ?? 'cart';
  const count = only === undefined ? 'no function yet' : `${functions.length} functions`;
  throw new FnmeshError('usage', `${version} of which function? ${app.app.name} has ${count}`, {
    try: only === undefined ? `fnmesh add ${example}` : `fnmesh add ${example}/${version}`,
  });
}

function named(app: AppFolder, functions: readonly FoundFunction[], name: string): FoundFunction {
  const found = functions.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = functions.map((one) => one.name);
  throw new FnmeshError('not_found', `${app.app.name} has no function ${name}${didYouMean(name, names)}`, {
    try: isFunctionName(name) ? `fnmesh add ${name} (makes it, with version v1)` : 'fnmesh add cart/v3',
  });
}

function nextVersion(one: FoundFunction): string {
  if (one.loose !== undefined) return one.versions.length === 0 ? 'v2' : freeVersion(one);
  return `v${Math.max(...one.versions.map(({ version }) => Number.parseInt(version.slice(1), 10))) + 1}`;
}
