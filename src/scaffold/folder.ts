// The files of an existing folder as a source of versions: another version's, or a template's.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import { APP_FILES, FUNC_FILES } from '../project/discover.js';
import { inlined, listFiles } from './folder-files.js';
import type { PlannedFile, VersionSource } from './plan.js';
import {
  isMainFile,
  type Runtime,
  runtimeOf,
  templateFuncFile,
  TEMPLATES,
  withVersion,
} from './templates.js';

/** How a folder's files become a version. */
export type FolderOptions = {
  /** The version the folder is, when it is one of the app's; undefined for a template. */
  version?: string;
  /** Top-level entries that are no part of it. */
  leaveOut?: ReadonlySet<string>;
  /** The runtime of a template without a func.yaml. */
  runtime?: Runtime;
  /** True: the plan holds the files' bytes, since the folder will be gone when it is carried out. */
  inline?: boolean;
};

/**
 * Reads a folder into a source of versions: its files as they are, func.yaml with the new names, the
 * template's version line with the new version. Left out is what builds leave and what git ignores.
 * @throws FnmeshError `config` for links that leave the folder and for files that are none, for a template
 * that is a whole app or several functions, and where neither a func.yaml nor a runtime can be told.
 */
export async function folderVersions(dir: string, options: FolderOptions): Promise<VersionSource> {
  const files = await listFiles(dir, options.leaveOut ?? new Set());
  const paths = files.map(({ path }) => path);
  const func = FUNC_FILES.find((name) => paths.includes(name));
  if (options.version === undefined) checkTemplate(dir, paths);
  const funcText =
    func === undefined
      ? await generatedFunc(dir, paths, options.runtime)
      : await readFile(join(dir, func), 'utf8');
  const main = paths.find(isMainFile);
  const mainText = main === undefined ? undefined : await readFile(join(dir, main), 'utf8');
  const { renameFunc } = await import('../project/edit.js');
  const planned = options.inline ? await inlined(files) : files;

  return (names) => {
    const further =
      options.version === undefined ? {} : { further: { from: options.version, to: names.version } };
    const settings = { ...further, addTrigger: options.version === undefined };
    let funcContent: string;
    try {
      funcContent =
        typeof funcText === 'string'
          ? renameFunc(funcText, { name: names.fn, source: names.source }, settings)
          : funcText(names);
    } catch (error) {
      throw new FnmeshError('config', `${join(dir, func ?? '')}: ${messageOf(error)}`, {
        try: 'correct it there',
      });
    }
    const changed = new Map<string, string>([[func ?? FUNC_FILES[0], funcContent]]);
    const renewed =
      main === undefined || mainText === undefined ? undefined : withVersion(main, mainText, names.version);
    if (main !== undefined && renewed !== undefined) changed.set(main, renewed);
    const notes =
      renewed === undefined && options.version !== undefined
        ? [
            `${names.function}/${names.version} answers like ${options.version} until you edit it: its source has no line that names the version as a template's does`,
          ]
        : [];
    const kept = planned.filter(({ path }) => !changed.has(path));
    const written = [...changed].map(([path, content]): PlannedFile => ({
      path,
      mode: modeOf(files, path),
      content,
    }));
    return { files: [...kept, ...written].sort((a, b) => (a.path < b.path ? -1 : 1)), notes };
  };
}

function checkTemplate(dir: string, paths: readonly string[]): void {
  const nested = paths.find(
    (path) => path.includes('/') && FUNC_FILES.some((name) => path.endsWith(`/${name}`)),
  );
  if (nested === undefined && !APP_FILES.some((name) => paths.includes(name))) return;
  const example = nested === undefined ? dir : join(dir, nested, '..');
  throw new FnmeshError('config', `${dir} is a whole app; a template is the folder of one version`, {
    try: `--template ${example}`,
  });
}

async function generatedFunc(dir: string, paths: readonly string[], asked: Runtime | undefined) {
  const runtime = asked ?? runtimeOf(paths);
  if (runtime === undefined) {
    const mains = [...new Set(Object.values(TEMPLATES).map(({ main }) => main))].join(', ');
    throw new FnmeshError('config', `${dir} has no func.yaml, and none of ${mains} to tell its runtime by`, {
      try: 'add --runtime go, node or python',
    });
  }
  return templateFuncFile(runtime);
}

function modeOf(files: readonly PlannedFile[], path: string): number {
  return files.find((file) => file.path === path)?.mode ?? 0o644;
}
