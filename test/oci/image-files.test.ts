import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { OciImage } from '../../src/oci/blob.js';
import { writeDockerArchive } from '../../src/oci/docker-archive.js';
import { goImage } from '../../src/oci/image.js';
import { writeOciLayout } from '../../src/oci/layout.js';
import { indexProblems, layoutProblems, manifestProblems } from './schema.js';

const dir = mkdtempSync(join(tmpdir(), 'fnmesh-files-'));
afterAll(() => rmSync(dir, { recursive: true }));

let made = 0;
const fresh = (): string => join(dir, `out${made++}`);

async function image(content: string): Promise<OciImage> {
  const binary = fresh();
  writeFileSync(binary, content);
  const platform = { os: 'linux', architecture: 'amd64' };
  return goImage({ binary, entrypoint: ['./func'], labels: {}, platform });
}

const json = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

type Index = { manifests: { digest: string; annotations: Record<string, string> }[] };
const names = (layout: string): [string | undefined, string][] =>
  (json(join(layout, 'index.json')) as Index).manifests.map(({ digest, annotations }) => [
    annotations['org.opencontainers.image.ref.name'],
    digest,
  ]);

describe('writeOciLayout', () => {
  test('is what the OCI schemas ask for, and every blob is what its name says', async () => {
    const [a, b] = [await image('a'), await image('b')];
    const layout = fresh();
    await writeOciLayout(
      [
        { image: a, name: 'team/a:1' },
        { image: b, name: 'team/b:1' },
      ],
      layout,
    );
    expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(layoutProblems(json(join(layout, 'oci-layout')))).toEqual([]);
    expect(indexProblems(json(join(layout, 'index.json')))).toEqual([]);
    expect(names(layout)).toEqual([
      ['team/a:1', a.digest],
      ['team/b:1', b.digest],
    ]);
    const blobs = join(layout, 'blobs', 'sha256');
    // The common layer is there once.
    expect(readdirSync(blobs)).toHaveLength(7);
    for (const name of readdirSync(blobs)) expect(sha(readFileSync(join(blobs, name)))).toBe(name);
    for (const { digest } of [a, b]) {
      expect(manifestProblems(json(join(blobs, digest.slice(7))))).toEqual([]);
    }
  });

  test('keeps what is there, and replaces an image of the same name', async () => {
    const [a, b, c] = [await image('a'), await image('b'), await image('c')];
    const layout = fresh();
    const write = (one: OciImage, name: string) => writeOciLayout([{ image: one, name }], layout);
    await write(a, 'a:1');
    await write(b, 'b:1');
    await write(c, 'a:1');
    expect(names(layout)).toEqual([
      ['b:1', b.digest],
      ['a:1', c.digest],
    ]);
    await write(c, 'a:1');
    expect(names(layout)).toHaveLength(2);
  });

  test('mends a blob that was cut', async () => {
    const a = await image('a');
    const layout = fresh();
    await writeOciLayout([{ image: a, name: 'a:1' }], layout);
    const path = join(layout, 'blobs', 'sha256', a.layers[1]!.digest.slice(7));
    writeFileSync(path, 'cut');
    await writeOciLayout([{ image: a, name: 'a:1' }], layout);
    expect(readFileSync(path)).toEqual(a.layers[1]!.bytes);
  });

  test.each([
    ['no JSON', '{'],
    ['another JSON', '{"name":"web"}'],
    ['null', 'null'],
  ])('leaves a folder with another index.json alone: %s', async (_what, text) => {
    const folder = fresh();
    mkdirSync(folder);
    writeFileSync(join(folder, 'index.json'), text);
    const writing = writeOciLayout([{ image: await image('a'), name: 'a:1' }], folder);
    await expect(writing).rejects.toMatchObject({ code: 'config', try: expect.any(String) as string });
    expect(readdirSync(folder)).toEqual(['index.json']);
    expect(readFileSync(join(folder, 'index.json'), 'utf8')).toBe(text);
  });

  test('a file where the folder should be is an error', async () => {
    const file = fresh();
    writeFileSync(file, '');
    const writing = writeOciLayout([{ image: await image('a'), name: 'a:1' }], file);
    await expect(writing).rejects.toMatchObject({ code: 'config' });
  });
});

describe('writeDockerArchive', () => {
  type Entry = { Config: string; RepoTags: string[]; Layers: string[] };

  test('holds what docker load reads, and shared layers once', async () => {
    const [a, b] = [await image('a'), await image('b')];
    const [one, two] = [fresh(), fresh()];
    const images = [
      { image: a, name: 'team/a:1' },
      { image: b, name: 'team/b' },
      { image: b, name: `team/b@${b.digest}` },
    ];
    await writeDockerArchive(images, one);
    await writeDockerArchive(images, two);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);

    const root = fresh();
    mkdirSync(root);
    execFileSync('tar', ['-xf', one, '-C', root]);
    expect(readdirSync(root)).toHaveLength(1 + 2 + 3);
    const manifest = json(join(root, 'manifest.json')) as Entry[];
    expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([['team/a:1'], ['team/b:latest'], []]);
    for (const { Config, Layers } of manifest) {
      const config = readFileSync(join(root, Config));
      expect(Config).toBe(`${sha(config)}.json`);
      const { rootfs } = JSON.parse(config.toString()) as { rootfs: { diff_ids: string[] } };
      const ids = Layers.map((layer) => `sha256:${sha(gunzipSync(readFileSync(join(root, layer))))}`);
      expect(ids).toEqual(rootfs.diff_ids);
    }
  });

  test('what cannot be written leaves nothing behind', async () => {
    const folder = fresh();
    mkdirSync(join(folder, 'taken'), { recursive: true });
    const images = [{ image: await image('a'), name: 'a:1' }];
    for (const file of [join(folder, 'none', 'x.tar'), join(folder, 'taken')]) {
      await expect(writeDockerArchive(images, file)).rejects.toMatchObject({ code: 'failed' });
    }
    expect(readdirSync(folder)).toEqual(['taken']);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  // Not listed as skipped where there is no daemon: CI has none and skips nothing.
  if (spawnSync('docker', ['version'], { timeout: 10_000 }).status === 0) {
    test('a Docker daemon loads it', async () => {
      const file = fresh();
      await writeDockerArchive([{ image: await image('docker'), name: 'fnmesh.test/loaded:1' }], file);
      execFileSync('docker', ['load', '-i', file]);
      const user = execFileSync('docker', [
        'image',
        'inspect',
        '-f',
        '{{.Config.User}}',
        'fnmesh.test/loaded:1',
      ]);
      expect(user.toString().trim()).toBe('1000:1000');
      execFileSync('docker', ['rmi', 'fnmesh.test/loaded:1']);
    });
  }
});
