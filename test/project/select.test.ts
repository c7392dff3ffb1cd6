import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { Project, VersionFolder } from '../../src/project/project.js';
import { readProject } from '../../src/project/read.js';
import { functionOf, selectVersions } from '../../src/project/select.js';
import { folderWith, listener } from './folder.js';

const labels = (versions: VersionFolder[]): string[] =>
  versions.map((one) => `${one.function}/${one.version}`);
const read = (paths: string[]): Promise<Project> =>
  readProject(
    folderWith({
      'app.yaml': 'name: shop\n',
      ...Object.fromEntries(paths.map((path) => [`${path}func.yaml`, true as const])),
    }),
    listener().emit,
  );

let shop: Project;
let hello: Project;
let mixed: Project;
beforeAll(async () => {
  shop = await read(['cart/v1/', 'cart/v2/', 'carton/v1/', 'price/']);
  hello = await read(['v1/', 'v2/', 'v10/']);
  mixed = await read(['', 'cart/v1/']);
});

describe('selectors', () => {
  it.each<[string[], string[]]>([
    [['cart'], ['cart/v1', 'cart/v2']],
    [['cart/'], ['cart/v1', 'cart/v2']],
    [['cart/v2'], ['cart/v2']],
    [['cart/v2/'], ['cart/v2']],
    [['price'], ['price/v1']],
    [['cart*'], ['cart/v1', 'cart/v2', 'carton/v1']],
    [['*/v2'], ['cart/v2']],
    [['c*t*/v1'], ['cart/v1', 'carton/v1']],
    [['*'], ['cart/v1', 'cart/v2', 'carton/v1', 'price/v1']],
    [['cart/v*'], ['cart/v1', 'cart/v2']],
    [
      ['price', 'cart/v2', 'cart/v2', 'cart*/v2'],
      ['cart/v2', 'price/v1'],
    ],
    [[], []],
  ])('%j', (selectors, expected) => {
    expect(labels(selectVersions(shop, selectors))).toEqual(expected);
  });

  it('takes a bare version in an app of one function', () => {
    expect(labels(selectVersions(hello, ['v10', 'v2']))).toEqual(['shop/v2', 'shop/v10']);
  });

  it.each<[string, string, RegExp]>([
    ['crat', 'not_found', /no function crat \(did you mean cart\?\)/],
    ['cart/v3', 'not_found', /no cart\/v3 \(did you mean v1 or v2\?\)/],
    ['x*', 'not_found', /like x\*/],
    ['cart*/v9', 'not_found', /no cart\*\/v9/],
    ['v2', 'usage', /v2 of which function\?/],
    ['cart/v1/x', 'usage', /names no function/],
    ['/v1', 'usage', /names no function/],
    ['', 'usage', /names no function/],
  ])('%j is refused', (selector, code, message) => {
    const select = (): unknown => selectVersions(shop, [selector]);
    expect(select).toThrow(FnmeshError);
    expect(select).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(message) as string,
        try: expect.any(String) as string,
      }),
    );
  });

  it('names the versions there are where a bare one is unknown', () => {
    expect(() => selectVersions(hello, ['v3'])).toThrow(/no shop\/v3/);
  });
});

describe('the folder one stands in', () => {
  it.each<[string, string, string[]]>([
    ['', 'app', ['cart/v1', 'cart/v2', 'carton/v1', 'price/v1']],
    ['cart', 'function', ['cart/v1', 'cart/v2']],
    ['cart/v2', 'version', ['cart/v2']],
    ['cart/v2/internal/deep', 'version', ['cart/v2']],
    ['cart/notes', 'function', ['cart/v1', 'cart/v2']],
    ['price', 'version', ['price/v1']],
    ['docs', 'app', ['cart/v1', 'cart/v2', 'carton/v1', 'price/v1']],
    ['carto', 'app', ['cart/v1', 'cart/v2', 'carton/v1', 'price/v1']],
  ])('%j means %s', (folder, at, expected) => {
    const standing = functionOf(shop, join(shop.root, folder));
    expect([standing.at, labels(standing.versions)]).toEqual([at, expected]);
  });

  it('is the version for a func.yaml beside app.yaml, but not inside other functions', () => {
    expect(labels(functionOf(mixed, mixed.root).versions)).toEqual(['shop/v1']);
    expect(labels(functionOf(mixed, join(mixed.root, 'internal')).versions)).toEqual(['shop/v1']);
    expect(labels(functionOf(mixed, join(mixed.root, 'cart')).versions)).toEqual(['cart/v1']);
  });

  it('is the app where one function has its versions beside app.yaml', () => {
    const standing = functionOf(hello, hello.root);
    expect([standing.at, labels(standing.versions)]).toEqual(['app', ['shop/v1', 'shop/v2', 'shop/v10']]);
  });
});
