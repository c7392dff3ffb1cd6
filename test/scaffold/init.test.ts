import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { readProject } from '../../src/project/read.js';
import { applyScaffold } from '../../src/scaffold/apply.js';
import { initPlan, planInit } from '../../src/scaffold/init.js';
import { RUNTIMES } from '../../src/scaffold/templates.js';
import { folderWith, listener, write } from '../project/folder.js';

const environment = { ...process.env };
beforeAll(() => {
  const home = folderWith({});
  process.env['HOME'] = home;
  process.env['XDG_CONFIG_HOME'] = home;
});
afterAll(() => {
  process.env = environment;
});

let cwd: string;
beforeEach(() => {
  cwd = folderWith({});
});

const tree = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter(
      (path) => !path.startsWith('.git/') && path !== '.git' && !statSync(join(dir, path)).isDirectory(),
    )
    .sort();

async function refusal(promise: Promise<unknown>): Promise<FnmeshError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FnmeshError);
  return error as FnmeshError;
}

describe('init', () => {
  it('plans an app of one function, versions beside app.yaml, and writes exactly that', async () => {
    const plan = await planInit({ name: 'hello-app', cwd, runtime: 'go', git: false });
    const paths = plan.files.map(({ path }) => path);
    expect(existsSync(join(cwd, 'hello-app'))).toBe(false);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(plan.versions).toEqual(['hello-app/v1', 'hello-app/v2']);
    expect(paths).toEqual([
      'app.yaml',
      '.gitignore',
      ...['v1', 'v2'].flatMap((version) =>
        ['fn.go', 'func.go', 'func.yaml', 'func_test.go', 'go.mod'].map((file) => `${version}/${file}`),
      ),
    ]);
    const result = await applyScaffold(plan, listener().emit);
    expect(result).toMatchObject({ written: paths, committed: false, moved: [] });
    expect(tree(join(cwd, 'hello-app'))).toEqual([...paths].sort());
    expect(readFileSync(join(cwd, 'hello-app/app.yaml'), 'utf8')).toBe('name: hello-app\n');
  });

  it.each(RUNTIMES)('writes %s functions that read back with the names fnmesh gives', async (runtime) => {
    await applyScaffold(await planInit({ name: 'hello-app', cwd, runtime, git: false }), listener().emit);
    const { emit, texts } = listener();
    const project = await readProject(join(cwd, 'hello-app'), emit);
    expect(texts).toEqual([]);
    expect(
      project.functions.flatMap(({ versions }) =>
        versions.map(({ func }) => [func.name, func.runtime, func.triggers]),
      ),
    ).toEqual(
      ['v1', 'v2'].map((version) => [
        `hello-app-${version}`,
        runtime === 'go-fdk' ? 'go' : runtime,
        [{ name: `hello-app-${version}`, type: 'http', source: `/${version}` }],
      ]),
    );
    for (const path of tree(join(cwd, 'hello-app'))) {
      expect(readFileSync(join(cwd, 'hello-app', path), 'utf8')).not.toMatch(/\{\{|\}\}[^)]/);
    }
  });

  it('plans an app of many functions', async () => {
    const request = {
      name: 'shop',
      cwd,
      functions: ['cart', 'shop'],
      versions: ['v2', 'v10', 'v1'],
      runtime: 'node' as const,
      git: false,
    };
    await applyScaffold(await planInit(request), listener().emit);
    const project = await readProject(join(cwd, 'shop'), listener().emit);
    const sources = project.functions.flatMap(({ versions }) =>
      versions.map(({ func }) => func.triggers[0]?.source),
    );
    expect(sources).toEqual(['/cart/v1', '/cart/v2', '/cart/v10', '/v1', '/v2', '/v10']);
  });

  it('takes the current folder, leaves its files alone and says so of .gitignore', async () => {
    const here = join(cwd, 'my-app');
    write(here, { '.gitignore': 'mine\n', 'README.md': 'mine\n' });
    const result = await applyScaffold(
      await planInit({ name: '.', cwd: here, versions: ['v1'], runtime: 'node', git: false }),
      listener().emit,
    );
    expect(result.app).toBe('my-app');
    expect(result.notes).toEqual(['.gitignore is there already: add .fnmesh/ to it']);
    expect(readFileSync(join(here, '.gitignore'), 'utf8')).toBe('mine\n');
  });

  it.each<[string, Partial<Parameters<typeof planInit>[0]>, RegExp]>([
    ['a capital letter', { name: 'Hello' }, /no name for an app/],
    ['a path', { name: 'a/b' }, /no name for an app/],
    ['a way up', { name: '..' }, /no name for an app/],
    ['an absolute path', { name: '/tmp/x' }, /no name for an app/],
    ['an option', { name: '--x' }, /no name for an app/],
    ['nothing', { name: '' }, /no name for an app/],
    ['a version', { name: 'v1' }, /how versions are named/],
    ['41 letters', { name: 'a'.repeat(41) }, /at most 40/],
    ['a NUL', { name: 'a\0b' }, /no name for an app/],
    ['a function like a version', { functions: ['v2'] }, /no name for a function/],
    ['a function with a path', { functions: ['../x'] }, /no name for a function/],
    ['a function twice', { functions: ['a', 'a'] }, /named twice/],
    ['a version twice', { versions: ['v1', 'v1'] }, /named twice/],
    ['no version', { versions: [] }, /needs a version/],
    ['a version with a path', { versions: ['v1/../..'] }, /is no version/],
    ['a long version', { versions: [`v${'1'.repeat(30)}`] }, /is no version/],
    [
      'names that meet',
      { functions: ['cart', 'cart-v1'], versions: ['v1-v2', 'v2'] },
      /would both be called cart-v1-v2/,
    ],
  ])('refuses %s', async (_what, request, message) => {
    const error = await refusal(planInit({ name: 'ok', cwd, ...request }));
    expect(error).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message) as string,
      try: expect.any(String) as string,
    });
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('lists everything that stands in the way, and writes nothing', async () => {
    write(join(cwd, 'hello-app'), { 'app.yaml': 'mine', 'v1/func.go': 'mine', v2: 'a file' });
    const error = await refusal(planInit({ name: 'hello-app', cwd, runtime: 'go' }));
    expect(error).toMatchObject({ code: 'conflict', try: expect.stringContaining('fnmesh add') as string });
    expect(error.message.split('\n').slice(1)).toEqual(['  app.yaml', '  v1/func.go', '  v2']);
    expect(tree(join(cwd, 'hello-app'))).toEqual(['app.yaml', 'v1/func.go', 'v2']);
  });

  it('writes through no link', async () => {
    const elsewhere = folderWith({});
    mkdirSync(join(cwd, 'hello-app'));
    symlinkSync(elsewhere, join(cwd, 'hello-app/v1'));
    expect((await refusal(planInit({ name: 'hello-app', cwd, runtime: 'go' }))).message).toMatch(/^ {2}v1$/m);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it('checks again when it is carried out, and leaves no trace of a failure', async () => {
    const plan = await planInit({ name: 'hello-app', cwd, runtime: 'go', git: false });
    write(join(cwd, 'hello-app'), { 'v1/func.go': 'mine' });
    expect(await refusal(applyScaffold(plan, listener().emit))).toMatchObject({ code: 'conflict' });
    expect(tree(cwd)).toEqual(['hello-app/v1/func.go']);

    const broken = {
      ...plan,
      root: join(cwd, 'other'),
      files: [...plan.files, { path: 'x', mode: 0o644, copyOf: '/no/such/file' }],
    };
    expect((await refusal(applyScaffold(broken, listener().emit))).message).toMatch(/everything was undone/);
    expect(existsSync(join(cwd, 'other'))).toBe(false);
    const late = {
      ...plan,
      root: join(cwd, 'other'),
      files: [...plan.files, { path: 'app.yaml/x', mode: 0o644, content: '' }],
    };
    expect((await refusal(applyScaffold(late, listener().emit))).message).toMatch(/everything was undone/);
    expect(readdirSync(cwd)).toEqual(['hello-app']);
  });

  it('commits a function named like what git ignores', async () => {
    const plan = await planInit({ name: 'shop', cwd, functions: ['func'], runtime: 'go' });
    const result = await applyScaffold(plan, listener().emit);
    expect(result.notes.join()).not.toMatch(/not committed/);
    expect(result.committed).toBe(true);
  });

  it('makes a repository with a first commit, and none inside another', async () => {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: join(cwd, 'hello-app'), encoding: 'utf8' }).trim();
    const { emit, texts } = listener();
    const result = await applyScaffold(await planInit({ name: 'hello-app', cwd, runtime: 'go' }), emit);
    expect(result.committed).toBe(true);
    expect(texts.join()).toMatch(/first commit is by fnmesh/);
    expect(git('log', '--format=%s')).toBe('Start hello-app');
    expect(git('status', '--porcelain')).toBe('');
    const inner = await planInit({ name: 'inner', cwd: join(cwd, 'hello-app'), runtime: 'go' });
    expect(inner.commit).toBeNull();
    expect(inner.notes.join()).toMatch(/inside a git repository/);
  });

  it('chooses Node where Go is missing, and says so; without git it makes no repository', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = folderWith({});
    try {
      const plan = await planInit({ name: 'hello-app', cwd });
      expect(plan.files.map((file) => file.path)).toContain('v1/func.js');
      expect(plan.notes.join()).toMatch(/go is not installed.*git is not installed/);
      expect((await planInit({ name: 'hello-app', cwd, runtime: 'go' })).notes.join()).not.toMatch(
        /go is not/,
      );
    } finally {
      process.env['PATH'] = path;
    }
  });
});

