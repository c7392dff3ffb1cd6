import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ContainerToolName } from '../../src/build/container-tool.js';
import { CONTAINER_TOOLS, findContainerTool } from '../../src/build/container-tool.js';
import { standIns } from './stand-ins.js';
import { emptyFolder, write } from './tools.js';

const found = async (asked?: ContainerToolName): Promise<string> => (await findContainerTool(asked)).name;
const digest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** What is built, with the given tool. */
function context(): { context: string; dockerfile: string } {
  const dir = emptyFolder();
  write(dir, { Dockerfile: 'FROM scratch\n', 'context/a': '1' });
  return { context: join(dir, 'context'), dockerfile: join(dir, 'Dockerfile') };
}
const what = {
  image: 'fnmesh.local/build:abc',
  platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
  labels: { revision: 'a b=c', 'org.test/x': '' },
};

describe('which tool', () => {
  test('the first that is there', async () => {
    standIns(['buildah', 'podman'], { alone: true });
    expect(await found()).toBe('podman');
  });

  test('the one asked for, then the one of FN_CONTAINER_ENGINETYPE', async () => {
    standIns(CONTAINER_TOOLS, { alone: true });
    expect(await found('buildah')).toBe('buildah');
    process.env['FN_CONTAINER_ENGINETYPE'] = 'podman';
    expect(await found()).toBe('podman');
    expect(await found('docker')).toBe('docker');
    process.env['FN_CONTAINER_ENGINETYPE'] = 'containerd';
    await expect(found()).rejects.toMatchObject({
      code: 'usage',
      message: 'FN_CONTAINER_ENGINETYPE is "containerd", and must be one of docker, podman, buildah',
    });
  });

  test('none: says what would do', async () => {
    standIns([], { alone: true });
    await expect(found()).rejects.toMatchObject({
      code: 'failed',
      message:
        'no container tool can be used: docker is not installed; podman is not installed; buildah is not installed',
      try: expect.stringContaining('install podman') as string,
    });
    await expect(found('buildah')).rejects.toMatchObject({
      message: 'buildah is not installed',
      try: 'sudo apt-get install buildah',
    });
  });

  test('a docker whose daemon is down is passed over, and said so when nothing is left', async () => {
    const { fail } = standIns(['docker', 'buildah'], { alone: true });
    fail('docker version');
    expect(await found()).toBe('buildah');
    fail('docker version', 'buildah version');
    await expect(found()).rejects.toMatchObject({
      message: expect.stringMatching(
        /docker does not answer \(Cannot connect to the Docker daemon at .*\); podman is not installed; buildah does not answer/,
      ) as string,
      try: expect.stringContaining('start Docker') as string,
    });
    await expect(found('docker')).rejects.toMatchObject({
      message: expect.not.stringContaining('podman') as string,
    });
  });

  test('a docker that the user may not talk to', async () => {
    const { fail } = standIns(['docker'], { alone: true });
    fail('docker permission');
    await expect(found()).rejects.toMatchObject({ try: expect.stringContaining('usermod') as string });
  });

  test('a docker that is podman is told what podman understands', async () => {
    const { fail, runs } = standIns(['docker'], { alone: true });
    fail('docker is podman');
    const tool = await findContainerTool();
    expect(tool.name).toBe('podman');
    await tool.build({ ...what, ...context() });
    expect(runs()[0]).toMatchObject({
      tool: 'docker',
      args: expect.arrayContaining(['--format']) as string[],
    });
  });
});

