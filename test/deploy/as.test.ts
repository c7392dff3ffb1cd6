import { describe, expect, test } from 'vitest';
import { chooseName, versionAs } from '../../src/deploy/as.js';
import { deploy } from '../../src/deploy/deploy.js';
import { planRollout, rollout, type RolloutOptions } from '../../src/deploy/rollout.js';
import { observe } from '../../src/fn/observe.js';
import { appFolder, requestFor, stage } from './stage.js';

/** On the server: `v2` from a folder, `v3:a` by --as from content a. */
const known = (text: string) =>
  text
    .split(' ')
    .filter(Boolean)
    .map((word) => {
      const [version = '', hash] = word.split(':');
      return { version, as: hash !== undefined, hash: hash ?? 'folder' };
    });

/** A function with these version folders; none: it lies in its own folder. */
const project = (...versions: string[]) => {
  const dir = '/shop/cart';
  const own =
    versions.length === 0
      ? [{ version: 'v1', dir }]
      : versions.map((v) => ({ version: v, dir: `${dir}/${v}` }));
  return { functions: [{ name: 'cart', dir, versions: own.map((each) => ({ ...each, function: 'cart' })) }] };
};
const choose = (folders: string[], there: string, wanted: string, hash = 'a') => {
  const { functions } = project(...folders);
  const folder = functions[0]!.versions.at(-1)!;
  return chooseName(folder, wanted, { functions } as never, known(there), hash);
};

describe('next', () => {
  test.each<[string, string[], string, string]>([
    ['of a folder without versions, on an empty server', [], '', 'v1'],
    ['after the folder itself', [], 'v1', 'v2'],
    ['of the same content is the same version', [], 'v1 v2:a', 'v2'],
    ['of another content is the next', [], 'v1 v2:b', 'v3'],
    ['of a content that an older one had is the next: going back is a change', [], 'v1 v2:a v3:b', 'v4'],
    ['comes after the highest number, not after the count', [], 'v1 v7:b', 'v8'],
    ['counts as numbers do', [], 'v9:b v10:c', 'v11'],
    ['comes after version folders that were never deployed', ['v1', 'v2'], '', 'v3'],
    ['comes after both', ['v1', 'v2'], 'v1 v2 v3:b', 'v4'],
    ['is never a folder’s own version, even of the same content', ['v1', 'v2'], 'v2', 'v3'],
    ['passes over suffixes', ['v1', 'v4-beta'], 'v1', 'v5'],
  ])('%s', (_, folders, there, version) => expect(choose(folders, there, 'next')).toBe(version));
});

describe('a version that is named', () => {
  test.each<[string, string[], string, string]>([
    ['is new', [], 'v1', 'v3'],
    ['is there with the same content', [], 'v1 v3:a', 'v3'],
    ['has a suffix', ['v1'], 'v1', 'v2-beta'],
  ])('%s', (_, folders, there, version) => expect(choose(folders, there, version)).toBe(version));

  test.each<[string, string[], string, string, object]>([
    [
      'is there with another content',
      [],
      'v1 v3:b',
      'v3',
      {
        code: 'conflict',
        message: 'cart/v3 is there already, with another content',
        try: 'fnmesh deploy cart --as next',
      },
    ],
    [
      'was deployed from a folder',
      [],
      'v1',
      'v1',
      { code: 'conflict', message: 'cart/v1 is there already, with another content' },
    ],
    [
      'has a folder of its own',
      ['v1', 'v2'],
      '',
      'v2',
      { code: 'usage', message: 'cart/v2 has a folder of its own', try: 'fnmesh deploy cart/v2' },
    ],
    ...['', '3', 'V3', 'latest', 'v3.1', 'v', 'v3 ', 'v3-', 'Next'].map(
      (text): [string, string[], string, string, object] => [
        `is ${JSON.stringify(text)}`,
        [],
        '',
        text,
        { code: 'usage', message: `--as ${text}: a version is called v1, v2, v3-beta, …, or next` },
      ],
    ),
  ])('and %s', (_, folders, there, wanted, error) => {
    expect(() => choose(folders, there, wanted)).toThrow(expect.objectContaining(error) as Error);
  });
});

