import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Build, BuildKind } from '../../src/build/build.js';
import { Builds } from '../../src/build/builds.js';
import { CONTAINER_TOOLS } from '../../src/build/container-tool.js';
import { parsePlatform } from '../../src/build/platform.js';
import { readMarker } from '../../src/build/store.js';
import type { FnmeshEvent } from '../../src/events.js';
import { run } from '../../src/process/run.js';
import type { VersionFolder } from '../../src/project/project.js';
import { standIns } from './stand-ins.js';
import { emptyFolder, GO_FILES, has, options, version, write } from './tools.js';

const HOST = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
const NODE = { runtime: 'node', entrypoint: 'node func.js' };
const NODE_FILES = { 'func.js': '1', 'package.json': '{"dependencies":{"a":"1"}}' };

type Settings = Omit<Partial<Extract<BuildKind, { kind: 'images' }>>, 'platform'> & {
  platform?: string;
  force?: boolean;
  envFiles?: string[];
};

/** Builds of images; the host's platform unless told otherwise. */
function images(root: string, settings: Settings = {}): Builds & { events: FnmeshEvent[] } {
  const { platform = HOST, force = false, envFiles, ...more } = settings;
  const kind: BuildKind = { kind: 'images', labels: {}, ...more, platform: parsePlatform(platform) };
  const all = options(root, force);
  return Object.assign(new Builds({ ...all, envFiles, for: kind }), { events: all.events });
}
const build = async (of: VersionFolder, root: string, settings: Settings = {}): Promise<Build> =>
  (await images(root, settings).one(of)) as Build;
const hashOf = async (of: VersionFolder, root: string, settings: Settings = {}): Promise<string> => {
  const [plan] = await images(root, settings).plan([of]);
  return plan && 'hash' in plan ? plan.hash : `error: ${plan?.error.message}`;
};

describe.skipIf(!has('go', 'version'))('Go for another platform', () => {
  // ELF-64 and -32 headers: e_machine stands at byte 18.
  test.each([
    ['linux/arm64', 183, /GOARCH=arm64\n/],
    ['linux/arm/v6', 40, /GOARM=6\n/],
  ])(
    '%s',
    async (platform, machine, setting) => {
      const root = emptyFolder();
      const made = await build(version(root, GO_FILES), root, { platform });
      expect(made).toMatchObject({ command: ['./func'], reused: false });
      expect(made).not.toHaveProperty('container');
      const program = readFileSync(join(made.dir, 'func'));
      expect([program.toString('latin1', 0, 4), program.readUInt16LE(18)]).toEqual(['\x7fELF', machine]);
      const { stdout } = await run('go', ['version', '-m', join(made.dir, 'func')]);
      expect(`${stdout}\n`).toMatch(setting);
      expect(stdout).toContain('CGO_ENABLED=0');
    },
    120_000,
  );

  test('each platform has a build of its own; the host’s is that of a process', async () => {
    const root = emptyFolder();
    const v1 = version(root, GO_FILES);
    const process = (await new Builds(options(root)).one(v1)) as Build;
    expect(await build(v1, root)).toMatchObject({ hash: process.hash, dir: process.dir, reused: true });
    const platforms = [HOST, 'linux/s390x', 'linux/arm/v6', 'linux/arm/v7'];
    const hashes = await Promise.all(platforms.map((platform) => hashOf(v1, root, { platform })));
    expect(new Set(hashes).size).toBe(4);
    expect(await hashOf(v1, root, { labels: { revision: 'a' }, tool: 'podman' })).toBe(process.hash);
  });

  test('is for the oldest processors, whatever this machine’s user builds for', async () => {
    const root = emptyFolder();
    const before = { ...process.env };
    try {
      process.env['GOAMD64'] = 'v3';
      const made = await build(version(root, GO_FILES), root, { platform: 'linux/amd64' });
      const { stdout } = await run('go', ['version', '-m', join(made.dir, 'func')]);
      expect(stdout).toContain('GOAMD64=v1');
    } finally {
      process.env = before;
    }
  });

  test('needs no container tool, until func.yaml wants an image of its own', async () => {
    const root = emptyFolder();
    const { runs } = standIns(CONTAINER_TOOLS);
    const stamped = { build_image: 'fnproject/go:1.24-dev', run_image: 'fnproject/go:1.24' };
    expect((await build(version(root, GO_FILES, stamped), root)).container).toBeUndefined();
    expect(runs()).toEqual([]);
    const own = version(root, GO_FILES, { run_image: 'registry.test/with-fonts:1' });
    expect((await build(own, root)).container?.tool).toBe('docker');
    expect(runs()[0]?.dockerfile).toContain('FROM registry.test/with-fonts:1\n');
    const dockerfile = version(root, { ...GO_FILES, Dockerfile: 'FROM scratch\n' }, {}, 'v2');
    expect((await build(dockerfile, root)).container?.tool).toBe('docker');
  });
});

