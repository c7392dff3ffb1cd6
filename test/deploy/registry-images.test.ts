import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Build } from '../../src/build/build.js';
import { CONTAINER_TOOLS } from '../../src/build/container-tool.js';
import { deploy, planDeploy } from '../../src/deploy/deploy.js';
import { output } from '../../src/deploy/output.js';
import type { DeployPorts, ImageOwner } from '../../src/deploy/ports.js';
import { RegistryImages, type RegistryImagesOptions } from '../../src/deploy/registry-images.js';
import { planRollout, rollout } from '../../src/deploy/rollout.js';
import type { FnmeshEvent } from '../../src/events.js';
import type { ObservedFn } from '../../src/fn/observe.js';
import { standIns } from '../build/stand-ins.js';
import { emptyFolder, GO_FILES, has } from '../build/tools.js';
import { hasRegistry, startDockerRegistry, type DockerRegistry } from '../helpers/docker-registry.js';
import { failure } from '../oci/images.js';
import { appFolder, requestFor, stage } from './stage.js';

const HASH = '0123456789abcdef'.repeat(4);
const OWNER: ImageOwner = { app: 'shop', fn: 'cart-v1', name: 'cart-v1', version: '0.0.1' };

type Asked = Partial<Omit<RegistryImagesOptions, 'registry'>> & { registry?: string | null };
const store = ({ registry = 'r.test/team', ...more }: Asked = {}): RegistryImages =>
  new RegistryImages({
    ...{ platform: 'linux/amd64', labels: {}, insecure: false, load: false, emit: () => undefined },
    registry: registry === null ? null : { value: registry, from: 'FN_REGISTRY' },
    ...more,
  });

/** A Go build of any bytes: nobody runs them here. */
function goBuild(hash = HASH, bytes = 'a program'): Build {
  const dir = emptyFolder();
  writeFileSync(join(dir, 'func'), bytes);
  return { hash, dir, command: ['./func'], reused: false, ms: 0 };
}
const containerBuild = (tool: 'docker' | 'podman' = 'docker'): Build => ({
  ...goBuild(),
  command: [],
  container: { tool, id: `sha256:${'1'.repeat(64)}` },
});

describe('the name of an image', () => {
  test.each<[string, Asked, Partial<ImageOwner>, string]>([
    ['registry, name, version and hash', {}, {}, 'r.test/team/cart-v1:0.0.1-0123456789ab'],
    ['a lone host', { registry: '127.0.0.1:5000' }, {}, '127.0.0.1:5000/cart-v1:0.0.1-0123456789ab'],
    ['a registry of Docker Hub', { registry: 'me' }, {}, 'me/cart-v1:0.0.1-0123456789ab'],
    ['a name with a path of its own', {}, { name: 'own.test/x/cart' }, 'own.test/x/cart:0.0.1-0123456789ab'],
    [
      'a name with a path, without registry',
      { registry: null },
      { name: 'me/cart' },
      'me/cart:0.0.1-0123456789ab',
    ],
    ['a tag that was asked for', { tag: 'v7_rc.1' }, {}, 'r.test/team/cart-v1:v7_rc.1'],
    ['no version', {}, { version: '' }, 'r.test/team/cart-v1:0123456789ab'],
    [
      'a version that no tag can hold',
      {},
      { version: '1.0.0+b 7' },
      'r.test/team/cart-v1:1.0.0-b-7-0123456789ab',
    ],
    ['a version that no tag can start with', {}, { version: '.1' }, 'r.test/team/cart-v1:1-0123456789ab'],
    ['loaded, without registry', { registry: null, load: true }, {}, 'cart-v1:0.0.1-0123456789ab'],
  ])('%s', (_, asked, owner, name) => {
    expect(store(asked).nameOf(HASH, { ...OWNER, ...owner })).toBe(name);
  });

  test.each<[string, Partial<ImageOwner>, string]>([
    ['upper-case letters', { name: 'Cart' }, 'config'],
    ['a tag in func.yaml’s name', { name: 'cart:1' }, 'config'],
    ['a version of 200 characters', { version: '1'.repeat(200) }, 'usage'],
  ])('%s: refused', (_, owner, code) => {
    expect(() => store().nameOf(HASH, { ...OWNER, ...owner })).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });

  test('a tag that is none is named as it was given', () => {
    const message = expect.stringMatching(/^--tag "a b" is no tag/) as string;
    expect(() => store({ tag: 'a b' })).toThrow(
      expect.objectContaining({ message, try: '--tag 1.0.0' }) as Error,
    );
  });

  test.each<[string, Asked]>([
    ['a tag that starts with a dash', { tag: '-x' }],
    ['an empty tag', { tag: '' }],
    ['a platform that is none', { platform: 'linux' }],
    ['a platform that Fn does not run on', { platform: 'windows/amd64' }],
  ])('%s: refused before anything is built', (_, asked) => {
    expect(() => store(asked)).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
  });

  test('is known beforehand only where it is loaded', () => {
    expect(store().imageOf(HASH, OWNER)).toBeNull();
    expect(store({ load: true }).imageOf(HASH, OWNER)).toBe('r.test/team/cart-v1:0.0.1-0123456789ab');
  });
});

