// Where the builds of a deploy become images.
import type { ContainerToolName } from './build/container-tool.js';
import type { Target } from './compose.js';
import { ControlClient } from './control/client.js';
import { controlSocket, stateDir } from './control/home.js';
import { EmbeddedImages } from './deploy/embedded-images.js';
import type { ImageStore } from './deploy/ports.js';
import type { RegistryImages } from './deploy/registry-images.js';
import type { DeployRequest } from './deploy/result.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import type { ChosenImages } from './target/target.js';

/** What a command line says of images; absent = not said. */
export type ImageFlags = {
  image?: string | undefined;
  platform?: string | undefined;
  builder?: ContainerToolName | undefined;
  tag?: string | undefined;
  insecure: boolean;
  load: boolean;
  registry?: string | undefined;
};

/**
 * Where builds become images for a target. The commit that images are made from
 * stands in their labels.
 * @throws FnmeshError `usage` for flags that mean nothing on the embedded server, or no platform.
 */
export async function imagesFor(
  { chosen, embedded }: Pick<Target, 'chosen' | 'embedded'>,
  flags: ImageFlags,
  { commit }: Pick<DeployRequest, 'commit'>,
  emit: Emit,
): Promise<ImageStore> {
  if (!embedded) return registryImages(chosen, flags, commit, emit);
  for (const name of ['image', 'tag', 'load', 'platform', 'builder', 'registry'] as const) {
    if (flags[name] === undefined || flags[name] === false) continue;
    throw new FnmeshError(
      'usage',
      `--${name} is for real Fn servers: the embedded one runs builds, not images`,
      {
        try: '--api-url http://HOST:8080, or export FN_API_URL=…',
      },
    );
  }
  return new EmbeddedImages(new ControlClient(controlSocket(stateDir())));
}

/**
 * Where builds become images.
 * @throws FnmeshError `usage` for no platform.
 */
export async function registryImages(
  chosen: Pick<ChosenImages, 'platform' | 'registry'>,
  { builder, platform, tag, insecure, load }: ImageFlags,
  commit: DeployRequest['commit'],
  emit: Emit,
): Promise<RegistryImages> {
  const { RegistryImages } = await import('./deploy/registry-images.js');
  const labels = {
    ...(commit && { 'org.opencontainers.image.revision': commit.sha }),
    ...(commit?.dirty && { 'fnmesh.dirty': 'true' }),
  };
  return new RegistryImages({
    platform: platform ?? chosen.platform.value,
    ...(builder && { tool: builder }),
    tag,
    labels,
    registry: chosen.registry,
    insecure,
    load,
    emit,
  });
}