describe('an image by a container tool', () => {
  test('of a copy of what was hashed, with the Dockerfile of its language', async () => {
    const root = emptyFolder();
    const { runs } = standIns(CONTAINER_TOOLS);
    const left = { 'node_modules/a/index.js': '', '.git/HEAD': '', 'app.yaml': '', '.fnmesh/builds/x': '' };
    const v1 = version(root, { ...NODE_FILES, ...left, 'lib/a.js': '', '.dockerignore': 'x' }, NODE);
    const before = readdirSync(v1.dir);
    const labels = { 'org.opencontainers.image.revision': 'abc' };
    const made = await build(v1, root, { platform: 'linux/arm64', labels });
    const [told] = runs();
    expect(told?.context).toEqual(['.dockerignore', 'func.js', 'func.yaml', 'lib/a.js', 'package.json']);
    expect(told?.dockerfile).toMatch(/^FROM fnproject\/node:24-dev AS build-stage\n[^]*RUN npm install/);
    expect(told?.args.join(' ')).toContain('--platform linux/arm64');
    expect(told?.args.join(' ')).toContain(`-t fnmesh.local/build:${made.hash.slice(0, 12)} `);
    expect(told?.args.join(' ')).toContain('--label org.opencontainers.image.revision=abc ');
    const id = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string;
    expect(made).toMatchObject({ command: [], reused: false, container: { tool: 'docker', id } });
    expect(readMarker(join(root, '.fnmesh/builds'), made.hash)?.container).toEqual(made.container);
    expect(readdirSync(made.dir).sort()).toEqual(['.fnmesh-build.json', 'Dockerfile']);
    expect(readdirSync(v1.dir)).toEqual(before);
  });

  test('a Dockerfile wins, and gets its folder as it lies', async () => {
    const root = emptyFolder();
    const { runs } = standIns(CONTAINER_TOOLS);
    const files = { ...NODE_FILES, Dockerfile: 'FROM scratch\nCOPY . /\n', 'node_modules/a/index.js': '' };
    const v1 = version(root, files, NODE);
    expect(await build(v1, root)).toMatchObject({ container: { tool: 'docker' } });
    const [told] = runs();
    expect(told).toMatchObject({ dockerfile: files.Dockerfile });
    expect(told?.args.slice(-3)).toEqual(['-f', join(v1.dir, 'Dockerfile'), v1.dir]);
    expect(told?.context).toContain('node_modules/a/index.js');
  });

  test('a Dockerfile in the app’s own folder does not get the builds', async () => {
    const root = emptyFolder();
    const { runs } = standIns(CONTAINER_TOOLS);
    write(root, { 'app.yaml': 'name: cart\n', 'func.yaml': '', Dockerfile: 'FROM scratch\n', 'lib/a': '' });
    write(root, { '.fnmesh/builds/old/func': 'large' });
    const v1 = { ...version(root, {}, { runtime: 'docker' }), dir: root, file: join(root, 'func.yaml') };
    rmSync(join(root, 'cart'), { recursive: true });
    const { dir } = await build(v1, root);
    expect(runs()[0]?.context).toEqual(['Dockerfile', 'app.yaml', 'func.yaml', 'lib/a']);
    expect(readdirSync(dir)).toEqual(['.fnmesh-build.json']);
  });

  test('unchanged: reused, unless the tool has it no longer; --force: every step anew', async () => {
    const root = emptyFolder();
    const { runs, forget } = standIns(CONTAINER_TOOLS);
    const v1 = version(root, NODE_FILES, NODE);
    const builds = () => runs().filter(({ args }) => args[0] === 'build');
    const first = await build(v1, root);
    expect(await build(v1, root)).toMatchObject({
      hash: first.hash,
      reused: true,
      container: first.container,
    });
    expect(builds()).toHaveLength(1);
    forget();
    expect(await build(v1, root)).toMatchObject({ hash: first.hash, reused: false });
    expect(builds()).toHaveLength(2);
    const forced = await build(v1, root, { force: true });
    expect(forced.hash).not.toBe(first.hash);
    expect(builds().map(({ args }) => args.includes('--no-cache'))).toEqual([false, false, true]);
    expect(await build(v1, root)).toMatchObject({ hash: forced.hash, reused: true });
  });

  test('a failed build is the error, and leaves nothing behind', async () => {
    const root = emptyFolder();
    const { fail } = standIns(['podman'], { alone: true });
    fail('podman build');
    await expect(build(version(root, NODE_FILES, NODE), root)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('COPY failed: file not found') as string,
    });
    expect(readdirSync(join(root, '.fnmesh/builds'))).toEqual([]);
  });

  test('without a tool: says which version needs it, and why', async () => {
    const root = emptyFolder();
    standIns([], { alone: true });
    await expect(build(version(root, NODE_FILES, NODE), root)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(
        /^cart\/v1 needs docker, podman or buildah for runtime node: no container tool can be used: docker is not installed/,
      ) as string,
      try: expect.stringContaining('install podman') as string,
    });
    await expect(build(version(root, { Dockerfile: 'FROM scratch' }, {}, 'v2'), root)).rejects.toThrow(
      /^cart\/v2 needs .* for its Dockerfile: /,
    );
  });

  test('what a Dockerfile cannot be made for is said without asking any tool', async () => {
    const root = emptyFolder();
    const { asked } = standIns(CONTAINER_TOOLS);
    const outside = JSON.stringify({ dependencies: { shared: 'file:../../shared' } });
    const cases: [Parameters<typeof version>[1], Parameters<typeof version>[2], RegExp][] = [
      [
        {},
        { runtime: 'cobol' },
        /func\.yaml: runtime cobol is none of go, node, python, ruby, java, kotlin$/,
      ],
      [{}, { runtime: 'docker' }, /func\.yaml: runtime docker needs a Dockerfile/],
      [{ 'package.json': outside }, NODE, /package\.json: \.\.\/\.\.\/shared lies outside of the folder/],
      [{ 'package.json': '{' }, NODE, /package\.json: /],
    ];
    for (const [at, [files, func, why]] of cases.entries()) {
      const error = build(version(root, files, func, `v${at + 1}`), root);
      await expect(error).rejects.toMatchObject({
        code: 'config',
        message: expect.stringMatching(why) as string,
      });
    }
    expect(asked()).toBe(0);
    expect(existsSync(join(root, '.fnmesh'))).toBe(false);
  });

  test('commands under build are not run, which is said once', async () => {
    const root = emptyFolder();
    standIns(CONTAINER_TOOLS);
    const v1 = version(root, NODE_FILES, { ...NODE, build: ['touch /tmp/x'] });
    const builds = images(root);
    await builds.plan([v1]);
    await builds.all([v1]);
    const warnings = builds.events.filter((event) => event.type === 'warning');
    expect(warnings).toEqual([{ type: 'warning', text: expect.stringContaining(v1.file) as string }]);
    const processes = options(root);
    await new Builds(processes).plan([v1]);
    expect(processes.events).toEqual([]);
  });
});

