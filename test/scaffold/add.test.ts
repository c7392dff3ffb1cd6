import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { readProject } from '../../src/project/read.js';
import { type AddRequest, planAdd } from '../../src/scaffold/add.js';
import { applyScaffold } from '../../src/scaffold/apply.js';
import { planInit } from '../../src/scaffold/init.js';
import type { ScaffoldResult } from '../../src/scaffold/plan.js';
import { folderWith, listener, write } from '../project/folder.js';

const APP = { 'app.yaml': 'name: shop\n' };

async function add(cwd: string, target: string, rest: Partial<AddRequest> = {}): Promise<ScaffoldResult> {
  return applyScaffold(await planAdd({ target, cwd, ...rest }, listener().emit), listener().emit);
}

async function refusal(promise: Promise<unknown>): Promise<FnmeshError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FnmeshError);
  return error as FnmeshError;
}

async function names(root: string): Promise<string[]> {
  const project = await readProject(root, listener().emit);
  return project.functions.flatMap(({ versions }) =>
    versions.map(
      (one) =>
        `${one.function}/${one.version} ${one.func.name} ${one.func.triggers.map(({ source }) => source).join()}`,
    ),
  );
}

const text = (root: string, path: string): string => readFileSync(join(root, path), 'utf8');

describe('add a version', () => {
  it('copies the newest, with names and version of its own', async () => {
    const cwd = folderWith({});
    await applyScaffold(
      await planInit({ name: 'hello-app', cwd, runtime: 'go', git: false }),
      listener().emit,
    );
    const root = join(cwd, 'hello-app');
    write(root, {
      'v2/func.go': `${text(root, 'v2/func.go')}// changed\n`,
      'v2/func.yaml': `# ours\n${text(root, 'v2/func.yaml')}memory: 64 # small\n`,
    });
    const result = await add(join(root, 'v1'), 'v3');
    expect(result).toMatchObject({
      versions: ['hello-app/v3'],
      moved: [],
      notes: [],
      written: ['fn.go', 'func.go', 'func.yaml', 'func_test.go', 'go.mod'].map((file) => `v3/${file}`),
    });
    expect(text(root, 'v3/func.go')).toBe(
      text(root, 'v2/func.go').replace('const version = "v2"', 'const version = "v3"'),
    );
    expect(text(root, 'v3/func.yaml')).toBe(text(root, 'v2/func.yaml').replaceAll('v2', 'v3'));
    expect(await names(root)).toEqual([
      'hello-app/v1 hello-app-v1 /v1',
      'hello-app/v2 hello-app-v2 /v2',
      'hello-app/v3 hello-app-v3 /v3',
    ]);
  });

  it('copies the version that was named, and says when the source is not its to change', async () => {
    const root = folderWith({
      ...APP,
      'cart/v1/func.yaml': true,
      'cart/v1/func.go': 'const version = "v1" // mine\n',
      'cart/v2/func.yaml': true,
    });
    const result = await add(root, 'cart/v3', { from: 'v1' });
    expect(text(root, 'cart/v3/func.go')).toBe('const version = "v1" // mine\n');
    expect(result.notes).toEqual([expect.stringMatching(/^cart\/v3 answers like v1 until you edit it/)]);
    expect(await names(root)).toEqual([
      'cart/v1 cart-v1 /cart/v1',
      'cart/v2 cart-v2 /cart/v2',
      'cart/v3 cart-v3 /cart/v3',
    ]);
  });

  it('starts anew where a runtime is named', async () => {
    const root = folderWith({ ...APP, 'cart/v1/func.yaml': true, 'cart/v1/func.go': 'package main\n' });
    const { written } = await add(root, 'cart/v2', { runtime: 'python' });
    expect(written).toEqual(['func.py', 'func.yaml', 'requirements.txt'].map((file) => `cart/v2/${file}`));
  });

  it('knows the function by the folder one stands in', async () => {
    const root = folderWith({ ...APP, 'cart/v1/func.yaml': true, 'price/v1/func.yaml': true });
    expect((await add(join(root, 'price/v1'), 'v2')).versions).toEqual(['price/v2']);
    expect((await refusal(add(root, 'v2'))).message).toMatch(/v2 of which function/);
  });

  it('moves the files of a function without version folders into v1 first, unchanged', async () => {
    const root = folderWith({
      ...APP,
      'cart/func.yaml': true,
      'cart/func.go': 'package main\n',
      'cart/lib/a.go': 'a',
      'cart/.gitignore': 'x',
      'cart/sub/func.yaml': true,
    });
    const before = text(root, 'cart/func.yaml');
    const result = await add(root, 'cart/v2');
    expect(result.moved).toEqual(
      ['func.go', 'func.yaml', 'lib'].map((name) => ({ from: `cart/${name}`, to: `cart/v1/${name}` })),
    );
    expect(text(root, 'cart/v1/func.yaml')).toBe(before);
    expect(readdirSync(join(root, 'cart')).sort()).toEqual(['.gitignore', 'sub', 'v1', 'v2']);
    expect(await names(root)).toEqual([
      'cart/v1 cart /cart',
      'cart/v2 cart-v2 /cart/v2',
      'sub/v1 cart-sub /cart/sub',
    ]);
    expect(text(root, 'cart/v2/lib/a.go')).toBe('a');
  });

  it('moves the files beside app.yaml too, but not the app', async () => {
    const root = folderWith({
      ...APP,
      'fnmesh.yaml': '',
      'func.yaml': true,
      'go.mod': 'module a\nreplace x => ../x\n',
      '.github/a': '',
      '.fnmesh/builds/x': '',
      'services/cart/v1/func.yaml': true,
    });
    const result = await add(root, 'shop/v2');
    expect(readdirSync(root).sort()).toEqual([
      '.fnmesh',
      '.github',
      'app.yaml',
      'fnmesh.yaml',
      'services',
      'v1',
      'v2',
    ]);
    expect(await names(root)).toEqual([
      'cart/v1 services-cart-v1 /services/cart/v1',
      'shop/v1 root /root',
      'shop/v2 shop-v2 /v2',
    ]);
    expect(result.notes.join()).toMatch(/go.mod replaces a module by \.\.\/x/);
  });

  it('makes a version of files beside version folders', async () => {
    const root = folderWith({ ...APP, 'cart/func.yaml': true, 'cart/a.txt': 'a', 'cart/v2/func.yaml': true });
    const wayOut = (await refusal(readProject(root, listener().emit))).try ?? '';
    expect(wayOut).toMatch(/^fnmesh add cart\/v1 /);
    await add(root, 'cart/v1');
    expect(await names(root)).toEqual(['cart/v1 cart /cart', 'cart/v2 cart-v2 /cart/v2']);
    expect(text(root, 'cart/v1/a.txt')).toBe('a');
  });

  it('leaves out what builds leave, and what git ignores', async () => {
    const files = {
      ...APP,
      'v1/func.yaml': true as const,
      'v1/node_modules/x.js': '',
      'v1/.fnmesh/x': '',
      'v1/venv/pyvenv.cfg': '',
      'v1/func': 'binary',
      'v1/.env.sample': 'x',
    };
    const plain = folderWith(files);
    expect((await add(plain, 'v2')).written).toEqual(['v2/.env.sample', 'v2/func', 'v2/func.yaml']);
    const versioned = folderWith({ ...files, '.gitignore': 'func\n' });
    execFileSync('git', ['init', '--quiet'], { cwd: versioned });
    expect((await add(versioned, 'v2')).written).toEqual(['v2/.env.sample', 'v2/func.yaml']);
  });

  it('copies modes and inner links, and refuses links that lead out', async () => {
    const root = folderWith({ ...APP, 'v1/func.yaml': true, 'v1/run.sh': '' });
    execFileSync('chmod', ['755', join(root, 'v1/run.sh')]);
    symlinkSync('run.sh', join(root, 'v1/link'));
    await add(root, 'v2');
    expect(statSync(join(root, 'v2/run.sh')).mode & 0o777).toBe(0o755);
    symlinkSync('../app.yaml', join(root, 'v2/out'));
    expect(await refusal(add(root, 'v3'))).toMatchObject({
      code: 'config',
      message: expect.stringMatching(/v2\/out is a link to/) as string,
    });
    expect(existsSync(join(root, 'v3'))).toBe(false);
  });

  it.each<[string, string, Partial<AddRequest>, string, RegExp]>([
    ['a version that exists', 'cart/v2', {}, 'conflict', /cart has a version v2 already/],
    ['a function that exists', 'cart', {}, 'conflict', /has a function cart already/],
    ['the only version, without a folder', 'price/v1', {}, 'conflict', /price has a version v1 already/],
    ['an unknown function', 'crat/v3', {}, 'not_found', /no function crat \(did you mean cart\?\)/],
    ['an unknown version to copy', 'cart/v3', { from: 'v9' }, 'not_found', /no cart\/v9/],
    ['several versions to copy', 'cart/v3', { from: 'cart/v*' }, 'usage', /names 2 versions/],
    ['a copy and a template', 'cart/v3', { from: 'v1', template: '.' }, 'usage', /not from both/],
    ['a copy and a runtime', 'cart/v3', { from: 'v1', runtime: 'go' }, 'usage', /not from both/],
    ['a folder never looked into', 'vendor', {}, 'usage', /hold what tools install/],
    ['a name that is none', 'Cart', {}, 'usage', /no name for a function/],
    ['a version that is none', 'cart/3', {}, 'usage', /is no version/],
    ['a path', '../x', {}, 'not_found', /no function \.\./],
    ['a longer path', 'cart/v3/x', {}, 'usage', /names no version or function/],
    ['nothing', '', {}, 'usage', /no name for a function/],
    [
      'a name that is taken',
      'taken',
      {},
      'conflict',
      /taken\/v1 needs the name taken-v1, which cart\/v1 has/,
    ],
    [
      'a source that is taken',
      'source',
      {},
      'conflict',
      /source\/v1 needs the source \/source\/v1, which cart\/v2 has/,
    ],
    [
      'a template that is none',
      'new',
      { template: 'ext::sh -c x' },
      'usage',
      /no template that fnmesh takes/,
    ],
  ])('refuses %s', async (_what, target, rest, code, message) => {
    const func = (name: string, source: string): string =>
      `schema_version: 20180708\nname: ${name}\ntriggers:\n- {name: x, type: http, source: ${source}}\n`;
    const root = folderWith({
      ...APP,
      'cart/v1/func.yaml': func('taken-v1', '/a'),
      'cart/v2/func.yaml': func('b', '/source/v1'),
      'price/func.yaml': true,
    });
    const before = readdirSync(root, { recursive: true }).sort();
    const error = await refusal(add(root, target, rest));
    expect(error).toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
      try: expect.any(String) as string,
    });
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before);
  });

  it('overwrites nothing, not even in a folder without a func.yaml', async () => {
    const root = folderWith({ ...APP, 'v1/func.yaml': true, 'v1/a.txt': 'a', 'v2/a.txt': 'mine' });
    expect(await refusal(add(root, 'v2'))).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^ {2}v2\/a.txt$/m) as string,
    });
    const loose = folderWith({ ...APP, 'func.yaml': true, 'v1/notes.txt': 'mine' });
    expect(await refusal(add(loose, 'v2'))).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^ {2}v1$/m) as string,
    });
    expect(readdirSync(loose).sort()).toEqual(['app.yaml', 'func.yaml', 'v1']);
  });

  it('undoes its moves when a later step fails', async () => {
    const root = folderWith({ ...APP, 'cart/func.yaml': true, 'cart/a.txt': 'a' });
    const before = readdirSync(root, { recursive: true }).sort();
    const plan = await planAdd({ target: 'cart/v2', cwd: root }, listener().emit);
    const broken = { ...plan, files: [...plan.files, { path: 'cart/v1/a.txt/x', mode: 0o644, content: '' }] };
    expect((await refusal(applyScaffold(broken, listener().emit))).message).toMatch(/everything was undone/);
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before);
  });
});

