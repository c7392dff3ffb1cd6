import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { readApp, readProject } from '../../src/project/read.js';
import { folderWith, listener } from './folder.js';

const APP = { 'app.yaml': 'name: shop\n' };

async function versionsIn(root: string): Promise<string[]> {
  const project = await readProject(root, listener().emit);
  return project.functions.flatMap(({ versions }) => versions.map((one) => `${one.function}/${one.version}`));
}

describe('the functions of an app', () => {
  it.each<[string, string[], string[]]>([
    ['an empty app', [], []],
    ['one function, its versions beside app.yaml', ['v1/func.yaml', 'v2/func.yaml'], ['shop/v1', 'shop/v2']],
    ['one function, its files beside app.yaml', ['func.yaml'], ['shop/v1']],
    [
      'many functions',
      ['cart/v1/func.yaml', 'cart/v2/func.yaml', 'price/v1/func.yaml'],
      ['cart/v1', 'cart/v2', 'price/v1'],
    ],
    ['functions without versions', ['price/func.yaml', 'cart/func.yml'], ['cart/v1', 'price/v1']],
    [
      'both ways side by side',
      ['cart/v1/func.yaml', 'price/func.yaml', 'func.json'],
      ['cart/v1', 'price/v1', 'shop/v1'],
    ],
    [
      'versions by number, not by letter',
      ['v10/func.yaml', 'v9/func.yaml', 'v9-beta/func.yaml'],
      ['shop/v9', 'shop/v9-beta', 'shop/v10'],
    ],
    ['only one version, not v1', ['cart/v7/func.yaml'], ['cart/v7']],
    [
      'functions in a folder of their own',
      ['services/cart/v1/func.yaml', 'services/price/func.yaml'],
      ['cart/v1', 'price/v1'],
    ],
    [
      'folders that only look like versions',
      ['v1/func.yaml', 'v2/readme.md', 'vx/func.yaml'],
      ['shop/v1', 'vx/v1'],
    ],
    [
      'folders that are never looked into',
      [
        'v1/func.yaml',
        'vendor/a/func.yaml',
        'v1/node_modules/b/func.yaml',
        '.fnmesh/c/func.yaml',
        'env/pyvenv.cfg',
        'env/lib/d/func.yaml',
      ],
      ['shop/v1'],
    ],
  ])('%s', async (_what, files, expected) => {
    const root = folderWith({ ...APP, ...Object.fromEntries(files.map((path) => [path, true as const])) });
    expect(await versionsIn(root)).toEqual(expected);
  });

  it('reads func.yaml before func.yml before func.json, as Fn does', async () => {
    const root = folderWith({
      ...APP,
      'a/func.yml': true,
      'a/func.json': '{',
      'b/func.yaml': true,
      'b/func.yml': ':',
    });
    const project = await readProject(root, listener().emit);
    expect(project.functions.map(({ versions }) => versions[0]?.file)).toEqual([
      join(root, 'a/func.yml'),
      join(root, 'b/func.yaml'),
    ]);
  });

  it('follows no links to folders and enters no other app', async () => {
    const elsewhere = folderWith({ 'func.yaml': true });
    const root = folderWith({
      ...APP,
      'v1/func.yaml': true,
      'other/app.yaml': 'name: other\n',
      'other/x/func.yaml': true,
    });
    symlinkSync(elsewhere, join(root, 'v2'));
    const { emit, texts } = listener();
    const project = await readProject(root, emit);
    expect(project.functions.map(({ name, versions }) => [name, versions.length])).toEqual([['shop', 1]]);
    expect(texts).toEqual(['other: is an app of its own, with its own app.yaml; it is left out']);
  });

  it('ends its search at a sane depth', async () => {
    const root = folderWith({
      ...APP,
      'a/b/c/d/e/f/g/near/func.yaml': true,
      'a/b/c/d/e/f/g/h/far/func.yaml': true,
    });
    expect(await versionsIn(root)).toEqual(['near/v1']);
  });

  it('gives names that fnmesh can route to folders of an existing app', async () => {
    const { emit, texts } = listener();
    const project = await readProject(
      folderWith({ 'app.yaml': 'name: My_App\n', 'func.yaml': true, 'Hello_World/func.yaml': true }),
      emit,
    );
    expect(project.functions.map(({ name }) => name)).toEqual(['hello-world', 'my-app']);
    expect(texts).toHaveLength(2);
  });

  it('finds app.yaml, .yml or .json from any folder below it', async () => {
    const root = folderWith({ 'app.yml': 'name: shop\n', 'app.json': '{', 'cart/v1/func.yaml': true });
    mkdirSync(join(root, 'cart/v1/deep'));
    const { app, root: found } = await readApp(join(root, 'cart/v1/deep'), listener().emit);
    expect([app.name, found]).toEqual(['shop', root]);
    const error = await readProject(folderWith({}), listener().emit).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FnmeshError);
    expect(error).toMatchObject({ code: 'not_found', try: expect.stringContaining('fnmesh init') as string });
  });

  it.each<[string, string[], RegExp, RegExp]>([
    [
      'files beside the version v1',
      ['cart/func.yaml', 'cart/v1/func.yaml'],
      /^cart\/func.yaml: cart has version folders \(v1\)/,
      /^fnmesh add cart\/v2/,
    ],
    [
      'files beside the version v2',
      ['cart/func.yaml', 'cart/v2/func.yaml'],
      /^cart\/func.yaml: /,
      /^fnmesh add cart\/v1/,
    ],
    [
      'files beside app.yaml and v1',
      ['func.yaml', 'v1/func.yaml'],
      /^func.yaml: shop has version folders/,
      /^fnmesh add shop\/v2/,
    ],
    ['a version inside a version', ['cart/v1/v2/func.yaml'], /^cart\/v1: a function cannot be named v1/, /./],
    [
      'two functions of one name',
      ['a/cart/func.yaml', 'b/cart/v1/func.yaml'],
      /another function cart/,
      /rename/,
    ],
    [
      'a function named like the app in a folder and beside it',
      ['v1/func.yaml', 'shop/v1/func.yaml'],
      /another function shop/,
      /rename/,
    ],
    [
      'a name that cannot be mended',
      ['ünï/func.yaml', '123/func.yaml'],
      /^123: "123" is no name for a function/,
      /rename the folder/,
    ],
    ['a name that is too long', [`${'a'.repeat(41)}/func.yaml`], /at most 40/, /rename the folder/],
  ])('refuses %s', async (_what, files, message, wayOut) => {
    const root = folderWith({ ...APP, ...Object.fromEntries(files.map((path) => [path, true as const])) });
    const error: unknown = await readProject(root, listener().emit).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FnmeshError);
    expect(error).toMatchObject({
      code: 'config',
      message: expect.stringMatching(message) as string,
      try: expect.stringMatching(wayOut) as string,
    });
  });
});