describe('what is deployed already', () => {
  const DIGEST = `sha256:${'d'.repeat(64)}`;
  const REF = `r.test/team/cart-v1@${DIGEST}`;
  const TAG = '0.0.1-0123456789ab';
  const LOADED = `r.test/team/cart-v1:${TAG}`;
  const live = (ref: string | null, tag?: string, more: { hash?: string; runs?: string } = {}): ObservedFn =>
    ({
      fn: { image: more.runs ?? ref },
      notes: { hash: more.hash ?? HASH, ...(ref !== null && { image: { ref, ...(tag && { tag }) } }) },
    }) as ObservedFn;

  test.each<[string, Asked, Partial<ImageOwner>, ObservedFn | undefined, string | null]>([
    ['the same content, pushed', {}, {}, live(REF, TAG), REF],
    ['nothing', {}, {}, undefined, null],
    ['somebody else’s', {}, {}, { fn: { image: REF }, notes: null } as ObservedFn, null],
    ['another content', {}, {}, live(REF, TAG, { hash: 'other' }), null],
    ['the same, and somebody changed the image since', {}, {}, live(REF, TAG, { runs: 'theirs:1' }), null],
    ['an image that was given', {}, {}, live(null, undefined, { runs: 'given:1' }), null],
    ['a raised version alone', {}, { version: '0.0.2' }, live(REF, TAG), REF],
    ['another registry', { registry: 'other.test' }, {}, live(REF, TAG), null],
    ['another path in it', { registry: 'r.test' }, {}, live(REF, TAG), null],
    ['another name in func.yaml', {}, { name: 'own.test/cart' }, live(REF, TAG), null],
    ['a tag that was asked for, and is there', { tag: 'rc' }, {}, live(REF, 'rc'), REF],
    ['a tag that was asked for, and is not', { tag: 'rc' }, {}, live(REF, TAG), null],
    ['loaded, and is to be pushed', {}, {}, live(LOADED, TAG), null],
    ['pushed, and is to be loaded', { load: true }, {}, live(REF, TAG), null],
  ])('%s', async (_, asked, owner, there, image) => {
    const { runs, asked: versions } = standIns(CONTAINER_TOOLS);
    expect(await store(asked).deployed(HASH, { ...OWNER, ...owner }, there)).toBe(image);
    expect([runs(), versions()]).toEqual([[], 0]);
  });

  describe.each(CONTAINER_TOOLS)('by --load into %s', (tool) => {
    test.each([
      ['with a registry', 'r.test/team', LOADED],
      ['without', null, `cart-v1:${TAG}`],
    ])('%s: as long as it is there', async (_, registry, image) => {
      const { forget } = standIns([tool], { alone: true });
      const images = store({ load: true, registry });
      const asked = (): Promise<string | null> => images.deployed(HASH, OWNER, live(image, TAG));
      expect(await asked()).toBeNull();
      await images.publish(containerBuild(), OWNER);
      expect(await asked()).toBe(image);
      forget();
      expect(await asked()).toBeNull();
    });
  });
});

