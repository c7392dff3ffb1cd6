// Images for real Fn servers: Go programs are put into images here, everything else was built by a container tool; both
// go to a registry, or with --load into the container tool of this machine.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Build, BuildKind, Unrunnable } from '../build/build.js';
import { type ContainerTool, type ContainerToolName, findContainerTool } from '../build/container-tool.js';
import { parsePlatform } from '../build/platform.js';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import type { ObservedFn } from '../fn/observe.js';
import type { OciImage } from '../oci/blob.js';
import { writeDockerArchive } from '../oci/docker-archive.js';
import { goImage } from '../oci/image.js';
import { limitTo } from '../oci/limit.js';
import { formatReference, imageName, parseReference, type ImageReference } from '../oci/reference.js';
import { Registry } from '../oci/registry.js';
import type { Setting } from '../target/target.js';
import type { ImageOwner, ImageStore, Published } from './ports.js';

/** How many images are made and pushed at a time: each is in memory meanwhile. */
const AT_ONCE = 8;
/** In a build's folder: its packed binary, for the next target. */
const KEPT_LAYER = '.fnmesh-layer';

/** How images are made and where they go. */
export type RegistryImagesOptions = {
  /** Such as `linux/amd64`. */
  platform: string;
  tool?: ContainerToolName;
  /** OCI annotations of every image. */
  labels: Record<string, string>;
  /** Instead of func.yaml's version and the build's hash. */
  tag?: string | undefined;
  registry: Setting<string> | null;
  /** Plain http and untrusted certificates also for registries on other machines. */
  insecure: boolean;
  /** Into the local Docker or Podman rather than a registry. */
  load: boolean;
  emit: Emit;
};

/** Pushes images, or loads them into the container tool of this machine. */
export class RegistryImages implements ImageStore {
  readonly builds: Extract<BuildKind, { kind: 'images' }>;
  readonly #registry: Registry;
  readonly #options: RegistryImagesOptions;
  readonly #room = limitTo(AT_ONCE);
  #tool: Promise<ContainerTool> | undefined;

  /** @throws FnmeshError `usage` for what is no platform or no tag. */
  constructor(options: RegistryImagesOptions) {
    const { platform, tool, labels, insecure, tag } = options;
    if (tag !== undefined) checkTag(tag);
    this.#options = options;
    this.builds = { kind: 'images', platform: parsePlatform(platform), labels, ...(tool && { tool }) };
    this.#registry = new Registry({ insecure });
  }

  /** A loaded image has its tag; that of a pushed one is known by its digest, once it is there. */
  imageOf(hash: string, owner: ImageOwner): string | null {
    return this.#options.load ? this.#tagged(hash, owner) : null;
  }

  /** A loaded image may have been removed from the container tool since. @throws FnmeshError `failed` without a tool. */
  async deployed(hash: string, owner: ImageOwner, there: ObservedFn | undefined): Promise<string | null> {
    const { registry, repository, tag } = parseReference(this.#tagged(hash, owner));
    const notes = there?.notes;
    if (notes?.hash !== hash || notes.image?.ref !== there?.fn.image || notes.image === undefined)
      return null;
    const live = parseReference(notes.image.ref);
    const isSame =
      live.registry === registry &&
      live.repository === repository &&
      (live.digest === undefined) === this.#options.load &&
      // A raised version in func.yaml alone is no change; a tag that was asked for is.
      (this.#options.tag === undefined || notes.image.tag === tag);
    if (!isSame) return null;
    const { ref } = notes.image;
    return !this.#options.load || (await (await this.#container()).has(ref)) ? ref : null;
  }

  /** @throws FnmeshError as the registry and the container tool do. */
  async publish(build: Build | Unrunnable, owner: ImageOwner): Promise<Published> {
    if ('cannotRun' in build) throw new FnmeshError('failed', build.cannotRun);
    return this.#room(() => this.#publishOne(build, owner));
  }

  async #publishOne(build: Build, owner: ImageOwner): Promise<Published> {
    const tagged = this.#tagged(build.hash, owner);
    const reference = parseReference(tagged);
    const tag = reference.tag as string;
    const { emit } = this.#options;
    emit({ type: 'push', image: tagged, state: 'started' });
    try {
      const published = await this.#publish(build, owner, tagged, reference);
      const bytes = published.pushed === undefined ? {} : { bytes: published.pushed };
      emit({ type: 'push', image: tagged, state: 'pushed', ...bytes });
      return { ...published, tag };
    } catch (error) {
      emit({ type: 'push', image: tagged, state: 'failed' });
      throw error;
    }
  }

  async #publish(
    build: Build,
    owner: ImageOwner,
    tagged: string,
    reference: ImageReference,
  ): Promise<Published> {
    if (build.container !== undefined) return this.#publishContainer(build.container, tagged);
    const image = await this.image(build, owner);
    if (this.#options.load) {
      await this.#load(image, tagged);
      return { image: tagged };
    }
    const pushed = await this.#registry.push(image, reference);
    return { image: pushed.reference, pushed: pushed.pushedBytes };
  }

  /** The image of a Go build. */
  image({ dir, command }: Build, owner: ImageOwner): Promise<OciImage> {
    const { platform, labels } = this.builds;
    const own = { ...labels, 'org.opencontainers.image.version': owner.version };
    const binary = join(dir, 'func');
    return goImage({ binary, entrypoint: command, labels: own, platform, keep: join(dir, KEPT_LAYER) });
  }

  /** `[registry/]name:tag` as Fn's tools name images. */
  nameOf(hash: string, owner: ImageOwner): string {
    const { registry, tag } = this.#options;
    const name = imageName(registry?.value ?? null, owner.name);
    const own = tag ?? `${owner.version.replace(/[^\w.-]+/g, '-')}-${hash.slice(0, 12)}`;
    return formatReference(parseReference(`${name}:${own.replace(/^[.-]+/, '')}`));
  }

  #tagged(hash: string, owner: ImageOwner): string {
    const name = this.nameOf(hash, owner);
    if (this.#options.load || name.includes('/')) return name;
    throw noRegistry(owner.name);
  }

  async #publishContainer({ id }: { id: string }, tagged: string): Promise<Published> {
    const tool = await this.#container();
    if (this.#options.load) {
      await tool.tag(id, tagged);
      return { image: tagged };
    }
    const { digest } = await tool.push(id, tagged, { insecure: this.#options.insecure });
    const { registry, repository } = parseReference(tagged);
    return { image: formatReference({ registry, repository, digest }) };
  }

  async #load(image: OciImage, name: string): Promise<void> {
    const tool = await this.#container();
    const dir = await mkdtemp(join(tmpdir(), 'fnmesh-image-'));
    try {
      const file = join(dir, 'image.tar');
      await writeDockerArchive([{ image, name }], file);
      await tool.load(file);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  #container(): Promise<ContainerTool> {
    return (this.#tool ??= findContainerTool(this.#options.tool));
  }
}

function checkTag(tag: string): void {
  // OCI distribution-spec 1.1, pulling manifests.
  if (/^\w[\w.-]{0,127}$/.test(tag)) return;
  const message = `--tag ${JSON.stringify(tag)} is no tag: up to 128 letters, digits, _, . and -, and not . or - first`;
  throw new FnmeshError('usage', message, { try: '--tag 1.0.0' });
}

function noRegistry(name: string): FnmeshError {
  const message = `image ${name} has to be pushed for the Fn server to have it, and nobody said where`;
  return new FnmeshError('config', message, {
    try: 'export FN_REGISTRY=registry.example.com/team, or --load where the Fn server runs with the Docker of this machine',
  });
}
