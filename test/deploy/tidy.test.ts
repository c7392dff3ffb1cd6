import { describe, expect, test } from 'vitest';
import { deploy } from '../../src/deploy/deploy.js';
import { isDrift, orphans } from '../../src/deploy/outcome.js';
import type { DeployResult } from '../../src/deploy/result.js';
import { rollout, type RolloutOptions } from '../../src/deploy/rollout.js';
import { surplus, tidy } from '../../src/deploy/tidy.js';
import type { Observed } from '../../src/fn/observe.js';
import { observe } from '../../src/fn/observe.js';
import type { RouteTable } from '../../src/router/router.js';
import type { Split } from '../../src/routing/route.js';
import { routeOf } from '../helpers/routes.js';
import { appFolder, requestFor, stage } from './stage.js';

const REASON = { verb: 'destroy', by: 'me@here', message: 'test' } as const;

/** `v2` from a folder, `v3*` by --as; of `cart` unless named: `price/v1`. */
function on(words: string): Observed {
  const fns = words.split(' ').map((word) => {
    const [fn = '', version = ''] = word.includes('/') ? word.split('/') : ['cart', word];
    const notes = {
      function: fn,
      version: version.replace('*', ''),
      ...(version.endsWith('*') && { as: true }),
    };
    return { fn: { name: `${fn}-${notes.version}` }, triggers: [], notes };
  });
  return { app: null, fns, releases: [] } as unknown as Observed;
}
const routes = (splits: Record<string, Split>): RouteTable => ({
  app: 'shop',
  routes: Object.entries(splits).map(([name, split]) => ({ route: routeOf(name, split), revision: 1 })),
});

describe('what --as made beyond what is kept', () => {
  test.each<[string, Split, number, string, string]>([
    // on the server, split, keep, just deployed, surplus
    ['v1 v2* v3* v4*', { v1: 10_000 }, 2, 'v4', 'v2'],
    ['v1 v2* v3* v4*', { v1: 10_000 }, 1, 'v4', 'v3 v2'],
    ['v1 v2* v3* v4*', { v1: 10_000 }, 3, 'v4', ''],
    ['v1 v2* v3* v4*', { v1: 9000, v2: 1000 }, 1, 'v4', 'v3'],
    ['v1 v2* v3* v4*', { v1: 10_000 }, 1, 'v2', 'v3'],
    ['v9* v10* v2*', {}, 1, 'v10', 'v9 v2'],
    ['v1 v2 v3', { v1: 10_000 }, 1, 'v3', ''],
    ['v1* price/v1* price/v2* v2*', {}, 1, 'v2', 'v1'],
  ])('%s, split %j, keep %i', (there, split, keep, but, gone) => {
    const found = surplus(on(there), routes({ cart: split }), 'cart', keep, but);
    expect(found.map(({ version }) => version).join(' ')).toBe(gone);
    expect(found.every(({ function: fn }) => fn === 'cart')).toBe(true);
  });
});

describe('versions without a folder', () => {
  test.each<[string, string[], string, string[]]>([
    ['none', ['cart/v1', 'cart/v2'], 'v1 v2', []],
    ['one, with its share', ['cart/v1'], 'v1 v2', ['cart/v2 1000']],
    ['not those of --as', ['cart/v1'], 'v1 v3*', []],
    ['of a function that is gone', ['cart/v1'], 'v1 price/v1', ['price/v1 null']],
    [
      'in the order of versions',
      ['price/v1'],
      'v10 v2 v1',
      ['cart/v1 9000', 'cart/v2 1000', 'cart/v10 null'],
    ],
  ])('%s', (_, folders, there, left) => {
    const { project } = requestFor(appFolder(Object.fromEntries(folders.map((label) => [label, {}]))));
    const table = routes({ cart: { v1: 9000, v2: 1000 } });
    const found = orphans({ project } as never, on(there), table);
    expect(found.map(({ function: fn, version, share }) => `${fn}/${version} ${share}`)).toEqual(left);
  });

  test('of somebody else are nobody’s', () => {
    const { project } = requestFor(appFolder({ 'cart/v1': {} }));
    const theirs = { fn: { name: 'theirs' }, triggers: [], notes: null };
    expect(orphans({ project } as never, { ...on('v1'), fns: [theirs as never] }, routes({}))).toEqual([]);
  });
});

describe('drift', () => {
  const same = {
    app: { action: 'unchanged' },
    versions: [{ deploy: 'unchanged' }],
    functions: [],
    routed: [],
    orphans: [],
  };
  test.each<[string, object, boolean]>([
    ['none', {}, false],
    ['of the app', { app: { action: 'update' } }, true],
    ['of a version', { versions: [{ deploy: 'unchanged' }, { deploy: 'to update' }] }, true],
    ['a new version', { versions: [{ deploy: 'to create' }] }, true],
    ['a route that has to be written', { routed: ['cart'] }, true],
    ['weights that are as asked', { functions: [{ asked: null }] }, false],
    ['weights that somebody edited', { functions: [{ asked: { v1: 10_000 } }] }, true],
    ['an object before the functions', { front: { objects: [{ action: 'create' }] } }, true],
    ['a version without a folder', { orphans: [{ function: 'cart', version: 'v9', share: null }] }, true],
  ])('%s', (_, change, drift) => {
    expect(isDrift({ ...same, ...change } as unknown as DeployResult)).toBe(drift);
  });
});