describe('init --template', () => {
  it('takes a folder, names and all', async () => {
    const template = folderWith({
      'func.yaml': '# ours\nschema_version: 20180708\nname: tpl # renamed\nruntime: go\n',
      'func.go': 'package main\n\nconst version = "v9"\n',
      'run.sh': '#!/bin/sh\n',
      'node_modules/x/index.js': '',
    });
    execFileSync('chmod', ['755', join(template, 'run.sh')]);
    const plan = await planInit({ name: 'hello-app', cwd, template, versions: ['v1', 'v2'], git: false });
    await applyScaffold(plan, listener().emit);
    const root = join(cwd, 'hello-app');
    expect(tree(root)).toEqual([
      '.gitignore',
      'app.yaml',
      ...['v1', 'v2'].flatMap((one) => [`${one}/func.go`, `${one}/func.yaml`, `${one}/run.sh`]),
    ]);
    expect(readFileSync(join(root, 'v2/func.go'), 'utf8')).toContain('const version = "v2"');
    expect(readFileSync(join(root, 'v2/func.yaml'), 'utf8')).toMatch(
      /^# ours\n[^]*name: hello-app-v2 # renamed\n[^]*source: \/v2\n$/,
    );
    expect(statSync(join(root, 'v1/run.sh')).mode & 0o777).toBe(0o755);
  });

  it('takes a repository at a tag, bytes as they are, and keeps nothing of it', async () => {
    const repo = folderWith({ 'func.py': 'VERSION = "v1"\n' });
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    writeFileSync(join(repo, 'data.bin'), bytes);
    const git = (...args: string[]): unknown =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: repo });
    git('init', '--quiet');
    git('add', '.');
    git('commit', '-qm', 'One');
    git('tag', 'good');
    writeFileSync(join(repo, 'func.py'), 'later');
    git('commit', '-qam', 'Two');
    const plan = await planInit({
      name: 'hello-app',
      cwd,
      template: `${repo}#good`,
      versions: ['v3'],
      git: false,
    });
    await applyScaffold(plan, listener().emit);
    const root = join(cwd, 'hello-app');
    expect(tree(root)).toEqual(['.gitignore', 'app.yaml', 'v3/data.bin', 'v3/func.py', 'v3/func.yaml']);
    expect(readFileSync(join(root, 'v3/data.bin'))).toEqual(bytes);
    expect(readFileSync(join(root, 'v3/func.py'), 'utf8')).toBe('VERSION = "v3"\n');
    expect(readFileSync(join(root, 'v3/func.yaml'), 'utf8')).toContain('runtime: python');
  });

  it('refuses links that leave it, keeps those that do not', async () => {
    const template = folderWith({ 'func.go': 'x', 'data/a.txt': 'a' });
    symlinkSync('data/a.txt', join(template, 'inside'));
    const plan = await planInit({ name: 'hello-app', cwd, template, versions: ['v1'], git: false });
    expect(plan.files).toContainEqual({ path: 'v1/inside', mode: 0o777, linkTo: 'data/a.txt' });
    for (const target of ['/etc/passwd', '../x', 'data/../../x']) {
      const bad = folderWith({ 'func.go': 'x', 'data/a.txt': 'a' });
      symlinkSync(target, join(bad, 'link'));
      expect((await refusal(planInit({ name: 'hello-app', cwd, template: bad }))).message).toMatch(
        /is a link to/,
      );
    }
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['a whole app', { 'app.yaml': 'name: a', 'func.go': 'x' }, /is a whole app/],
    ['several versions', { 'v1/func.yaml': 'x' }, /is a whole app/],
    ['no runtime', { 'README.md': 'x' }, /no func.yaml/],
    ['a broken func.yaml', { 'func.yaml': 'name: [' }, /func.yaml: /],
  ])('refuses %s', async (_what, files, message) => {
    const error = await refusal(planInit({ name: 'hello-app', cwd, template: folderWith(files) }));
    expect(error).toMatchObject({
      code: 'config',
      message: expect.stringMatching(message) as string,
      try: expect.any(String) as string,
    });
  });

  it('is pure once the facts are in', () => {
    const facts = {
      root: '/x/hello-app',
      source: () => ({ files: [], notes: [] }),
      notes: [],
      git: 'ready' as const,
      hasIgnoreFile: false,
    };
    const request = Object.freeze({ name: 'hello-app', cwd: '/x' });
    expect(initPlan(request, facts)).toEqual(initPlan(request, facts));
    expect(initPlan(request, facts).commit).toBe('Start hello-app');
  });
});