describe('without a registry', () => {
  test('it is said what to do, before anything is sent', async () => {
    const error = await failure(store({ registry: null }).publish(goBuild(), OWNER));
    expect(error).toMatchObject({
      code: 'config',
      message: 'image cart-v1 has to be pushed for the Fn server to have it, and nobody said where',
      try: expect.stringMatching(/FN_REGISTRY=.*--load/) as string,
    });
  });

  test.runIf(has('go', 'version'))('a deploy and its plan end before anything is built', async () => {
    const { ports, writes } = await stage();
    const request = requestFor(appFolder({ 'cart/v1': { func: { runtime: 'go' }, files: GO_FILES } }));
    for (const force of [false, true]) {
      for (const run of [deploy, planDeploy]) {
        const error = await failure(
          run({ ...request, force }, { ...ports, images: store({ registry: null }) }),
        );
        expect(error).toMatchObject({
          code: 'config',
          message: expect.stringContaining('cart-v1') as string,
        });
      }
    }
    expect([writes, existsSync(request.buildsDir)]).toEqual([[], false]);
  });

  test('what cannot be built is that error', async () => {
    const error = await failure(store().publish({ cannotRun: 'no toolchain', hash: HASH }, OWNER));
    expect(error).toMatchObject({ code: 'failed', message: 'no toolchain' });
  });
});

describe.runIf(hasRegistry)('pushed to a registry', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry();
  });
  afterAll(() => registry.stop());

  const sent = async (from: number) =>
    (await registry.requests()).slice(from).filter(({ method }) => method === 'PUT' || method === 'POST')
      .length;
  const json = async <T>(path: string): Promise<T> => {
    const accept = 'application/vnd.oci.image.manifest.v1+json';
    const answer = await fetch(`${registry.url}/v2/${path}`, { headers: { accept } });
    expect(answer.status).toBe(200);
    return (await answer.json()) as T;
  };

  test('is there under its tag, with its labels, and is named by its digest', async () => {
    const events: FnmeshEvent[] = [];
    const labels = { 'org.opencontainers.image.revision': 'abc', 'fnmesh.dirty': 'true' };
    const images = store({ registry: `${registry.host}/team`, labels, emit: (event) => events.push(event) });
    const published = await images.publish(goBuild(), OWNER);
    expect(published).toEqual({
      image: expect.stringMatching(
        new RegExp(`^${registry.host}/team/cart-v1@sha256:[0-9a-f]{64}$`),
      ) as string,
      tag: '0.0.1-0123456789ab',
      pushed: expect.any(Number) as number,
    });
    const { config } = await json<{ config: { digest: string } }>(`team/cart-v1/manifests/${published.tag}`);
    const { config: made } = await json<{ config: { Labels: object; Entrypoint: string[] } }>(
      `team/cart-v1/blobs/${config.digest}`,
    );
    expect(made).toMatchObject({
      Labels: { ...labels, 'org.opencontainers.image.version': '0.0.1' },
      Entrypoint: ['./func'],
    });
    const name = `${registry.host}/team/cart-v1:0.0.1-0123456789ab`;
    expect(events).toEqual([
      { type: 'push', image: name, state: 'started' },
      { type: 'push', image: name, state: 'pushed', bytes: published.pushed },
    ]);
  });

  test('again, from another machine: no byte', async () => {
    const first = await store({ registry: registry.host }).publish(goBuild(), OWNER);
    expect(first.pushed).toBeGreaterThan(0);
    const from = (await registry.requests()).length;
    const again = await store({ registry: registry.host }).publish(goBuild(), OWNER);
    expect(again).toEqual({ ...first, pushed: 0 });
    expect(await sent(from)).toBe(0);
  });

  test('many at once', async () => {
    const images = store({ registry: `${registry.host}/many` });
    const owners = Array.from({ length: 30 }, (_, n) => ({ ...OWNER, fn: `f${n}`, name: `f${n}` }));
    const all = await Promise.all(
      owners.map((owner, n) => images.publish(goBuild(HASH, `program ${n}`), owner)),
    );
    expect(new Set(all.map(({ image }) => image)).size).toBe(30);
    for (const { image } of all) {
      const [name, digest] = image.replace(`${registry.host}/`, '').split('@');
      await json(`${name}/manifests/${digest}`);
    }
  });

  test('whatever stands in FN_REGISTRY, a name with a path of its own goes there', async () => {
    const own = { ...OWNER, name: `${registry.host}/own/cart` };
    const { image } = await store({ registry: 'nowhere.test:1' }).publish(goBuild(), own);
    expect(image).toMatch(new RegExp(`^${registry.host}/own/cart@sha256:`));
  });

  test('that is not there: one error, and the event that it failed', async () => {
    const events: FnmeshEvent[] = [];
    const images = store({ registry: '127.0.0.1:9', emit: (event) => events.push(event) });
    expect(await failure(images.publish(goBuild(), OWNER))).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('127.0.0.1:9') as string,
    });
    expect(events.map((event) => 'state' in event && event.state)).toEqual(['started', 'failed']);
  });
});

