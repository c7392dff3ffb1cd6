// Images of static programs, made without Docker: an empty base and one binary (OCI image-spec 1.1).
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { FnmeshError, messageOf } from '../errors.js';
import { baseLayer, USER } from './base.js';
import type { Blob, OciImage } from './blob.js';
import { blobOf, descriptorOf } from './blob.js';
import { keptLayer } from './kept-layer.js';
import type { Layer } from './layer.js';
import { layerOf, PACKING } from './layer.js';

/** What an image runs on, in Go's words: `linux`, `amd64`, and for arm a variant such as `v7`. */
type Platform = { os: string; architecture: string; variant?: string };

/** What an image is made of. */
export type GoImage = {
  /** Absolute path of a statically linked binary; it lies at /function/func in the image. */
  binary: string;
  /** Relative programs are found from /function. */
  entrypoint: readonly string[];
  labels: Readonly<Record<string, string>>;
  platform: Platform;
  /**
   * Absolute path of a file that keeps the packed binary for its next image, as long as the binary's size and time are
   * the same. Default: it is not kept.
   */
  keep?: string;
};

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const EPOCH = '1970-01-01T00:00:00Z';

/**
 * Makes an image that runs as user 1000 (as Fn runs it) and needs no base image; Docker pulls it from release
 * 20.10 on. Equal input gives an equal digest on one Node release and processor architecture, whatever the time,
 * the folder and the user; see `layerOf` and `baseLayer`.
 * @throws FnmeshError `failed` when the binary cannot be read, `config` for an empty entrypoint.
 */
export async function goImage(input: GoImage): Promise<OciImage> {
  const { binary, entrypoint, labels, platform, keep } = input;
  if (entrypoint.length === 0) {
    throw new FnmeshError('config', `the image of ${binary} has nothing to run: its entrypoint is empty`, {
      try: 'take entrypoint: out of func.yaml',
    });
  }
  const [base, own] = await Promise.all([baseLayer(), binaryLayer(binary, keep)]);
  const settings = {
    User: `${USER}:${USER}`,
    Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    Entrypoint: entrypoint,
    WorkingDir: '/function',
    Labels: sorted(labels),
  };
  return assemble([base, own], settings, platform);
}

async function binaryLayer(binary: string, keep?: string): Promise<Layer> {
  const createdBy = 'fnmesh: the function';
  const pack = async (): Promise<Layer> => {
    const content = await read(binary);
    const program = { path: 'function/func', mode: 0o755, content };
    return layerOf([{ path: 'function', mode: 0o755 }, program], createdBy);
  };
  const stat = keep && statSync(binary, { throwIfNoEntry: false });
  // Another release of fnmesh may pack it otherwise.
  return stat ? keptLayer(keep, JSON.stringify([PACKING, createdBy, stat.size, stat.mtimeMs]), pack) : pack();
}

function assemble(layers: readonly Layer[], settings: object, platform: Platform): OciImage {
  const { os, architecture, variant } = platform;
  const config = json(CONFIG_TYPE, {
    created: EPOCH,
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: settings,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ createdBy }) => ({ created: EPOCH, created_by: createdBy })),
  });
  const blobs = layers.map(({ blob }) => blob);
  const manifest = json(MANIFEST_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptorOf(config),
    layers: blobs.map(descriptorOf),
  });
  return { manifest, config, layers: blobs, digest: manifest.digest };
}

function json(mediaType: string, value: object): Blob {
  return blobOf(mediaType, Buffer.from(JSON.stringify(value)));
}

function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function read(binary: string): Promise<Buffer> {
  try {
    return await readFile(binary);
  } catch (error) {
    throw new FnmeshError('failed', `cannot read ${binary}: ${messageOf(error)}`, {
      try: 'fnmesh deploy, which builds it again',
      cause: error,
    });
  }
}