describe('env files', () => {
  const SECRETS = { '.env': 'A=1', 'lib/.env.local': 'A=1', 'prod.vars': 'A=1' };

  test('get into no image that is made here, nor into its hash', async () => {
    const root = emptyFolder();
    const { runs } = standIns(CONTAINER_TOOLS);
    const v1 = version(root, { ...NODE_FILES, 'lib/a.js': '', '.env.example': 'A=' }, NODE);
    const envFiles = [join(v1.dir, 'prod.vars'), join(root, 'elsewhere')];
    const before = await hashOf(v1, root, { envFiles });
    write(v1.dir, SECRETS);
    const builds = images(root, { envFiles });
    const made = (await builds.one(v1)) as Build;
    expect(made.hash).toBe(before);
    expect(runs()[0]?.context).toEqual(['.env.example', 'func.js', 'func.yaml', 'lib/a.js', 'package.json']);
    expect(readdirSync(made.dir).sort()).toEqual(['.fnmesh-build.json', 'Dockerfile']);
    expect(builds.events.filter(({ type }) => type === 'warning')).toEqual([]);
  });

  test('a process finds them in its build folder, as they do not leave this machine', async () => {
    const root = emptyFolder();
    const v1 = version(root, { 'func.js': '1', ...SECRETS }, NODE);
    const settings = { ...options(root), envFiles: [join(v1.dir, 'prod.vars')] };
    const { dir } = (await new Builds(settings).one(v1)) as Build;
    for (const path of Object.keys(SECRETS)) expect(readFileSync(join(dir, path), 'utf8')).toBe('A=1');
  });

  test.skipIf(!has('go', 'version'))('count for no Go program, image or process, nor beside it', async () => {
    const root = emptyFolder();
    const shared = { 'go.mod': 'module shared\n', 'shared.go': 'package shared\n' };
    write(join(root, 'shared'), shared);
    const replace = 'require shared v0.0.0\nreplace shared => ../../shared\n';
    const v1 = version(root, { ...GO_FILES, 'go.mod': `${GO_FILES['go.mod']}${replace}` });
    const envFiles = [join(v1.dir, 'prod.vars')];
    const plan = async (): Promise<unknown[]> => [
      await hashOf(v1, root, { envFiles }),
      (await new Builds({ ...options(root), envFiles }).plan([v1]))[0],
    ];
    const before = await plan();
    write(v1.dir, SECRETS);
    write(join(root, 'shared'), { '.env': 'A=1' });
    expect(await plan()).toEqual(before);
    write(join(root, 'shared'), { 'shared.go': 'package shared\n\nconst A = 1\n' });
    expect(await plan()).not.toEqual(before);
  });

  test.each<[string, Record<string, string>, string | null]>([
    ['.env', { '.env': 'A=1' }, '.env'],
    ['one of a folder in it', { 'lib/.env.local': 'A=1' }, 'lib/.env.local'],
    ['one that fnmesh.yaml lists', { 'prod.vars': 'A=1' }, 'prod.vars'],
    ['one of two', { '.env': '', '.env.local': '', '.dockerignore': '.env' }, '.env.local'],
    ['one that is ignored', { '.env': 'A=1', '.dockerignore': '**/.env*' }, null],
    ['an example', { '.env.example': 'A=' }, null],
  ])('a Dockerfile’s own folder with %s', async (_, files, warned) => {
    const root = emptyFolder();
    standIns(CONTAINER_TOOLS);
    const v1 = version(root, { Dockerfile: 'FROM scratch\nCOPY . /\n', ...files }, NODE);
    const settings = { envFiles: [join(v1.dir, 'prod.vars')] };
    const builds = images(root, settings);
    await builds.plan([v1]);
    await builds.all([v1]);
    const texts = builds.events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
    const ignore = join(v1.dir, '.dockerignore');
    const text = `cart/v1: ${warned} gets into the image if the Dockerfile copies it, as COPY . does: name it in ${ignore}`;
    expect(texts).toEqual(warned === null ? [] : [text]);
    const before = await hashOf(v1, root, settings);
    const secret = Object.keys(files).find((path) => path !== '.dockerignore') as string;
    write(v1.dir, { [secret]: 'A=2' });
    // What may be in the image counts.
    const counts = warned !== null || secret === '.env.example';
    expect((await hashOf(v1, root, settings)) !== before).toBe(counts);
  });
});

