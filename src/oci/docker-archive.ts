// Images as one file for `docker load` and `podman load` (moby/moby, image/tarexport; as `docker save` writes it).
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { FnmeshError, messageOf } from '../errors.js';
import type { Blob } from './blob.js';
import type { NamedImage } from './layout.js';
import { parseReference } from './reference.js';

/**
 * Writes images into an archive, each under its name; layers that images share are in it once. Layers stay
 * compressed, which Docker and Podman unpack by themselves. Equal images give an equal file, which appears when
 * it is whole.
 * @throws FnmeshError `failed` when the file cannot be written, `usage` for a name that is none.
 */
export async function writeDockerArchive(images: readonly NamedImage[], file: string): Promise<void> {
  const entries = images.map(({ image, name }) => ({
    Config: configName(image.config),
    // Docker has no way to load an image under a digest.
    RepoTags: parseReference(name).digest === undefined ? [tagged(name)] : [],
    Layers: image.layers.map(layerName),
  }));
  const files = new Map<string, Buffer>();
  for (const { image } of images) {
    files.set(configName(image.config), image.config.bytes);
    for (const layer of image.layers) files.set(layerName(layer), layer.bytes);
  }
  files.set('manifest.json', Buffer.from(JSON.stringify(entries)));

  const draft = `${file}.${randomUUID()}`;
  try {
    const { pack } = await import('tar-stream');
    const archive = pack();
    const written = pipeline(archive, createWriteStream(draft, { flush: true }));
    for (const [name, bytes] of files) {
      const entry = archive.entry({ name, size: bytes.length, mode: 0o644, mtime: new Date(0) }, bytes);
      // `written` tells of it; an entry that nobody listens to would end the process.
      entry.on('error', () => undefined);
    }
    archive.finalize();
    await written;
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new FnmeshError('failed', `cannot write the images to ${file}: ${messageOf(error)}`, {
      try: 'choose a file in a folder that can be written',
      cause: error,
    });
  }
}

function tagged(name: string): string {
  return parseReference(name).tag === undefined ? `${name}:latest` : name;
}

function configName({ digest }: Blob): string {
  return `${hex(digest)}.json`;
}

function layerName({ digest }: Blob): string {
  return `${hex(digest)}.tar.gz`;
}

function hex(digest: string): string {
  return digest.slice('sha256:'.length);
}
