import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { OciImage } from '../../src/oci/blob.js';
import { digestOf } from '../../src/oci/blob.js';
import { goImage } from '../../src/oci/image.js';
import { parseReference } from '../../src/oci/reference.js';
import { Registry } from '../../src/oci/registry.js';
import type { DockerRegistry } from '../helpers/docker-registry.js';
import { hasRegistry, startDockerRegistry } from '../helpers/docker-registry.js';
import { failure, push, testImage } from './images.js';
import { manifestProblems } from './schema.js';

const dir = mkdtempSync(join(tmpdir(), 'fnmesh-push-'));
afterAll(() => rmSync(dir, { recursive: true }));

const image = (content?: Buffer): Promise<OciImage> => testImage(dir, content);

const sum = (built: OciImage): number =>
  [...built.layers, built.config, built.manifest].reduce((all, { size }) => all + size, 0);

async function pulled(url: string, authorization?: string): Promise<Buffer> {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const answer = await fetch(url, { headers: { accept, ...(authorization && { authorization }) } });
  expect(answer.status).toBe(200);
  return Buffer.from(await answer.arrayBuffer());
}

/** An image is in the registry, whole, under its tag. */
async function expectThere(registry: DockerRegistry, repository: string, tag: string, built: OciImage) {
  const base = `${registry.url}/v2/${repository}`;
  expect(await pulled(`${base}/manifests/${tag}`)).toEqual(built.manifest.bytes);
  expect(await pulled(`${base}/manifests/${built.digest}`)).toEqual(built.manifest.bytes);
  for (const { digest, bytes } of [built.config, ...built.layers]) {
    const got = await pulled(`${base}/blobs/${digest}`);
    expect(digestOf(got)).toBe(digest);
    expect(got.equals(bytes)).toBe(true);
  }
}