describe('the hash of an image', () => {
  type Change = { files?: Record<string, string>; func?: object; settings?: Settings };
  test.each<[string, Change, boolean]>([
    ['a file', { files: { 'func.js': '2' } }, true],
    ['func.yaml, which is copied', { files: { 'func.yaml': 'memory: 256' } }, true],
    ['.dockerignore', { files: { '.dockerignore': 'a' } }, true],
    ['a Dockerfile', { files: { Dockerfile: 'FROM scratch' } }, true],
    ['the run image', { func: { run_image: 'fnproject/node:22' } }, true],
    ['the platform', { settings: { platform: 'linux/s390x' } }, true],
    ['the tool', { settings: { tool: 'buildah' } }, true],
    ['labels', { settings: { labels: { revision: 'b' } } }, false],
    ['installed packages', { files: { 'node_modules/a/index.js': '' } }, false],
    ['what is sent to Fn only', { func: { memory: 256, config: { A: 'b' } } }, false],
  ])('%s: %s', async (_, { files = {}, func = {}, settings = {} }, counts) => {
    const root = emptyFolder();
    standIns(CONTAINER_TOOLS);
    // func.yaml is a file of the folder, too: here only what was read of it differs.
    const same = { ...NODE_FILES, 'func.yaml': '' };
    const before = await hashOf(version(root, same, NODE), root);
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    const other = emptyFolder();
    const after = await hashOf(version(other, { ...same, ...files }, { ...NODE, ...func }), other, settings);
    expect(after !== before).toBe(counts);
  });
});

test('a plan builds nothing, asks once which tool there is, and says what is there', async () => {
  const root = emptyFolder();
  const { runs, asked } = standIns(CONTAINER_TOOLS);
  const versions = ['v1', 'v2', 'v3'].map((name) => version(root, { 'func.js': name }, NODE, name));
  const broken = version(root, {}, { runtime: 'cobol' }, 'v4');
  const builds = images(root);
  const plans = await builds.plan([...versions, broken]);
  expect(plans.map((plan) => ('error' in plan ? plan.error.code : plan.ready))).toEqual([
    false,
    false,
    false,
    'config',
  ]);
  expect(runs()).toEqual([]);
  expect(asked()).toBe(1);
  const outcomes = await builds.all([...versions, broken]);
  expect(outcomes.map((outcome) => 'error' in outcome)).toEqual([false, false, false, true]);
  expect(runs().filter(({ args }) => args[0] === 'build')).toHaveLength(3);
  expect(asked()).toBe(1);
  const hashes = outcomes.map((outcome) => ('result' in outcome ? outcome.result.hash : ''));
  const again = await images(root).plan(versions);
  expect(again.map((plan) => ('hash' in plan && plan.ready ? plan.hash : ''))).toEqual(hashes.slice(0, 3));
});