describe('add a function', () => {
  it('has version v1, of the runtime that the app has', async () => {
    const root = folderWith({
      ...APP,
      'v1/func.yaml': `schema_version: 20180708\nname: a\nruntime: python3.12\n`,
    });
    expect((await add(root, 'price')).written).toEqual([
      'price/v1/func.py',
      'price/v1/func.yaml',
      'price/v1/requirements.txt',
    ]);
    expect(await names(root)).toEqual(['price/v1 price-v1 /price/v1', 'shop/v1 a ']);
    expect((await add(root, 'tax', { runtime: 'node' })).written).toContain('tax/v1/func.js');
    expect((await add(root, 'copy', { from: 'tax/v1' })).written).toContain('copy/v1/func.js');
  });

  it('can be the first of an app, and be named like it', async () => {
    const root = folderWith(APP);
    expect((await refusal(add(root, 'v1'))).try).toBe('fnmesh add cart');
    await add(root, 'shop', { runtime: 'go' });
    expect(await names(root)).toEqual(['shop/v1 shop-v1 /v1']);
  });

  it('takes a template, and a version does too', async () => {
    const template = folderWith({ 'func.go': 'package main\n\nconst version = "v0"\n' });
    const root = folderWith({ ...APP, 'cart/v1/func.yaml': true });
    await add(root, 'cart/v2', { template });
    expect(text(root, 'cart/v2/func.go')).toContain('const version = "v2"');
    await add(root, 'price', { template });
    expect(await names(root)).toEqual([
      'cart/v1 cart-v1 /cart/v1',
      'cart/v2 cart-v2 /cart/v2',
      'price/v1 price-v1 /price/v1',
    ]);
  });
});
