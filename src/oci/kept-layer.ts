// Layers kept on disk: packing takes longer than everything else of an image, and what goes to one target often goes
// to another next.
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Layer } from './layer.js';
import { layerFrom } from './layer.js';

/** The first line of the file; the packed layer follows it. */
type Head = { from: string; digest: string; diffId: string; createdBy: string };

/**
 * A layer from the file when it was made from the same and is whole, else as `pack` makes it, and kept there.
 * @param file Absolute path in an existing folder. When it cannot be written the layer is packed again next time.
 * @param from Everything that the layer depends on.
 * @throws what `pack` throws.
 */
export async function keptLayer(file: string, from: string, pack: () => Promise<Layer>): Promise<Layer> {
  const kept = await read(file, from);
  if (kept !== null) return kept;
  const layer = await pack();
  const { blob, diffId, createdBy } = layer;
  const head: Head = { from, digest: blob.digest, diffId, createdBy };
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, [`${JSON.stringify(head)}\n`, blob.bytes]);
    await rename(draft, file);
  } catch {
    await rm(draft, { force: true }).catch(() => undefined);
  }
  return layer;
}

async function read(file: string, from: string): Promise<Layer | null> {
  try {
    const content = await readFile(file);
    const end = content.indexOf('\n');
    const head = JSON.parse(content.toString('utf8', 0, end)) as Head;
    if (head.from !== from) return null;
    const layer = layerFrom(content.subarray(end + 1), head.diffId, head.createdBy);
    return layer.blob.digest === head.digest ? layer : null;
  } catch {
    return null;
  }
}
