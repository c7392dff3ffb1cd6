// Go: a static binary for this machine or for an image's platform, built where the source is; the source folder is
// never written to.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import { run } from '../process/run.js';
import type { VersionFolder } from '../project/project.js';
import type { Builder, Inputs } from './build.js';
import { containerCommand } from './command.js';
import type { Leave } from './files.js';
import { copyFiles, filesOf } from './files.js';
import type { WorkspaceInputs } from './go-module.js';
import { parseModFile, replacedFolders, workspaceInputs, workspaceOf } from './go-module.js';
import type { Platform } from './platform.js';
import { formatPlatform } from './platform.js';

type GoEnv = { GOVERSION: string; GOFLAGS: string; GOHOSTOS: string; GOHOSTARCH: string };
type Settings = GoEnv & { platform: Platform };

/**
 * Builds runtimes `go`, `go1.24`, … with the Go that is installed, for this machine or another platform. A build for
 * this machine is the same whether it was asked for by its platform or not.
 * @param envFiles Absolute paths of env files, which count into no hash, as do none that are called `.env`.
 */
export function goBuilder(envFiles: readonly string[], platform?: Platform): Builder {
  let settings: Promise<Settings> | undefined;
  const ask = (): Promise<Settings> => (settings ??= askGo(platform));
  return {
    language: platform === undefined || isHost(platform) ? 'Go' : `Go for ${formatPlatform(platform)}`,
    handles: (version) => /^go[\d.]*$/.test(version.func.runtime ?? ''),
    toolchain: async () => {
      const go = await ask();
      return `${go.GOVERSION} ${formatPlatform(go.platform)} ${keptFlags(go.GOFLAGS).join(' ')}`.trimEnd();
    },
    inputs: (version) => Promise.resolve(inputsOf(version, envFiles)),
    build: async (version, into) => {
      await buildGo(version, into, await ask(), envFiles);
      return { command: containerCommand(version.func, ['./func']) };
    },
    cold: async () => standardLibraryIsCold(await ask()),
  };
}

/** Whether builds for it are those for this machine: its standard library is then the one that is compiled already. */
function isHost(platform: Platform): boolean {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return formatPlatform(platform) === `${process.platform}/${architecture}`;
}

async function askGo(platform: Platform | undefined): Promise<Settings> {
  const names = ['GOVERSION', 'GOFLAGS', 'GOHOSTOS', 'GOHOSTARCH'];
  const { stdout } = await run('go', ['env', '-json', ...names]);
  const go = JSON.parse(stdout) as GoEnv;
  return { ...go, platform: platform ?? { os: go.GOHOSTOS, architecture: go.GOHOSTARCH } };
}

function inputsOf(version: VersionFolder, envFiles: readonly string[]): Inputs {
  const module = readModule(version);
  const workspace = workspaceFor(version);
  const folders = [...replacedFolders(module, version.dir), ...(workspace?.folders ?? [])];
  return {
    // A binary that was built by hand, and modules of their own, are no part of what is built.
    leave: { files: ['func'], foldersWith: ['go.mod'], envFiles },
    folders: [...new Set(folders)].sort(),
    settings: workspace?.requires ?? [],
  };
}

function readModule(version: VersionFolder): ReturnType<typeof parseModFile> {
  const path = join(version.dir, 'go.mod');
  try {
    return parseModFile(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new FnmeshError('config', `${version.dir} has no go.mod that can be read: ${messageOf(error)}`, {
      try: `(cd ${version.dir} && go mod init func)`,
      cause: error,
    });
  }
}

function workspaceFor(version: VersionFolder): WorkspaceInputs | null {
  const file = workspaceOf(version.dir);
  return file === undefined ? null : workspaceInputs(file, version.dir);
}

async function buildGo(
  version: VersionFolder,
  into: string,
  go: Settings,
  envFiles: readonly string[],
): Promise<void> {
  const workspace = workspaceFor(version);
  const env = buildEnv(go, workspace !== null);
  const { leave } = inputsOf(version, envFiles);
  const compile = ['build', '-trimpath', ...linkerFlags(go.GOFLAGS), '-o', join(into, 'func'), '.'];
  if (workspace === null && needsTidy(version)) {
    await buildTidied(version, leave, into, compile, env);
    return;
  }
  try {
    await run('go', compile, { cwd: version.dir, env });
  } catch (error) {
    // go.sum or go.mod lag behind the imports; Fn's own builder tidies before each build.
    const lags =
      /missing go\.sum entry|updates to go\.(mod|sum) needed|no required module provides|but not required/;
    if (workspace !== null || !lags.test(messageOf(error))) throw error;
    await buildTidied(version, leave, into, compile, env);
  }
}

/** As Fn's builder does, but on a copy, with what leads out of the folder made absolute. */
async function buildTidied(
  version: VersionFolder,
  leave: Leave,
  into: string,
  compile: string[],
  env: Record<string, string | undefined>,
): Promise<void> {
  const source = join(into, 'src');
  await rm(source, { recursive: true, force: true });
  await mkdir(source);
  await copyFiles(filesOf(version.dir, leave), source);
  const module = readModule(version);
  const absolute = replacedFolders(module, version.dir);
  const edits = module.replaces.map(({ module: path }, index) => `-replace=${path}=${absolute[index]}`);
  if (edits.length > 0) await run('go', ['mod', 'edit', ...edits], { cwd: source, env });
  await run('go', ['mod', 'tidy'], { cwd: source, env });
  await run('go', compile, { cwd: source, env });
  await rm(source, { recursive: true });
}

function needsTidy(version: VersionFolder): boolean {
  if (existsSync(join(version.dir, 'go.sum')) || existsSync(join(version.dir, 'vendor'))) return false;
  const { requires, replaces } = readModule(version);
  const local = new Set(replaces.map(({ module }) => module));
  return requires.some((required) => !local.has(required.split(' ')[0] ?? ''));
}

function buildEnv(go: Settings, inWorkspace: boolean): Record<string, string | undefined> {
  const { os, architecture, variant } = go.platform;
  return {
    CGO_ENABLED: '0',
    GOOS: os,
    GOARCH: architecture,
    // What is built runs elsewhere too: for the oldest processors of the kind, as Go does by default.
    GOAMD64: 'v1',
    GOARM64: 'v8.0',
    ...(variant === undefined ? {} : { GOARM: variant.slice(1) }),
    // Never empty: Go would then take the flags of its own configuration file.
    GOFLAGS: ['-buildvcs=false', ...keptFlags(go.GOFLAGS)].join(' '),
    ...(inWorkspace ? {} : { GOWORK: 'off' }),
  };
}

/** Of the user's GOFLAGS what chooses code or output; the others, such as -mod=mod, may write to the source. */
function keptFlags(flags: string): string[] {
  const words = flags.match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
  return words.filter((flag) => /^['"]?--?(tags|ldflags|gcflags|asmflags|pgo|overlay)=/.test(flag));
}

/** Without debug tables the linker takes a third less time, and panics still name their lines. */
function linkerFlags(flags: string): string[] {
  return /-ldflags=/.test(flags) ? [] : ['-ldflags=-s -w'];
}

async function standardLibraryIsCold(go: Settings): Promise<boolean> {
  const list = ['list', '-trimpath', '-f', '{{.Stale}}', 'net/http'];
  const { stdout } = await run('go', list, { env: buildEnv(go, false), allowFailure: true });
  return stdout.trim() !== 'false';
}
