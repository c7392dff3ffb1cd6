// Which versions of an app are meant: by what was typed, or by the folder one stands in.
import { sep } from 'node:path';
import { FnmeshError } from '../errors.js';
import { isVersionName } from '../routing/versions.js';
import { didYouMean } from './problems.js';
import type { FunctionFolder, Project, VersionFolder } from './project.js';

/** The versions meant by a folder: one version's, one function's, or all because it is neither's. */
export type Standing = { at: 'version' | 'function' | 'app'; versions: VersionFolder[] };

/**
 * What the folder one stands in means: inside a version's folder that version, inside a function's folder its
 * versions, else (`app`) all versions; whether that is allowed without being asked for is the caller's to say.
 */
export function functionOf(project: Project, startDir: string): Standing {
  const all = versionsOf(project);
  const inside = (dir: string): boolean => startDir === dir || startDir.startsWith(dir + sep);
  const version = deepest(all.filter(({ dir }) => inside(dir)));
  const one = deepest(project.functions.filter(({ dir }) => inside(dir)));
  // In `shop/` with a func.yaml of its own, `shop/cart` is the function cart and no part of the root's files.
  if (version !== undefined && (one === undefined || version.dir.length >= one.dir.length)) {
    return { at: 'version', versions: [version] };
  }
  if (one !== undefined && one.dir !== project.root) return { at: 'function', versions: one.versions };
  return { at: 'app', versions: all };
}

/**
 * The versions that selectors name: `cart`, `cart/v2`, a bare `v2` in an app of one function, patterns such as
 * `'cart*'`, alone or before a slash and a version. Each version once, in the project's order.
 * @throws FnmeshError `not_found` with the nearest names, `usage` for a bare version among many functions.
 */
export function selectVersions(project: Project, selectors: readonly string[]): VersionFolder[] {
  const chosen = new Set(selectors.flatMap((selector) => selectOne(project, selector)));
  return versionsOf(project).filter((version) => chosen.has(version));
}

/**
 * The function of this name.
 * @throws FnmeshError `not_found` with the nearest names.
 */
function selectFunction(project: Project, name: string): FunctionFolder {
  const found = project.functions.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = project.functions.map((one) => one.name);
  const listed = names.length === 0 ? 'no functions' : names.join(', ');
  throw new FnmeshError(
    'not_found',
    `${project.app.name} has no function ${name}${didYouMean(name, names)}`,
    {
      try: `name one of: ${listed}`,
    },
  );
}

function selectOne(project: Project, typed: string): VersionFolder[] {
  // A shell's completion leaves a slash behind.
  const selector = typed.replace(/\/+$/, '');
  const [name = '', version, ...more] = selector.split('/');
  if (more.length > 0 || name === '' || version === '') {
    throw new FnmeshError('usage', `${JSON.stringify(typed)} names no function or version`, {
      try: 'write it as cart or cart/v2',
    });
  }
  if (version === undefined && isVersionName(name)) return [bareVersion(project, name)];
  const functions = name.includes('*') ? functionsLike(project, name) : [selectFunction(project, name)];
  if (version === undefined) return functions.flatMap((one) => one.versions);
  const found = functions.flatMap((one) => one.versions.filter((each) => like(version, each.version)));
  if (found.length === 0) throw noVersion(functions, selector, version);
  return found;
}

function bareVersion(project: Project, version: string): VersionFolder {
  const [only, ...others] = project.functions;
  if (only !== undefined && others.length === 0) {
    const found = only.versions.find((each) => each.version === version);
    if (found === undefined) throw noVersion([only], `${only.name}/${version}`, version);
    return found;
  }
  const owners = project.functions.filter((one) => one.versions.some((each) => each.version === version));
  const example = owners[0]?.name ?? only?.name ?? 'cart';
  throw new FnmeshError(
    'usage',
    `${version} of which function? ${project.app.name} has ${project.functions.length}`,
    {
      try: `write it as ${example}/${version}`,
    },
  );
}

function functionsLike(project: Project, pattern: string): FunctionFolder[] {
  const found = project.functions.filter((one) => like(pattern, one.name));
  if (found.length > 0) return found;
  const names = project.functions.map((one) => one.name).join(', ');
  throw new FnmeshError('not_found', `no function of ${project.app.name} is like ${pattern}`, {
    try: `name one of: ${names || 'no functions'}`,
  });
}

function noVersion(functions: readonly FunctionFolder[], selector: string, version: string): FnmeshError {
  const known = [...new Set(functions.flatMap((one) => one.versions.map((each) => each.version)))];
  const labels = functions.flatMap((one) => one.versions.map((each) => `${one.name}/${each.version}`));
  return new FnmeshError('not_found', `there is no ${selector}${didYouMean(version, known)}`, {
    try: `name one of: ${labels.join(', ')}`,
  });
}

function like(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop() ?? '';
  if (!name.startsWith(head) || !name.endsWith(tail) || name.length < head.length + tail.length) return false;
  let from = head.length;
  for (const part of rest) {
    const at = name.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return from <= name.length - tail.length;
}

function versionsOf(project: Project): VersionFolder[] {
  return project.functions.flatMap((one) => one.versions);
}

function deepest<T extends { dir: string }>(folders: readonly T[]): T | undefined {
  return folders.reduce<T | undefined>(
    (best, one) => (best === undefined || one.dir.length > best.dir.length ? one : best),
    undefined,
  );
}