describe.each(CONTAINER_TOOLS)('%s', (name) => {
  test('builds', async () => {
    const { runs } = standIns(CONTAINER_TOOLS);
    const tool = await findContainerTool(name);
    const place = context();
    const { id } = await tool.build({ ...what, ...place });
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    const [run] = runs();
    expect(run).toMatchObject({ tool: name, dockerfile: 'FROM scratch\n', context: ['a'] });
    const iidfile = run?.args[2];
    expect(run?.args).toEqual([
      ...['build', '--iidfile', iidfile, '--platform', 'linux/arm/v7', '-t', what.image],
      ...['--label', 'revision=a b=c', '--label', 'org.test/x='],
      ...(name === 'docker' ? [] : ['--format', 'docker']),
      ...['-f', place.dockerfile, place.context],
    ]);
    expect(await tool.has(id)).toBe(true);
    expect(await tool.has(what.image)).toBe(true);
    expect(await tool.has(digest('another'))).toBe(false);
    await tool.build({ ...what, ...place, noCache: true });
    expect(runs().at(-1)?.args).toContain('--no-cache');
  });

  test('a failed build is the error, with the end of what the tool said', async () => {
    const { fail } = standIns(CONTAINER_TOOLS);
    const tool = await findContainerTool(name);
    fail(`${name} build`);
    await expect(tool.build({ ...what, ...context() })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/exited with 1\n.*Step 1\/3[^]*COPY failed: file not found/) as string,
    });
    fail(`${name} foreign`);
    await expect(tool.build({ ...what, ...context() })).rejects.toMatchObject({
      message: expect.stringContaining('exec format error') as string,
      try: expect.stringContaining('linux/arm/v7') as string,
    });
    fail(`${name} iidfile`);
    await expect(tool.build({ ...what, ...context() })).rejects.toThrow(/gave no digest/);
  });

  test('pushes', async () => {
    const { runs, fail } = standIns(CONTAINER_TOOLS);
    const tool = await findContainerTool(name);
    const push = (to: string, options = {}) => tool.push('sha256:00', to, options);
    const to = 'registry.test/me/cart:0.0.1';
    expect(await push(to)).toEqual({ digest: digest(to) });
    const commands = runs().map(({ args }) =>
      args.map((arg) => (arg.includes('fnmesh-image-') ? 'FILE' : arg)),
    );
    expect(commands).toEqual(
      name === 'docker'
        ? [
            ['tag', 'sha256:00', to],
            ['push', to],
          ]
        : [['push', '--digestfile', 'FILE', 'sha256:00', `docker://${to}`]],
    );
    fail(`${name} push`);
    await expect(push(to)).rejects.toMatchObject({
      message: expect.stringMatching(/denied|unauthorized/) as string,
      try: `${name} login registry.test`,
    });
    await expect(push('me/cart:1')).rejects.toMatchObject({ try: `${name} login docker.io` });
    fail(`${name} network`);
    await expect(push(to)).rejects.toMatchObject({ code: 'failed', try: undefined });
  });

  test('takes an archive', async () => {
    const { runs } = standIns(CONTAINER_TOOLS);
    const tool = await findContainerTool(name);
    await tool.load('/tmp/a.tar');
    await tool.load('-a.tar');
    const archive = name === 'buildah' ? ['pull', 'docker-archive:/tmp/a.tar'] : ['load', '-i', '/tmp/a.tar'];
    expect(runs()[0]?.args).toEqual(archive);
    expect(runs()[1]?.args.at(-1)).toContain(join(process.cwd(), '-a.tar'));
    if (name === 'buildah') await expect(tool.load('/tmp/a:b.tar')).rejects.toMatchObject({ code: 'usage' });
  });

  test.each(['-x', '--all-tags', '', 'a b', 'a\nb', 'a;b', '$(a)'])('refuses the name %j', async (bad) => {
    const { runs } = standIns(CONTAINER_TOOLS);
    const tool = await findContainerTool(name);
    const refused = { code: 'usage' };
    await expect(tool.push('sha256:00', bad)).rejects.toMatchObject(refused);
    await expect(tool.push(bad, 'registry.test/a:1')).rejects.toMatchObject(refused);
    await expect(tool.build({ ...what, ...context(), image: bad })).rejects.toMatchObject(refused);
    expect(runs()).toEqual([]);
  });
});

test.each(['podman', 'buildah'] as const)('%s takes plain http on loopback and where told', async (name) => {
  const { runs } = standIns(CONTAINER_TOOLS);
  const tool = await findContainerTool(name);
  const destinations = [
    '127.0.0.1:5000/a:1',
    'localhost/a:1',
    '[::1]:5000/a:1',
    'r.test/a:1',
    '127.0.0.1.test/a:1',
  ];
  for (const destination of destinations) await tool.push('sha256:00', destination);
  await tool.push('sha256:00', 'r.test/a:1', { insecure: true });
  const plain = runs().map(({ args }) => args.includes('--tls-verify=false'));
  expect(plain).toEqual([true, true, true, false, false, true]);
});

test('docker that does not print the digest is asked for it', async () => {
  const { fail } = standIns(['docker']);
  const tool = await findContainerTool('docker');
  fail('docker digest');
  const to = 'registry.test:5000/me/cart:0.0.1';
  expect(await tool.push('sha256:00', to)).toEqual({ digest: digest(to) });
});

test("docker's builds get the proxy, whose password stands in no command line", async () => {
  const { runs } = standIns(['docker']);
  process.env['HTTPS_PROXY'] = 'http://me:secret@proxy.test';
  const tool = await findContainerTool('docker');
  await tool.build({ ...what, ...context() });
  expect(runs()[0]?.proxy).toBe('http://me:secret@proxy.test');
  expect(runs()[0]?.args.join(' ')).not.toContain('secret');
});
