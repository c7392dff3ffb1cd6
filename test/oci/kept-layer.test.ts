import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { OciImage } from '../../src/oci/blob.js';
import { goImage } from '../../src/oci/image.js';

const root = mkdtempSync(join(tmpdir(), 'fnmesh-kept-'));
afterAll(() => rmSync(root, { recursive: true }));

const OLD = 'the first binary';
const NEW = 'another of a len';
let made = 0;

/** A build's folder whose binary has been put into an image once. */
async function packed(): Promise<{ dir: string; keep: string; first: OciImage }> {
  const dir = join(root, String(made++));
  mkdirSync(dir);
  write(dir, OLD);
  const keep = join(dir, '.layer');
  return { dir, keep, first: await imageIn(dir, keep) };
}

function write(dir: string, content: string, seconds = 1): void {
  writeFileSync(join(dir, 'func'), content);
  utimesSync(join(dir, 'func'), seconds, seconds);
}

function imageIn(dir: string, keep?: string): Promise<OciImage> {
  const platform = { os: 'linux', architecture: 'amd64' };
  const binary = join(dir, 'func');
  return goImage({ binary, entrypoint: ['./func'], labels: {}, platform, ...(keep && { keep }) });
}

/** Whether an image holds a text. */
function holds({ layers }: OciImage, text: string): boolean {
  return gunzipSync(layers[1]!.bytes).includes(text);
}

describe('a kept layer', () => {
  test('gives the image that packing gives, and is not packed again', async () => {
    const { dir, keep, first } = await packed();
    expect(first).toEqual(await imageIn(dir));
    expect(await imageIn(dir, keep)).toEqual(first);
    // Builds never change; by this change alone it can be seen where the layer comes from.
    write(dir, NEW);
    expect(holds(await imageIn(dir, keep), OLD)).toBe(true);
    expect(readdirSync(dir).sort()).toEqual(['.layer', 'func']);
  });

  test.each<[string, (dir: string, keep: string) => void]>([
    ['a binary of another size', (dir) => write(dir, `${NEW}gth`)],
    ['a binary of another time', (dir) => write(dir, NEW, 2)],
    ['a file that was cut', (dir, keep) => damage(dir, keep, (bytes) => bytes.subarray(0, -1))],
    ['a file with a bit turned', (dir, keep) => damage(dir, keep, flipped)],
    ['an empty file', (dir, keep) => damage(dir, keep, () => Buffer.alloc(0))],
    ['something else', (dir, keep) => damage(dir, keep, () => Buffer.from('null\n'))],
    ['no file', (dir, keep) => damage(dir, keep, null)],
  ])('does not count for %s, and is then kept anew', async (_what, change) => {
    const { dir, keep } = await packed();
    change(dir, keep);
    const image = await imageIn(dir, keep);
    expect(holds(image, NEW)).toBe(true);
    expect(await imageIn(dir, keep)).toEqual(image);
    expect(readFileSync(keep).subarray(-image.layers[1]!.size)).toEqual(image.layers[1]!.bytes);
  });

  test('need not be kept', async () => {
    const { dir, first } = await packed();
    expect(await imageIn(dir, join(dir, 'none', '.layer'))).toEqual(first);
  });
});

function damage(dir: string, keep: string, change: ((bytes: Buffer) => Buffer) | null): void {
  write(dir, NEW);
  if (change === null) rmSync(keep);
  else writeFileSync(keep, change(readFileSync(keep)));
}

function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[other.length - 20]! ^= 1;
  return other;
}