describe('the folder as a version', () => {
  const as = async (func: object, wanted = 'v3', files = {}) => {
    const { ports, server } = await stage();
    const app = appFolder({ 'cart/v1': { func, files } });
    const folder = app.functions[0]!.versions[0]!;
    const options = { buildsDir: requestFor(app).buildsDir, force: false };
    return versionAs(folder, wanted, app, await observe(server, 'shop'), ports.images, options);
  };

  test('has an fn and a trigger of its own, and the folder’s content', async () => {
    const made = await as({ name: 'me/cart-v1', memory: 256 });
    expect(made).toMatchObject({
      function: 'cart',
      version: 'v3',
      func: {
        name: 'me/cart-v3',
        memory: 256,
        triggers: [{ name: 'cart-v3', type: 'http', source: '/cart/v3' }],
      },
    });
    expect(made.dir).toMatch(/cart\/v1$/);
  });

  test('has no trigger where the folder has none', async () => {
    expect((await as({ triggers: [] })).func.triggers).toEqual([]);
  });

  test('whose fn’s name would be too long is refused', async () => {
    await expect(as({}, `v3-${'x'.repeat(40)}`)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('longer than the 40 characters') as string,
    });
  });

  test('that cannot be built is that error', async () => {
    await expect(as({}, 'v3', { 'package.json': '{' })).rejects.toMatchObject({ code: 'config' });
  });
});

