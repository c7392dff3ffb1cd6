// Node.js: the version's files and its npm packages, in the build folder.
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { FnmeshError, messageOf } from '../errors.js';
import { run } from '../process/run.js';
import type { VersionFolder } from '../project/project.js';
import type { Builder } from './build.js';
import { containerCommand } from './command.js';
import { copyFiles, filesOf } from './files.js';

const KINDS = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const;
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];
const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json'];

const versions = z.record(z.string(), z.string()).optional();
const packageSchema = z.looseObject({
  dependencies: versions,
  optionalDependencies: versions,
  peerDependencies: versions,
  scripts: versions,
});
type PackageFile = z.infer<typeof packageSchema>;

/** Builds runtimes `node`, `node22`, … for the Node.js that runs fnmesh. */
export function nodeBuilder(): Builder {
  return {
    language: 'Node.js',
    handles: (version) => /^node[\d.]*$/.test(version.func.runtime ?? ''),
    toolchain: () => Promise.resolve(`node ${process.version} ${process.platform}/${process.arch}`),
    inputs: (version) => {
      const folders = localPackages(readPackage(version.dir)).map(({ folder }) =>
        resolve(version.dir, folder),
      );
      return Promise.resolve({ leave: {}, folders: folders.sort(), settings: [] });
    },
    build: async (version, into) => {
      await copyFiles(filesOf(version.dir), into);
      await install(version, into);
      return { command: containerCommand(version.func, ['node', 'func.js']) };
    },
  };
}

async function install(version: VersionFolder, into: string): Promise<void> {
  const file = readPackage(version.dir);
  if (file === undefined || !needsNpm(file)) return;
  if (localPackages(file).length > 0) await pointAtLocalPackages(version.dir, into);
  const locked = LOCKS.some((name) => existsSync(join(into, name)));
  const quiet = ['--omit=dev', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  // Links would lead out of the build, which must not change with what they lead to.
  await run('npm', [locked ? 'ci' : 'install', ...quiet, '--install-links'], { cwd: into });
}

/**
 * What installing a folder's npm packages reads besides package.json and its lock: `source`, whether further files of
 * the folder itself; `outside`, the local packages that package.json names and that lie elsewhere, as written.
 * @throws FnmeshError `config` for a malformed package.json.
 */
export function installReads(dir: string): { source: boolean; outside: string[] } {
  const file = readPackage(dir);
  if (file === undefined) return { source: false, outside: [] };
  const local = localPackages(file).map(({ folder }) => folder);
  const scripts = INSTALL_SCRIPTS.some((name) => Object.hasOwn(file.scripts ?? {}, name));
  return {
    source: scripts || local.length > 0 || 'workspaces' in file || existsSync(join(dir, 'binding.gyp')),
    outside: local.filter((folder) => relative(dir, resolve(dir, folder)).startsWith('..')),
  };
}

/** npm takes half a second to find out that there is nothing to do. */
function needsNpm(file: PackageFile): boolean {
  const scripts = file.scripts ?? {};
  return (
    KINDS.some((kind) => Object.keys(file[kind] ?? {}).length > 0) ||
    INSTALL_SCRIPTS.some((name) => Object.hasOwn(scripts, name)) ||
    'workspaces' in file
  );
}

/** Packages of local folders, as `file:../shared`; such paths are written relative to package.json. */
function localPackages(
  file: PackageFile | undefined,
): { kind: (typeof KINDS)[number]; name: string; folder: string }[] {
  return KINDS.flatMap((kind) =>
    Object.entries(file?.[kind] ?? {}).flatMap(([name, from]) => {
      const folder = /^(?:file|link):(.*)$/.exec(from)?.[1] ?? (/^\.{1,2}\//.test(from) ? from : undefined);
      return folder === undefined || /\.(tgz|tar\.gz)$/.test(folder) ? [] : [{ kind, name, folder }];
    }),
  );
}

/** In the copy the relative paths would lead elsewhere. The lock holds them too, so it cannot be used. */
async function pointAtLocalPackages(dir: string, into: string): Promise<void> {
  const path = join(into, 'package.json');
  const file = packageSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  for (const { kind, name, folder } of localPackages(file)) {
    file[kind] = { ...file[kind], [name]: `file:${resolve(dir, folder)}` };
  }
  await writeFile(path, JSON.stringify(file, null, 2));
  for (const name of LOCKS) await rm(join(into, name), { force: true });
}

function readPackage(dir: string): PackageFile | undefined {
  const path = join(dir, 'package.json');
  if (!existsSync(path)) return undefined;
  try {
    return packageSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new FnmeshError('config', `${path}: ${why}`, { cause: error });
  }
}
