import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Build } from '../../src/build/build.js';
import { Builds } from '../../src/build/builds.js';
import { FnmeshError } from '../../src/errors.js';
import { run } from '../../src/process/run.js';
import type { VersionFolder } from '../../src/project/project.js';
import { emptyFolder, GO_FILES, has, options, version, write } from './tools.js';

const build = async (of: VersionFolder, root: string, force = false): Promise<Build> => {
  const made = await new Builds(options(root, force)).one(of);
  expect(made).not.toHaveProperty('cannotRun');
  return made as Build;
};
const output = async ({ dir, command: [program = '', ...args] }: Build): Promise<string> =>
  (await run(join(dir, program), args)).stdout;
const greeting = (text: string): string => GO_FILES['func.go'].replace('one', text);

describe.skipIf(!has('go', 'version'))('Go', () => {
  test('a static binary at the path of its hash, the source untouched', async () => {
    const root = emptyFolder();
    const v1 = version(root, GO_FILES);
    const made = await build(v1, root);
    expect(made).toMatchObject({ command: ['./func'], reused: false });
    expect(made.dir).toBe(join(root, '.fnmesh/builds', made.hash));
    expect(await output(made)).toBe('one');
    expect(
      (await run('file', ['-b', join(made.dir, 'func')], { allowFailure: true }).catch(() => null))?.stdout ??
        'statically linked',
    ).toContain('statically linked');
    expect(readdirSync(v1.dir).sort()).toEqual(['func.go', 'func.yaml', 'go.mod']);
  });

  test('unchanged: reused; changed: a new folder beside the old; changed back: the old one', async () => {
    const root = emptyFolder();
    const v1 = version(root, GO_FILES);
    const first = await build(v1, root);
    expect(await build(v1, root)).toMatchObject({ hash: first.hash, reused: true });
    write(v1.dir, { 'func.go': greeting('two') });
    const second = await build(v1, root);
    expect([await output(first), await output(second)]).toEqual(['one', 'two']);
    write(v1.dir, GO_FILES);
    expect(await build(v1, root)).toMatchObject({ hash: first.hash, reused: true });
  });

  test('a folder named func counts, a binary of that name does not', async () => {
    const root = emptyFolder();
    const v1 = version(root, GO_FILES);
    const { hash } = await build(v1, root);
    write(v1.dir, { func: 'built by hand' });
    expect(await build(v1, root)).toMatchObject({ hash, reused: true });
    rmSync(join(v1.dir, 'func'));
    const uses = 'package main\n\nimport "func/func"\n\nfunc main() { text.Print() }\n';
    const text = 'package text\n\nimport "fmt"\n\nfunc Print() { fmt.Print("two") }\n';
    write(v1.dir, { 'func.go': uses, 'func/text.go': text });
    const second = await build(v1, root);
    expect(await output(second)).toBe('two');
    write(v1.dir, { 'func/text.go': text.replace('two', 'three') });
    expect(await output(await build(v1, root))).toBe('three');
  });

  test('--force makes another build, which then counts', async () => {
    const root = emptyFolder();
    const v1 = version(root, GO_FILES);
    const first = await build(v1, root);
    const forced = await build(v1, root, true);
    expect(forced.hash).not.toBe(first.hash);
    expect(await build(v1, root)).toMatchObject({ hash: forced.hash, reused: true });
    rmSync(forced.dir, { recursive: true });
    expect(await build(v1, root)).toMatchObject({ hash: first.hash, reused: true });
  });

  test('compile errors are the error, and leave nothing behind', async () => {
    const root = emptyFolder();
    const v1 = version(root, { ...GO_FILES, 'func.go': 'package main\n\nfunc main() { nonsense }\n' });
    const error: unknown = await build(v1, root).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FnmeshError);
    expect((error as FnmeshError).message).toMatch(/func\.go:3:\d+: undefined: nonsense/);
    expect(readdirSync(join(root, '.fnmesh/builds'))).toEqual([]);
  });

  test('no go.mod: says what to type', async () => {
    const root = emptyFolder();
    const v1 = version(root, { 'func.go': GO_FILES['func.go'] });
    await expect(build(v1, root)).rejects.toMatchObject({
      code: 'config',
      try: expect.stringContaining('go mod init') as string,
    });
  });

  test('flags of the user that would write to the source, or cross-compile, do not count', async () => {
    const root = emptyFolder();
    const v1 = version(root, {
      ...GO_FILES,
      'tagged.go': '//go:build special\n\npackage main\n\nfunc init() { print("") }\n',
    });
    const plain = await build(v1, root);
    const before = { ...process.env };
    try {
      Object.assign(process.env, {
        GOFLAGS: '-mod=mod -race',
        GOOS: 'windows',
        GOARCH: 'arm64',
        CGO_ENABLED: '1',
      });
      expect(await build(v1, root)).toMatchObject({ hash: plain.hash, reused: true });
      process.env['GOFLAGS'] = '-tags=special';
      expect((await build(v1, root)).hash).not.toBe(plain.hash);
    } finally {
      process.env = before;
    }
  });

  test('a local replacement counts into the hash, without go.sum and without writing to the source', async () => {
    const root = emptyFolder();
    write(root, {
      'shared/go.mod': 'module example.test/shared\n\ngo 1.21\n',
      'shared/s.go': 'package shared\n\nconst Text = "a"\n',
    });
    const mod =
      'module func\n\ngo 1.21\n\nrequire example.test/shared v0.0.0\n\nreplace example.test/shared => ../../shared // here\n';
    const v1 = version(root, {
      'go.mod': mod,
      'func.go':
        'package main\n\nimport (\n\t"fmt"\n\n\t"example.test/shared"\n)\n\nfunc main() { fmt.Print(shared.Text) }\n',
    });
    const first = await build(v1, root);
    expect(await output(first)).toBe('a');
    write(root, { 'shared/s.go': 'package shared\n\nconst Text = "b"\n' });
    expect(await output(await build(v1, root))).toBe('b');
    expect(existsSync(join(v1.dir, 'go.sum'))).toBe(false);
  });

  test('imports that go.mod lacks are tidied in a copy, with replacements that lead out of it', async () => {
    const root = emptyFolder();
    write(root, {
      'shared/go.mod': 'module example.test/shared\n\ngo 1.21\n',
      'shared/s.go': 'package shared\n\nconst Text = "a"\n',
    });
    const mod = 'module func\n\ngo 1.21\n\nreplace example.test/shared => ../../shared\n';
    const v1 = version(root, {
      'go.mod': mod,
      'func.go':
        'package main\n\nimport (\n\t"fmt"\n\n\t"example.test/shared"\n)\n\nfunc main() { fmt.Print(shared.Text) }\n',
    });
    const made = await build(v1, root);
    expect(await output(made)).toBe('a');
    expect(readdirSync(made.dir).sort()).toEqual(['.fnmesh-build.json', 'func']);
    expect(readdirSync(v1.dir).sort()).toEqual(['func.go', 'func.yaml', 'go.mod']);
  });

  test('of a workspace only the modules that the code imports count', async () => {
    const root = emptyFolder();
    write(root, {
      'go.work': 'go 1.21\n\nuse (\n\t./cart/v1\n\t./cart/v2\n\t./shared\n)\n',
      'shared/go.mod': 'module example.test/shared\n\ngo 1.21\n',
      'shared/s.go': 'package shared\n\nconst Text = "a"\n',
    });
    const v1 = version(root, {
      'go.mod': 'module v1\n\ngo 1.21\n',
      'func.go':
        'package main\n\nimport (\n\t"fmt"\n\n\t"example.test/shared"\n)\n\nfunc main() { fmt.Print(shared.Text) }\n',
    });
    const v2 = version(root, { ...GO_FILES, 'go.mod': 'module v2\n\ngo 1.21\n' }, {}, 'v2');
    const [a1, a2] = [await build(v1, root), await build(v2, root)];
    expect([await output(a1), await output(a2)]).toEqual(['a', 'one']);
    write(root, { 'shared/s.go': 'package shared\n\nconst Text = "b"\n' });
    expect(await output(await build(v1, root))).toBe('b');
    expect((await build(v2, root)).reused).toBe(true);
  });

  test('a module that the workspace does not use is built without it', async () => {
    const root = emptyFolder();
    write(root, { 'go.work': 'go 1.21\n\nuse ./other\n', 'other/go.mod': 'module other\n\ngo 1.21\n' });
    expect(await output(await build(version(root, GO_FILES), root))).toBe('one');
  });

  test('many at once: a failure is its own row, the others are built', async () => {
    const root = emptyFolder();
    const versions = ['v1', 'v2', 'v3'].map((name) =>
      version(root, { ...GO_FILES, 'func.go': name === 'v2' ? 'package' : greeting(name) }, {}, name),
    );
    const settings = options(root);
    const outcomes = await new Builds(settings).all(versions);
    expect(outcomes.map((outcome) => ('error' in outcome ? 'failed' : 'built'))).toEqual([
      'built',
      'failed',
      'built',
    ]);
    expect(
      settings.events.filter((event) => event.type === 'build' && event.state === 'failed'),
    ).toHaveLength(1);
    const plans = await new Builds(settings).plan(versions);
    expect(plans.map((plan) => 'ready' in plan && plan.ready)).toEqual([true, false, true]);
  });
});
