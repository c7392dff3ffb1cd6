// Writes the images of Go functions to files, for registries and clusters that fnmesh does not reach.
import { resolve } from 'node:path';
import { Builds } from '../build/builds.js';
import { FnmeshError, messageOf } from '../errors.js';
import type { Emit } from '../events.js';
import { writeDockerArchive } from '../oci/docker-archive.js';
import { writeOciLayout } from '../oci/layout.js';
import type { OciImage } from '../oci/blob.js';
import { fnName } from '../project/fn-name.js';
import type { RegistryImages } from './registry-images.js';
import type { DeployRequest } from './result.js';
import { labelOf } from './result.js';

/** Where images are written. `path` is absolute. */
export type Output = { kind: 'oci-layout' | 'docker-archive'; path: string };

/** What was written. */
export type OutputResult = Output & {
  images: { version: string; image: string; digest: string; size: number }[];
};

/** Reads `oci-layout=DIR` or `docker-archive=FILE`. @throws FnmeshError `usage`. */
export function parseOutput(text: string, cwd: string): Output {
  const [, kind, path] = /^(oci-layout|docker-archive)[=:](.+)$/s.exec(text) ?? [];
  if (kind !== undefined && path !== undefined) {
    return { kind: kind as Output['kind'], path: resolve(cwd, path) };
  }
  throw new FnmeshError('usage', `--output ${text}: it is written oci-layout=DIR or docker-archive=FILE`, {
    try: '--output oci-layout=./images',
  });
}

/**
 * Builds versions and writes their images, all or none.
 * @throws FnmeshError for the first version that cannot be built, or is no Go program; `failed` when nothing can be written.
 */
export async function output(
  request: DeployRequest,
  to: Output,
  store: RegistryImages,
  emit: Emit,
): Promise<OutputResult> {
  const { buildsDir, force, envFiles, jobs, versions, project } = request;
  const builds = new Builds({ buildsDir, force, envFiles, emit, for: store.builds }, jobs);
  const outcomes = await builds.all(versions);
  const images: { image: OciImage; name: string; version: string }[] = [];
  for (const outcome of outcomes) {
    if ('error' in outcome) throw outcome.error;
    const { version, result } = outcome;
    const label = labelOf(version);
    if ('cannotRun' in result) throw new FnmeshError('failed', result.cannotRun);
    if (result.container !== undefined) {
      const { tool, id } = result.container;
      throw new FnmeshError('usage', `${label} was built by ${tool}, which has its image as ${id}`, {
        try: `${tool} save -o ${version.version}.tar ${id}`,
      });
    }
    const owner = { app: project.app.name, fn: fnName(version.func), ...version.func };
    const image = await store.image(result, owner);
    images.push({ image, name: store.nameOf(result.hash, owner), version: label });
  }
  try {
    await (to.kind === 'oci-layout' ? writeOciLayout(images, to.path) : writeDockerArchive(images, to.path));
  } catch (error) {
    if (error instanceof FnmeshError) throw error;
    throw new FnmeshError('failed', `cannot write ${to.path}: ${messageOf(error)}`, { cause: error });
  }
  return {
    ...to,
    images: images.map(({ image, name, version }) => ({
      version,
      image: name,
      digest: image.digest,
      size: [image.manifest, image.config, ...image.layers].reduce((sum, { size }) => sum + size, 0),
    })),
  };
}
