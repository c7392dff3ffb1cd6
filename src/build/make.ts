// One build: made once at its final path, by one process at a time, complete when its marker is there.
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VersionFolder } from '../project/project.js';
import type { Build, Builder, BuildOptions } from './build.js';
import { lock } from './lock.js';
import type { Marker } from './store.js';
import {
  currentHash,
  forcedHash,
  makeBuildsDir,
  readMarker,
  removeMarker,
  reuse,
  useForced,
  writeMarker,
} from './store.js';

/**
 * The build of a version whose inputs have the given hash: what is there already, else made now.
 * @throws FnmeshError `config` or `failed`, with the tool's output.
 */
export async function buildOnce(
  version: VersionFolder,
  builder: Builder,
  inputs: string,
  options: BuildOptions,
): Promise<Build> {
  const { buildsDir, force, emit } = options;
  const started = Date.now();
  const label = `${version.function}/${version.version}`;
  const hash = force ? forcedHash(inputs) : currentHash(buildsDir, inputs);
  const reused = async (): Promise<Build | undefined> => {
    const marker = reuse(buildsDir, hash);
    if (marker === undefined) return undefined;
    if (builder.intact !== undefined && !(await builder.intact(marker))) {
      removeMarker(buildsDir, hash);
      return undefined;
    }
    emit({ type: 'build', version: label, state: 'unchanged' });
    return runnable(buildsDir, marker, true, Date.now() - started);
  };
  const there = await reused();
  if (there !== undefined) return there;
  makeBuildsDir(buildsDir);
  const path = join(buildsDir, `${hash}.lock`);
  const release = await lock(path, () => readMarker(buildsDir, hash) !== undefined);
  try {
    // Another fnmesh may have completed it before the lock was free.
    const meanwhile = await reused();
    if (meanwhile !== undefined) return meanwhile;
    emit({ type: 'build', version: label, state: 'started' });
    const marker = await make(version, builder, buildsDir, hash);
    if (force) useForced(buildsDir, inputs, hash);
    const ms = Date.now() - started;
    emit({ type: 'build', version: label, state: 'built', ms });
    return runnable(buildsDir, marker, false, ms);
  } catch (error) {
    emit({ type: 'build', version: label, state: 'failed', ms: Date.now() - started });
    throw error;
  } finally {
    release?.();
  }
}

async function make(
  version: VersionFolder,
  builder: Builder,
  buildsDir: string,
  hash: string,
): Promise<Marker> {
  const dir = join(buildsDir, hash);
  // What an interrupted build left.
  if (existsSync(dir)) await rm(dir, { recursive: true });
  await mkdir(dir);
  try {
    const made = await builder.build(version, dir);
    const { function: fn, version: name } = version;
    const marker = { hash, function: fn, version: name, language: builder.language, ...made };
    writeMarker(buildsDir, marker);
    return marker;
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function runnable(buildsDir: string, marker: Marker, reused: boolean, ms: number): Build {
  const command = marker.command.map((word, index) =>
    index === 0 && word === 'node' ? process.execPath : word,
  );
  const { hash, container } = marker;
  const build = { hash, dir: join(buildsDir, hash), command, reused, ms };
  return container === undefined ? build : { ...build, container };
}