describe.each(CONTAINER_TOOLS)('what %s built', (tool) => {
  test('is pushed by it under the tag', async () => {
    const { runs } = standIns(CONTAINER_TOOLS, { alone: true });
    const build = { ...containerBuild(), container: { tool, id: `sha256:${'1'.repeat(64)}` } };
    const published = await store({ tool }).publish(build, OWNER);
    const name = 'r.test/team/cart-v1:0.0.1-0123456789ab';
    expect(published).toEqual({
      image: expect.stringMatching(/^r\.test\/team\/cart-v1@sha256:[0-9a-f]{64}$/) as string,
      tag: '0.0.1-0123456789ab',
    });
    expect(runs().every((run) => run.tool === tool)).toBe(true);
    expect(runs().at(-1)?.args.at(-1)).toBe(tool === 'docker' ? name : `docker://${name}`);
    expect(runs().at(-1)?.args).not.toContain('--tls-verify=false');
  });

  test('is only named anew with --load', async () => {
    const { runs } = standIns([tool], { alone: true });
    const published = await store({ load: true, registry: null }).publish(containerBuild(), OWNER);
    expect(published).toEqual({ image: 'cart-v1:0.0.1-0123456789ab', tag: '0.0.1-0123456789ab' });
    expect(runs().map(({ args }) => args)).toEqual([
      ['tag', `sha256:${'1'.repeat(64)}`, 'cart-v1:0.0.1-0123456789ab'],
    ]);
  });

  test('a Go program goes into its store as an archive, which does not stay', async () => {
    const { runs } = standIns([tool], { alone: true });
    const published = await store({ load: true }).publish(goBuild(), OWNER);
    expect(published).toEqual({ image: 'r.test/team/cart-v1:0.0.1-0123456789ab', tag: '0.0.1-0123456789ab' });
    const { args } = runs()[0]!;
    const archive = args.at(-1)!.replace('docker-archive:', '');
    expect(args.slice(0, -1)).toEqual(tool === 'buildah' ? ['pull'] : ['load', '-i']);
    expect(existsSync(archive)).toBe(false);
  });
});

test('--insecure goes to the tool as well', async () => {
  const { runs } = standIns(['podman'], { alone: true });
  await store({ tool: 'podman', insecure: true }).publish(containerBuild('podman'), OWNER);
  expect(runs().at(-1)?.args).toContain('--tls-verify=false');
});

test('--load without any container tool says which would do', async () => {
  standIns([], { alone: true });
  expect(await failure(store({ load: true }).publish(goBuild(), OWNER))).toMatchObject({
    code: 'failed',
    try: expect.stringContaining('install podman') as string,
  });
});

test('no env file gets into an image or counts as a change, whatever makes it', async () => {
  const { runs } = standIns(['docker'], { alone: true });
  const { ports } = await stage();
  const files = { '.env': 'A=1', 'prod.vars': 'A=1' };
  const app = appFolder({ 'cart/v1': { files } });
  const { dir } = app.functions[0]!.versions[0]!;
  const request = { ...requestFor(app), envFiles: [join(dir, 'prod.vars')] };
  const images = store({ load: true });
  const all: DeployPorts = { ...ports, images };
  const options = { prune: false, keep: null, bump: false, confirm: () => Promise.resolve(true), drainMs: 0 };
  const named = (result: { versions: { version: string; build: string }[] }): string[] =>
    result.versions.map(({ version, build }) => `${version} ${build}`);
  expect(named(await rollout(request, all, { ...options, as: 'next' }))).toEqual(['v2 built']);
  for (const path of Object.keys(files)) writeFileSync(join(dir, path), 'A=2');
  expect(named(await planRollout(request, all, { as: 'next' }))).toEqual(['v2 unchanged']);
  expect(named(await rollout(request, all, { ...options, as: 'next' }))).toEqual(['v2 unchanged']);
  const path = join(emptyFolder(), 'images');
  const written = output({ ...request, force: true }, { kind: 'oci-layout', path }, images, () => undefined);
  await expect(written).rejects.toThrow(/was built by docker/);
  const contexts = runs().flatMap(({ context }) => (context === undefined ? [] : [context]));
  expect(contexts).toEqual([
    ['func.js', 'func.yaml'],
    ['func.js', 'func.yaml'],
  ]);
});