describe.runIf(hasRegistry)('a real registry', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry();
  });
  afterAll(() => registry.stop());

  const since = async (from: number) => (await registry.requests()).slice(from);
  const uploads = async (from: number) =>
    (await since(from)).filter(({ method }) => method === 'PUT' || method === 'POST');

  test('a push can be pulled by tag and digest, and its manifest is what the OCI schema asks for', async () => {
    const built = await image();
    const result = await push(built, `${registry.host}/team/first:1.0`);
    expect(result).toEqual({
      digest: built.digest,
      reference: `${registry.host}/team/first@${built.digest}`,
      pushedBytes: sum(built),
      skippedBlobs: 0,
      mounted: 0,
    });
    await expectThere(registry, 'team/first', '1.0', built);
    const manifest = await pulled(`${registry.url}/v2/team/first/manifests/1.0`);
    expect(manifestProblems(JSON.parse(manifest.toString()))).toEqual([]);
  });

  test('the second push sends nothing, not even by another run', async () => {
    const built = await image();
    await push(built, `${registry.host}/twice:1`);
    const from = (await registry.requests()).length;
    expect(await push(built, `${registry.host}/twice:1`)).toMatchObject({ pushedBytes: 0, skippedBlobs: 3 });
    expect((await since(from)).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v2/',
      'HEAD /v2/twice/manifests/1',
    ]);
  });

  test('another tag of the same image sends the manifest only', async () => {
    const built = await image();
    await push(built, `${registry.host}/tags:1`);
    expect(await push(built, `${registry.host}/tags:2`)).toMatchObject({
      pushedBytes: built.manifest.size,
      skippedBlobs: 3,
    });
    await expectThere(registry, 'tags', '2', built);
  });

  test('a tag moves to the new image, which sends only its own layer', async () => {
    const [before, after] = [await image(), await image()];
    await push(before, `${registry.host}/moves:1`);
    const result = await push(after, `${registry.host}/moves:1`);
    expect(result).toMatchObject({ skippedBlobs: 1, pushedBytes: sum(after) - after.layers[0]!.size });
    await expectThere(registry, 'moves', '1', after);
    await expectThere(registry, 'moves', before.digest, before);
  });

  test('without a tag an image is there under its digest', async () => {
    const built = await image();
    await push(built, `${registry.host}/untagged`);
    await expectThere(registry, 'untagged', built.digest, built);
    expect((await push(built, `${registry.host}/untagged`)).pushedBytes).toBe(0);
  });

  test('a reference with the digest of another image is refused', async () => {
    const [one, two] = [await image(), await image()];
    const error = await failure(push(one, `${registry.host}/x@${two.digest}`));
    expect(error.code).toBe('usage');
  });

  test('many pushes at once: the common layer is sent once and mounted by the others', async () => {
    const empty = await startDockerRegistry();
    try {
      const run = new Registry();
      const images = await Promise.all(Array.from({ length: 8 }, () => image()));
      const results = await Promise.all(
        images.map((built, index) => run.push(built, parseReference(`${empty.host}/many/f${index}:1`))),
      );
      const base = encodeURIComponent(images[0]!.layers[0]!.digest);
      const named = (await empty.requests()).filter(
        ({ method, path }) => method !== 'HEAD' && path.includes(base),
      );
      expect(named.map(({ method, status }) => `${method} ${status}`).sort()).toEqual([
        ...Array<string>(7).fill('POST 201'),
        'PUT 201',
      ]);
      expect(results.map(({ mounted }) => mounted).sort()).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
      expect(results.every(({ skippedBlobs }) => skippedBlobs === 0)).toBe(true);
      const all = images.reduce((bytes, built) => bytes + sum(built), 0);
      const sent = results.reduce((bytes, { pushedBytes }) => bytes + pushedBytes, 0);
      expect(sent).toBe(all - 7 * images[0]!.layers[0]!.size);
      for (let index = 0; index < 8; index++) {
        await expectThere(empty, `many/f${index}`, '1', images[index]!);
      }
    } finally {
      await empty.stop();
    }
  });

  test('the same image pushed several times at once to one repository is sent once', async () => {
    const run = new Registry();
    const built = await image();
    const from = (await registry.requests()).length;
    const reference = parseReference(`${registry.host}/same:1`);
    await Promise.all(Array.from({ length: 5 }, () => run.push(built, reference)));
    const blobs = (await uploads(from)).filter(
      ({ method, path }) => method === 'PUT' && path.includes('digest='),
    );
    expect(blobs).toHaveLength(3);
    await expectThere(registry, 'same', '1', built);
  });

  test('killed in mid-upload and started again: the next push completes', async () => {
    const built = await image(randomBytes(3_000_000));
    let passed = 0;
    const slow = await slowProxy(Number(registry.host.split(':')[1]), (bytes) => (passed += bytes));
    const run = new Registry({ attempts: 2, uploads: 1 });
    const pushing = failure(run.push(built, parseReference(`127.0.0.1:${slow.port}/killed:1`)));
    await vi.waitUntil(() => passed > 1_000_000, { timeout: 20_000, interval: 5 });
    await registry.kill();
    const error = await pushing;
    expect(error.code).toMatch(/unreachable|failed/);
    slow.close();
    await registry.restart();
    const again = await push(built, `${registry.host}/killed:1`);
    expect(again.pushedBytes).toBeGreaterThan(3_000_000);
    await expectThere(registry, 'killed', '1', built);
  });

  test('a push rides over a restart of the registry', async () => {
    const built = await image(randomBytes(3_000_000));
    let passed = 0;
    const slow = await slowProxy(Number(registry.host.split(':')[1]), (bytes) => (passed += bytes));
    const run = new Registry({ attempts: 8 });
    const pushing = run.push(built, parseReference(`127.0.0.1:${slow.port}/rides:1`));
    await vi.waitUntil(() => passed > 1_000_000, { timeout: 20_000, interval: 5 });
    await registry.kill();
    await registry.restart();
    await pushing;
    slow.close();
    await expectThere(registry, 'rides', '1', built);
  });

  test('the binary that comes back runs as user 1000 in a folder it cannot write', async () => {
    const source = join(dir, 'go');
    mkdirSync(source);
    writeFileSync(join(source, 'go.mod'), 'module func\n\ngo 1.21\n');
    writeFileSync(
      join(source, 'main.go'),
      `package main
import ("fmt"; "os")
func main() {
	err := os.WriteFile("written", nil, 0o644)
	fmt.Println(os.Getuid(), os.Getgid(), err != nil)
}
`,
    );
    const built = spawnSync('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', join(dir, 'runs'), '.'], {
      cwd: source,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    });
    expect(built.stderr.toString()).toBe('');
    const pushed = await goImage({
      binary: join(dir, 'runs'),
      entrypoint: ['./func'],
      labels: {},
      platform: { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' },
    });
    await push(pushed, `${registry.host}/runs:1`);

    const root = join(dir, 'root');
    mkdirSync(root);
    chmodSync(dir, 0o755);
    const manifest = JSON.parse((await pulled(`${registry.url}/v2/runs/manifests/1`)).toString()) as {
      layers: { digest: string }[];
    };
    for (const { digest } of manifest.layers) {
      const input = await pulled(`${registry.url}/v2/runs/blobs/${digest}`);
      expect(spawnSync('tar', ['-xzp', '-C', root], { input }).stderr.toString()).toBe('');
    }
    expect(spawnSync('cmp', [join(dir, 'runs'), join(root, 'function/func')]).status).toBe(0);
    const cwd = join(root, 'function');
    chmodSync(cwd, 0o555);
    const asRoot = process.getuid?.() === 0;
    const ran = spawnSync(join(cwd, 'func'), [], { cwd, ...(asRoot && { uid: 1000, gid: 1000 }) });
    const { uid, gid } = asRoot
      ? { uid: 1000, gid: 1000 }
      : { uid: process.getuid?.(), gid: process.getgid?.() };
    expect(ran.stdout.toString()).toBe(`${uid} ${gid} true\n`);
  });
});

/** Passes bytes on to a port, uploads at some 5 MB a second. */
async function slowProxy(port: number, passed: (bytes: number) => void) {
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    from.on('data', (piece) => {
      passed(piece.length);
      to.write(piece);
      from.pause();
      setTimeout(() => from.resume(), piece.length / 5_000);
    });
    to.pipe(from);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
