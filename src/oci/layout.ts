// Images as a folder that skopeo, podman, containerd and others read (OCI image-spec 1.1, image-layout.md).
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import type { Blob, Descriptor, OciImage } from './blob.js';
import { descriptorOf } from './blob.js';

/** An image and what it is called, such as `registry.example.com/team/cart:1.2`. */
export type NamedImage = { image: OciImage; name: string };

type Entry = Descriptor & { annotations?: Record<string, string> };
type Index = { schemaVersion: number; mediaType?: string; manifests: Entry[] };

const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const REF_NAME = 'org.opencontainers.image.ref.name';
const VERSION = '1.0.0';

/**
 * Writes images into a layout folder, which is made when it is not there. Other images in it stay; an image of
 * the same name is replaced. The index is replaced last and at once, so that the layout is whole at any moment.
 * @throws FnmeshError `config` when the folder holds something else, `failed` when it cannot be written.
 */
export async function writeOciLayout(images: readonly NamedImage[], dir: string): Promise<void> {
  const before = await readLayout(dir);
  try {
    await makeFolder(join(dir, 'blobs', 'sha256'));
    const blobs = images.flatMap(({ image }) => [...image.layers, image.config, image.manifest]);
    for (const blob of new Map(blobs.map((one) => [one.digest, one])).values()) await writeBlob(blob, dir);
    await replace(join(dir, 'oci-layout'), Buffer.from(JSON.stringify({ imageLayoutVersion: VERSION })));
    const index = JSON.stringify({ mediaType: INDEX_TYPE, ...added(before, images) });
    await replace(join(dir, 'index.json'), Buffer.from(index));
  } catch (error) {
    throw new FnmeshError('failed', `cannot write the images to ${dir}: ${messageOf(error)}`, {
      try: 'choose a folder that can be written',
      cause: error,
    });
  }
}

function added(before: Index, images: readonly NamedImage[]): Index {
  const own = new Map(
    images.map(({ image, name }) => [
      name,
      { ...descriptorOf(image.manifest), annotations: { [REF_NAME]: name } },
    ]),
  );
  const others = before.manifests.filter(({ annotations }) => !own.has(annotations?.[REF_NAME] ?? ''));
  return { ...before, manifests: [...others, ...own.values()] };
}

async function readLayout(dir: string): Promise<Index> {
  const strange = (what: string): FnmeshError =>
    new FnmeshError('config', `${dir} is no OCI image layout: ${what}`, {
      try: 'name a new folder, or one that fnmesh wrote images to',
    });
  const there = await stat(dir).catch(() => null);
  if (there !== null && !there.isDirectory()) throw strange('it is a file');
  const text = await readFile(join(dir, 'index.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw strange(`index.json cannot be read: ${error.message}`);
  });
  if (text === null) return { schemaVersion: 2, manifests: [] };
  try {
    const index = JSON.parse(text) as Partial<Index> | null;
    if (index?.schemaVersion === 2 && Array.isArray(index.manifests)) return index as Index;
  } catch {
    // Said below.
  }
  throw strange('index.json is no image index');
}

async function writeBlob(blob: Blob, dir: string): Promise<void> {
  const path = join(dir, 'blobs', 'sha256', blob.digest.slice('sha256:'.length));
  const there = await stat(path).catch(() => null);
  // What is written under its digest is whole: it was renamed to it.
  if (there?.size !== blob.size) await replace(path, blob.bytes);
}

/** Whoever reads the file finds it as it was or as it will be. */
async function replace(path: string, bytes: Buffer): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, bytes, { flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Step by step: where a folder cannot be made, as in /proc, Node 20 tries for ever to make all at once. */
async function makeFolder(dir: string): Promise<void> {
  if ((await stat(dir).catch(() => undefined))?.isDirectory()) return;
  if (dirname(dir) !== dir) await makeFolder(dirname(dir));
  await mkdir(dir).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
}
