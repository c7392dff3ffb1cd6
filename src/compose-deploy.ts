// What a deploy is composed of: the request that a command line and the app's folder make, and where its builds become
// images for the target.
import type { ContainerToolName } from './build/container-tool.js';
import type { Planned, Target } from './compose.js';
import { planned, whoAmI } from './compose.js';
import { ControlClient } from './control/client.js';
import { controlSocket, stateDir } from './control/home.js';
import { DEFAULT_GATEWAY_PORT } from './control/ports.js';
import { EmbeddedImages } from './deploy/embedded-images.js';
import type { ImageStore } from './deploy/ports.js';
import type { RegistryImages } from './deploy/registry-images.js';
import type { DeployRequest, DeployResult } from './deploy/result.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { parseReference } from './oci/reference.js';
import type { ChosenTarget, TargetFlags } from './target/target.js';

/** What a command line says of a deploy; absent = not said. */
export type DeployFlags = TargetFlags &
  ImageFlags & {
    all: boolean;
    as?: string | undefined;
    image?: string | undefined;
    force?: boolean;
    'in-place'?: boolean;
    'allow-older'?: boolean;
    jobs?: number | undefined;
    message?: string | undefined;
  };

/**
 * What is deployed, read from the folder one stands in.
 * @param selectors `FN`, `FN/v2`, …
 * @throws FnmeshError as `deployRequest`.
 */
export async function requestFor(
  flags: DeployFlags,
  selectors: readonly string[],
  target: Pick<Planned, 'chosen' | 'server'>,
  emit: Emit,
): Promise<DeployRequest> {
  const { deployRequest } = await import('./deploy/request.js');
  const { jobs, message, image } = flags;
  const request = await deployRequest(
    {
      cwd: process.cwd(),
      selectors,
      all: flags.all,
      force: flags.force ?? false,
      by: whoAmI(),
      inPlace: flags['in-place'] ?? false,
      allowOlder: flags['allow-older'] ?? false,
      env: target.chosen.env,
      gateway: gatewayOf(target),
      ...(jobs !== undefined && { jobs }),
      ...(message !== undefined && { message }),
      ...(image !== undefined && { image }),
    },
    emit,
  );
  if (image === undefined) return request;
  checkImage(image, emit);
  if (request.versions.length === 1) return request;
  throw new FnmeshError('usage', `--image is for one version, and ${request.versions.length} are named`, {
    try: `fnmesh deploy FN/v2 --image ${image}`,
  });
}

/**
 * What a deploy would do; nothing is started, built or written.
 * @throws FnmeshError as `planDeploy`.
 */
export async function planFor(
  flags: DeployFlags,
  selectors: readonly string[],
  emit: Emit,
): Promise<{ plan: DeployResult; target: Planned }> {
  const { planRollout } = await import('./deploy/rollout.js');
  const target = await planned(flags, emit);
  if (target.fn === null) {
    const text =
      'the embedded server is not running: what it holds is not in this plan (`fnmesh start -d` first)';
    emit({ type: 'warning', text });
  }
  const request = await requestFor(flags, selectors, target, emit);
  const images = await imagesFor(target, flags, request, emit);
  const { readiness, locate, fn, router } = target;
  return { plan: await planRollout(request, { images, readiness, locate, fn, router, emit }, flags), target };
}

/** What a command line says of images; absent = not said. */
export type ImageFlags = {
  platform?: string | undefined;
  builder?: ContainerToolName | undefined;
  tag?: string | undefined;
  insecure: boolean;
  load: boolean;
};

/**
 * Where builds become images for a target. The commit that images are made from
 * stands in their labels.
 * @throws FnmeshError `usage` for flags that mean nothing on the embedded server, or no platform.
 */
export async function imagesFor(
  { chosen, embedded }: Pick<Target, 'chosen' | 'embedded'>,
  flags: ImageFlags & { image?: string | undefined },
  { commit }: Pick<DeployRequest, 'commit'>,
  emit: Emit,
): Promise<ImageStore> {
  if (!embedded) return registryImages(chosen, flags, commit, emit);
  for (const name of ['image', 'tag', 'load', 'platform', 'builder'] as const) {
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
  chosen: ChosenTarget,
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

/** The gateway's base URL as functions of a target reach it. */
function gatewayOf({ chosen, server }: Pick<Planned, 'chosen' | 'server'>): string {
  return chosen.gateway?.value ?? server?.gatewayUrl ?? `http://127.0.0.1:${DEFAULT_GATEWAY_PORT}`;
}

/** @throws FnmeshError `usage` for what is no image's name. */
function checkImage(image: string, emit: Emit): void {
  const { digest } = parseReference(image);
  if (digest !== undefined) return;
  const text = `${image} may name another image tomorrow, and a server that has one of that name does not look again; name@sha256:… does not change`;
  emit({ type: 'warning', text });
}
