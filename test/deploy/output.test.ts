import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { output, parseOutput, type Output } from '../../src/deploy/output.js';
import { RegistryImages } from '../../src/deploy/registry-images.js';
import { standIns } from '../build/stand-ins.js';
import { emptyFolder, GO_FILES, has } from '../build/tools.js';
import { failure } from '../oci/images.js';
import { appFolder, requestFor, type VersionSpec } from './stage.js';

const HOST = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
const store = (registry: string | null = null, labels = {}): RegistryImages =>
  new RegistryImages({
    ...{ platform: HOST, labels, insecure: false, load: false, emit: () => undefined },
    registry: registry === null ? null : { value: registry, from: 'FN_REGISTRY' },
  });
/** A program that prints a text. */
const go = (text: string): VersionSpec => ({
  func: { runtime: 'go', entrypoint: './func' },
  files: { ...GO_FILES, 'func.go': GO_FILES['func.go'].replace('"one"', JSON.stringify(text)) },
});
const write = (versions: Record<string, VersionSpec>, to: Output, registry?: string) =>
  output(requestFor(appFolder(versions)), to, store(registry), () => undefined);

describe('where images are written', () => {
  test.each<[string, Output]>([
    ['oci-layout=images', { kind: 'oci-layout', path: '/app/images' }],
    ['oci-layout=../images', { kind: 'oci-layout', path: '/images' }],
    ['oci-layout:/tmp/a b', { kind: 'oci-layout', path: '/tmp/a b' }],
    ['docker-archive=a=b.tar', { kind: 'docker-archive', path: '/app/a=b.tar' }],
  ])('%s', (text, where) => expect(parseOutput(text, '/app')).toEqual(where));

  test.each(['', 'oci-layout', 'oci-layout=', 'images', 'oci=x', 'OCI-LAYOUT=x', 'tar=x', '=x'])(
    '%j: refused',
    (text) => {
      const error = {
        code: 'usage',
        message: `--output ${text}: it is written oci-layout=DIR or docker-archive=FILE`,
        try: '--output oci-layout=./images',
      };
      expect(() => parseOutput(text, '/app')).toThrow(expect.objectContaining(error) as Error);
    },
  );
});