describe('deploying a folder as new versions', () => {
  const options: RolloutOptions = {
    as: 'next',
    prune: false,
    keep: null,
    bump: false,
    confirm: () => Promise.reject(new Error('not to be asked')),
    drainMs: 0,
  };
  const single = (code: string, root?: string) => {
    // As `readProject` gives a function that lies in a folder without versions.
    const { functions, ...rest } = appFolder({ 'cart/v1': { code } }, {}, root);
    const [fn] = functions;
    const dir = fn!.versions[0]!.dir;
    return { ...rest, functions: [{ ...fn!, dir }] };
  };

  test('makes one after the other, each without traffic; again is unchanged', async () => {
    const { ports, router, server } = await stage();
    const first = single('// 1');
    await deploy(requestFor(first), ports);
    const run = async (code: string, more: Partial<RolloutOptions> = {}) => {
      const result = await rollout(requestFor(single(code, first.root)), ports, { ...options, ...more });
      return [
        ...result.versions.map((row) => `${row.version} ${row.deploy}`),
        ...result.removed.map((r) => `${r.version} gone`),
      ];
    };
    expect(await run('// 2')).toEqual(['v2 created']);
    expect(await run('// 2')).toEqual(['v2 unchanged']);
    expect(await run('// 3')).toEqual(['v3 created']);
    expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 10_000, v2: 0, v3: 0 });
    await expect(run('// other', { as: 'v3' })).rejects.toMatchObject({ code: 'conflict' });
    const plan = await planRollout(requestFor(single('// 4', first.root)), ports, { as: 'next', keep: 2 });
    expect(plan.removes).toEqual([{ function: 'cart', version: 'v2' }]);
    expect(await run('// 4', { keep: 2 })).toEqual(['v4 created', 'v2 gone']);
    const fns = (await observe(server, 'shop')).fns.map(({ fn, notes }) => [fn.name, notes?.as]);
    expect(fns).toEqual([
      ['cart-v1', undefined],
      ['cart-v3', true],
      ['cart-v4', true],
    ]);
  });

  test('one of them with traffic is kept, however old', async () => {
    const { ports, router } = await stage();
    const first = single('// 1');
    await deploy(requestFor(first), ports);
    const run = (code: string, keep: number | null) =>
      rollout(requestFor(single(code, first.root)), ports, { ...options, keep });
    await run('// 2', null);
    const { route, revision } = (await router.read('shop')).routes[0]!;
    const split = { v1: 9000, v2: 1000 };
    await router.write([{ kind: 'put', route: { ...route, split }, ifRevision: revision }], {
      verb: 'shift',
      by: 'me',
    });
    expect((await run('// 3', 1)).removed).toEqual([]);
    expect((await run('// 4', 1)).removed).toEqual([{ function: 'cart', version: 'v3' }]);
    expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 9000, v2: 1000, v4: 0 });
  });

  test('takes one folder, and names what was given', async () => {
    const { ports, writes } = await stage();
    const two = requestFor(appFolder({ 'cart/v1': {}, 'price/v1': {} }));
    await expect(rollout(two, ports, options)).rejects.toMatchObject({
      code: 'usage',
      message: '--as makes one version of one folder, and these were named: cart/v1, price/v1',
      try: 'fnmesh deploy cart/v1 --as next',
    });
    expect(writes).toEqual([]);
  });

  test('takes neither the fn nor the source of another function or of somebody else', async () => {
    const { ports, server, writes } = await stage();
    const other = { name: 'cart-v3', triggers: [{ name: 't', type: 'http', source: '/other' }] };
    const app = appFolder({ 'cart/v1': {}, 'other/v1': { func: other } });
    await deploy(requestFor(app), ports);
    writes.length = 0;
    const as3 = rollout(requestFor(app, ['cart/v1']), ports, { ...options, as: 'v3' });
    await expect(as3).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^cart\/v3 would have the fn cart-v3 of other\/v1, in /) as string,
    });
    // Its folder is gone, and the server still has it.
    const alone = appFolder({ 'cart/v1': {} }, {}, app.root);
    await expect(rollout(requestFor(alone), ports, { ...options, as: 'v3' })).rejects.toMatchObject({
      message: 'cart/v3 would be fn cart-v3, which is on the server and is other/v1',
    });
    const { id } = (await server.app('shop'))!;
    await server.createFn({ app_id: id, name: 'cart-v4', image: 'x' });
    await expect(rollout(requestFor(alone), ports, { ...options, as: 'v4' })).rejects.toMatchObject({
      message: 'cart/v4 would be fn cart-v4, which is on the server and was not made by fnmesh',
    });
    expect(writes).toEqual([expect.stringContaining('createFn')]);
  });

  test('counts on from versions that only the route knows, and refuses their names', async () => {
    const { ports, router } = await stage();
    const first = single('// 1');
    await deploy(requestFor(first), ports);
    const { route, revision } = (await router.read('shop')).routes[0]!;
    const split = { v1: 9000, v2: 1000 };
    const v2 = { fn: 'cart-v2', source: '/cart/v2', endpoint: 'http://fn:8080/t/shop/cart/v2' };
    const there = { ...route, split, destinations: { ...route.destinations, v2 } };
    await router.write([{ kind: 'put', route: there, ifRevision: revision }], { verb: 'shift', by: 'me' });
    const next = await rollout(requestFor(single('// 2', first.root)), ports, options);
    expect(next.versions[0]?.version).toBe('v3');
    await expect(
      rollout(requestFor(single('// 2', first.root)), ports, { ...options, as: 'v2' }),
    ).rejects.toMatchObject({ code: 'conflict' });
  });

  test('of an image that exists is made once', async () => {
    const { ports } = await stage();
    const first = single('// 1');
    await deploy(requestFor(first), ports);
    const run = async (image: string) => {
      const request = { ...requestFor(single('// 1', first.root)), image };
      const [row] = (await rollout(request, ports, options)).versions;
      return `${row?.version} ${row?.build} ${row?.deploy}`;
    };
    expect(await run('a:1')).toBe('v2 given created');
    expect(await run('a:1')).toBe('v2 given unchanged');
    expect(await run('a:2')).toBe('v3 given created');
  });

  test('a plain deploy of what --as made first is refused: one version has one fn', async () => {
    const { ports, server } = await stage();
    const func = { name: 'cart', triggers: [{ name: 'cart', type: 'http', source: '/cart' }] };
    const app = appFolder({ 'cart/v1': { func } });
    const lone = { ...app, functions: [{ ...app.functions[0]!, dir: app.functions[0]!.versions[0]!.dir }] };
    expect((await rollout(requestFor(lone), ports, options)).versions).toMatchObject([
      { version: 'v1', fn: 'cart-v1' },
    ]);
    const plain = await deploy(requestFor(lone), ports);
    expect(plain.versions[0]?.error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('cart/v1 is fn cart-v1 on the server') as string,
      try: 'fnmesh deploy cart --as next',
    });
    expect((await observe(server, 'shop')).fns.map(({ fn }) => fn.name)).toEqual(['cart-v1']);
  });
});
