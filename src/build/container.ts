// Versions that need a container tool: those with a Dockerfile, and those of other languages than Go.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import type { VersionFolder } from '../project/project.js';
import type { Builder, BuildKind } from './build.js';
import type { ContainerTool } from './container-tool.js';
import { findContainerTool } from './container-tool.js';
import { ignoredBy } from './docker-ignore.js';
import { dockerfileFor } from './dockerfile.js';
import { copyFiles, filesOf } from './files.js';
import { installReads } from './node.js';
import { formatPlatform } from './platform.js';

type Images = Extract<BuildKind, { kind: 'images' }>;

/** How images are made: `force` runs every step anew; `envFiles`, absolute paths, are to get into none. */
type Options = { force: boolean; envFiles: readonly string[]; emit: Emit };

/**
 * Builds images with Docker, Podman or Buildah, for any version that has a Dockerfile or whose Dockerfile is known.
 * Into the hash go the files, the Dockerfile, the platform and the tool's name. Not into it: labels; what the images
 * named after FROM are today, since their tags move; and of a folder with a Dockerfile of its own what no version
 * counts as its own, such as node_modules, though the Dockerfile may copy it.
 */
export function containerBuilder({ platform, tool: asked, labels }: Images, options: Options): Builder {
  const { force, envFiles, emit } = options;
  const warned = new Set<string>();
  let found: Promise<ContainerTool> | undefined;
  const find = (): Promise<ContainerTool> => (found ??= findContainerTool(asked));
  return {
    language: 'container image',
    handles: () => true,
    toolchain: async () => `${(await find()).name} ${formatPlatform(platform)}`,
    inputs: async (version) => {
      // Malformed files first: they can be put right without a tool.
      const text = generated(version);
      await find().catch((error: unknown) => {
        throw needing(version, error);
      });
      if (text !== undefined) return { leave: { envFiles }, folders: [], settings: [text] };
      const [exposed] = exposedEnvFiles(version.dir, envFiles);
      if (exposed === undefined) return { leave: { envFiles }, folders: [], settings: [] };
      if (!warned.has(version.dir)) emit({ type: 'warning', text: exposedText(version, exposed) });
      warned.add(version.dir);
      // It may be in the image.
      return { leave: {}, folders: [], settings: [] };
    },
    build: async (version, into) => {
      const { dockerfile, context } = await lay(version, into, envFiles);
      const image = `fnmesh.local/build:${basename(into).slice(0, 12)}`;
      const tool = await find();
      const { id } = await tool.build({ context, dockerfile, image, platform, labels, noCache: force });
      await rm(join(into, 'context'), { recursive: true, force: true });
      return { command: [], container: { tool: tool.name, id } };
    },
    intact: async ({ container }) => container !== undefined && (await find()).has(container.id),
  };
}

/** Whether a version has a Dockerfile of its own, which wins whatever its runtime is, as in Fn. */
export function hasDockerfile(version: VersionFolder): boolean {
  return existsSync(join(version.dir, 'Dockerfile'));
}

/** The text of the Dockerfile to make; undefined where there is one. */
function generated(version: VersionFolder): string | undefined {
  if (hasDockerfile(version)) return undefined;
  const { dir, file, func } = version;
  const names = new Set(readdirSync(dir));
  const javaFdk = match(dir, 'pom.xml', /<fdk\.version>\s*([\w.-]+)\s*</);
  const installReadsSource =
    readsSource(version) ||
    // Other lists, and packages in folders, that the list of packages names.
    match(
      dir,
      'requirements.txt',
      /^\s*(-[rce]\b|--(?:requirement|constraint|editable)|\.{1,2}\/|.*file:)/m,
    ) !== undefined ||
    match(dir, 'Gemfile', /\b(gemspec|path|eval_gemfile|require_relative|file)\b/i) !== undefined;
  return dockerfileFor({
    file,
    func,
    names,
    installReadsSource,
    ...(javaFdk === undefined ? {} : { javaFdk }),
  });
}

function readsSource({ dir, func }: VersionFolder): boolean {
  if (!func.runtime?.startsWith('node')) return false;
  const { source, outside } = installReads(dir);
  if (outside.length > 0) {
    const message = `${join(dir, 'package.json')}: ${outside.join(', ')} lies outside of the folder, where an image's build cannot see it`;
    throw new FnmeshError('config', message, { try: `move it into ${dir}, or write a Dockerfile` });
  }
  return source;
}

/** What the pattern's first group finds in a file of the folder. */
function match(dir: string, name: string, pattern: RegExp): string | undefined {
  const path = join(dir, name);
  return existsSync(path) ? pattern.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
}

/** Puts the Dockerfile and what it may copy where the tool finds them. */
async function lay(
  version: VersionFolder,
  into: string,
  envFiles: readonly string[],
): Promise<{ dockerfile: string; context: string }> {
  const context = join(into, 'context');
  const text = generated(version);
  if (text !== undefined) {
    const dockerfile = join(into, 'Dockerfile');
    await writeFile(dockerfile, text);
    await mkdir(context);
    // A copy of what was hashed: installed packages and other builds must not get into the image.
    await copyFiles(filesOf(version.dir, { envFiles }), context);
    return { dockerfile, context };
  }
  // Fn's tools give a Dockerfile its folder as it lies.
  if (!existsSync(join(version.dir, '.fnmesh'))) {
    return { dockerfile: join(version.dir, 'Dockerfile'), context: version.dir };
  }
  // In the app's own folder lie all builds, this one too.
  for (const name of readdirSync(version.dir).filter((entry) => entry !== '.fnmesh')) {
    await cp(join(version.dir, name), join(context, name), { recursive: true, verbatimSymlinks: true });
  }
  return { dockerfile: join(context, 'Dockerfile'), context };
}

/** The env files, by path, that the folder's own Dockerfile could copy. */
function exposedEnvFiles(dir: string, envFiles: readonly string[]): string[] {
  const others = new Set(filesOf(dir, { envFiles }).map(({ path }) => path));
  const ignored = ignoredBy(dir);
  return filesOf(dir).flatMap(({ path }) => (others.has(path) || ignored(path) ? [] : [path]));
}

function exposedText({ function: name, version, dir }: VersionFolder, path: string): string {
  return `${name}/${version}: ${path} gets into the image if the Dockerfile copies it, as COPY . does: name it in ${join(dir, '.dockerignore')}`;
}

function needing(version: VersionFolder, error: unknown): unknown {
  if (!(error instanceof FnmeshError)) return error;
  const why = hasDockerfile(version) ? 'its Dockerfile' : `runtime ${version.func.runtime}`;
  const message = `${version.function}/${version.version} needs docker, podman or buildah for ${why}: ${error.message}`;
  return new FnmeshError(error.code, message, {
    ...(error.try === undefined ? {} : { try: error.try }),
    cause: error,
  });
}