describe('taking versions away', () => {
  const gone = async (folders: string[], removed: string[], split?: Split) => {
    const all = await stage();
    const { ports, router, server } = all;
    const project = appFolder(Object.fromEntries(folders.map((label) => [label, {}])));
    await deploy(requestFor(project), ports);
    if (split) {
      const { route, revision } = (await router.read('shop')).routes[0]!;
      await router.write([{ kind: 'put', route: { ...route, split }, ifRevision: revision }], REASON);
    }
    const names = removed.map((label) => {
      const [fn = '', version = ''] = label.split('/');
      return { function: fn, version };
    });
    const left = async () => (await observe(server, 'shop')).fns.map(({ fn }) => fn.name);
    return { ...all, project, done: await tidy('shop', names, ports, REASON, 0), left };
  };

  test('from the route first, each with its reason', async () => {
    const { done, left, router } = await gone(['cart/v1', 'cart/v2', 'cart/v3'], ['cart/v2', 'cart/v3']);
    expect(done).toMatchObject({ removed: [{ version: 'v2' }, { version: 'v3' }], kept: [] });
    expect(await left()).toEqual(['cart-v1']);
    expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 10_000 });
    const history = await router.history('shop');
    expect(history.slice(1).map(({ message }) => message)).toEqual(['cart/v2: test', 'cart/v3: test']);
  });

  test('but for what has traffic, or is the last: it stays, and says why', async () => {
    const { done, left } = await gone(['cart/v1', 'cart/v2', 'price/v1'], ['cart/v2', 'price/v1'], {
      v1: 9000,
      v2: 1000,
    });
    expect(done.removed).toEqual([]);
    expect(done.kept).toEqual([
      { function: 'cart', version: 'v2', why: 'cart/v2 serves 10 % of cart; move that away first' },
      { function: 'price', version: 'v1', why: 'price/v1 is the only version of price' },
    ]);
    expect(await left()).toHaveLength(3);
  });

  test('what is gone already is no matter', async () => {
    const { done } = await gone(['cart/v1'], ['cart/v7', 'none/v1']);
    expect(done).toEqual({ removed: [], kept: [] });
  });
});

describe('--prune', () => {
  const options = (more: Partial<RolloutOptions> = {}): RolloutOptions => ({
    prune: true,
    keep: null,
    bump: false,
    confirm: () => Promise.resolve(true),
    drainMs: 0,
    ...more,
  });
  const two = async () => {
    const all = await stage();
    const project = appFolder({ 'cart/v1': {}, 'cart/v2': {}, 'price/v1': {} });
    await deploy(requestFor(project), all.ports);
    const left = async () => (await observe(all.server, 'shop')).fns.map(({ fn }) => fn.name);
    return { ...all, left, without: appFolder({ 'cart/v1': {} }, {}, project.root) };
  };

  test('asks for what would go, removes it, and says what had to stay', async () => {
    const { ports, without, left } = await two();
    const asked: string[] = [];
    const result = await rollout(requestFor(without), ports, {
      ...options(),
      confirm: (doomed) => {
        asked.push(...doomed.map(({ function: fn, version }) => `${fn}/${version}`));
        return Promise.resolve(true);
      },
    });
    // price/v1 serves all of price: it is not asked for.
    expect(asked).toEqual(['cart/v2']);
    expect(result).toMatchObject({ removed: [{ function: 'cart', version: 'v2' }], stayed: [] });
    expect(result.orphans).toEqual([{ function: 'price', version: 'v1', share: 10_000 }]);
    expect(await left()).toEqual(['cart-v1', 'price-v1']);
  });

  test('that is declined deploys all the same', async () => {
    const { ports, without, left } = await two();
    const changed = appFolder({ 'cart/v1': { code: '// new' } }, {}, without.root);
    const result = await rollout(
      requestFor(changed),
      ports,
      options({ confirm: () => Promise.resolve(false) }),
    );
    expect(result).toMatchObject({ removed: [], versions: [{ deploy: 'updated' }] });
    expect(await left()).toEqual(['cart-v1', 'cart-v2', 'price-v1']);
  });

  test('that cannot ask changes nothing at all', async () => {
    const { ports, without, writes } = await two();
    writes.length = 0;
    const changed = appFolder({ 'cart/v1': { code: '// new' } }, {}, without.root);
    const refuse = options({ confirm: () => Promise.reject(new Error('no terminal')) });
    await expect(rollout(requestFor(changed), ports, refuse)).rejects.toThrow('no terminal');
    expect(writes).toEqual([]);
  });

  test('does not ask when nothing would go', async () => {
    const { ports } = await stage();
    const refuse = options({ confirm: () => Promise.reject(new Error('asked')) });
    expect((await rollout(requestFor(appFolder({ 'cart/v1': {} })), ports, refuse)).failed).toBe(0);
  });
});