describe.skipIf(!has('go', 'version'))('an app of Go functions', () => {
  const THREE = { 'cart/v1': go('one'), 'cart/v2': go('two'), 'price/v1': go('three') };
  type Index = { manifests: { digest: string; annotations: Record<string, string> }[] };

  test('as a layout: an image each, named; again the same, and others’ stay', async () => {
    const path = join(emptyFolder(), 'images');
    const project = appFolder(THREE);
    const run = () =>
      output(requestFor(project), { kind: 'oci-layout', path }, store('r.test/team'), () => undefined);
    const result = await run();
    expect(result.images.map(({ version, image }) => [version, image.replace(/-[0-9a-f]{12}$/, '')])).toEqual(
      [
        ['cart/v1', 'r.test/team/cart-v1:0.0.1'],
        ['cart/v2', 'r.test/team/cart-v2:0.0.1'],
        ['price/v1', 'r.test/team/price-v1:0.0.1'],
      ],
    );
    const index = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as Index;
    expect(
      index.manifests.map(({ digest, annotations }) => [
        annotations['org.opencontainers.image.ref.name'],
        digest,
      ]),
    ).toEqual(result.images.map(({ image, digest }) => [image, digest]));
    for (const { digest, size } of result.images) {
      const text = readFileSync(join(path, 'blobs', 'sha256', digest.slice(7)), 'utf8');
      const { config, layers } = JSON.parse(text) as {
        config: { size: number };
        layers: { size: number; digest: string }[];
      };
      const blobs = layers.reduce((sum, layer) => sum + layer.size, config.size + Buffer.byteLength(text));
      expect(size).toBe(blobs);
      for (const layer of layers)
        expect(statSync(join(path, 'blobs', 'sha256', layer.digest.slice(7))).size).toBe(layer.size);
    }
    // Three manifests, configs and binaries, and the one base.
    expect(readdirSync(join(path, 'blobs', 'sha256'))).toHaveLength(10);
    expect(await run()).toEqual(result);
    expect(JSON.parse(readFileSync(join(path, 'index.json'), 'utf8'))).toEqual(index);
    // Nothing of the deploy's own was touched but the builds.
    expect(readdirSync(join(project.root, '.fnmesh'))).toEqual(['builds']);
  });

  test('as an archive: each binary runs, and an equal app gives an equal file', async () => {
    const dir = emptyFolder();
    const path = join(dir, 'images.tar');
    const { images } = await write(THREE, { kind: 'docker-archive', path });
    expect(images.map(({ image }) => image.replace(/-[0-9a-f]{12}$/, ''))).toEqual([
      'cart-v1:0.0.1',
      'cart-v2:0.0.1',
      'price-v1:0.0.1',
    ]);
    execFileSync('tar', ['-xf', path, '-C', dir]);
    const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as {
      RepoTags: string[];
      Layers: string[];
    }[];
    expect(manifest.map(({ RepoTags }) => RepoTags[0])).toEqual(images.map(({ image }) => image));
    const said = manifest.map(({ Layers }, number) => {
      const into = join(dir, `${number}`);
      mkdirSync(into);
      for (const layer of Layers) execFileSync('tar', ['-xzf', join(dir, layer), '-C', into]);
      return execFileSync(join(into, 'function', 'func'), { encoding: 'utf8' });
    });
    expect(said).toEqual(['one', 'two', 'three']);
    const again = join(dir, 'again.tar');
    await write(THREE, { kind: 'docker-archive', path: again });
    expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
  });

  test('beside one that a container tool built: nothing is written, and it is said how to get it', async () => {
    standIns(['podman']);
    const path = join(emptyFolder(), 'images');
    const node = { func: { runtime: 'node', entrypoint: 'node func.js' } };
    const error = await failure(write({ ...THREE, 'price/v2': node }, { kind: 'oci-layout', path }));
    expect(error).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(
        /^price\/v2 was built by podman, which has its image as sha256:/,
      ) as string,
      try: expect.stringMatching(/^podman save -o .*v2\.tar sha256:[0-9a-f]{64}$/) as string,
    });
    expect(existsSync(path)).toBe(false);
  });

  test('beside one that does not compile: nothing is written', async () => {
    const path = join(emptyFolder(), 'images.tar');
    const broken = { ...go(''), files: { ...GO_FILES, 'func.go': 'package main\nfunc main() { x }\n' } };
    const error = await failure(write({ ...THREE, 'cart/v3': broken }, { kind: 'docker-archive', path }));
    expect(error).toMatchObject({
      code: 'failed',
      message: expect.stringContaining('undefined: x') as string,
    });
    expect(existsSync(path)).toBe(false);
  });

  test.each<Output['kind']>(['oci-layout', 'docker-archive'])(
    '%s: a path that cannot be written is named',
    async (kind) => {
      const dir = emptyFolder();
      writeFileSync(join(dir, 'file'), '');
      const one = { 'cart/v1': go('one') };
      // A layout makes its folders, an archive does not.
      const bad = [
        join(dir, 'file', 'images'),
        ...(kind === 'docker-archive' ? [join(dir, 'none', 'images')] : []),
      ];
      for (const path of bad) {
        const error = await failure(write(one, { kind, path }));
        expect([error.message.includes(path), error.try !== undefined]).toEqual([true, true]);
      }
      expect(readdirSync(dir)).toEqual(['file']);
    },
  );

  // Root may write anywhere.
  if (process.getuid?.() !== 0)
    test('a folder without the right to write', async () => {
      const dir = emptyFolder();
      chmodSync(dir, 0o500);
      const error = await failure(
        write({ 'cart/v1': go('one') }, { kind: 'oci-layout', path: join(dir, 'images') }),
      );
      expect(error).toMatchObject({ code: 'failed', message: expect.stringContaining('EACCES') as string });
    });

  test('a layout’s path that is a file, or holds something else', async () => {
    const dir = emptyFolder();
    writeFileSync(join(dir, 'file'), 'mine');
    const one = { 'cart/v1': go('one') };
    const error = await failure(write(one, { kind: 'oci-layout', path: join(dir, 'file') }));
    expect(error).toMatchObject({
      code: 'config',
      message: expect.stringContaining('it is a file') as string,
    });
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('mine');
    mkdirSync(join(dir, 'site'));
    writeFileSync(join(dir, 'site', 'index.json'), '{"name":"my site"}');
    const other = await failure(write(one, { kind: 'oci-layout', path: join(dir, 'site') }));
    expect(other).toMatchObject({ code: 'config', try: expect.any(String) as string });
    expect(readdirSync(join(dir, 'site'))).toEqual(['index.json']);
  });
});
