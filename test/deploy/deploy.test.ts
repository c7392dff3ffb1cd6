import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { deploy, planDeploy } from '../../src/deploy/deploy.js';
import { FnClient } from '../../src/fn/client.js';
import { appFolder, requestFor, stage } from './stage.js';

const TWO = { 'cart/v1': {}, 'cart/v2': {} };
const actions = (result: Awaited<ReturnType<typeof deploy>>): string[] =>
  result.versions.map((row) => `${row.function}/${row.version} ${row.build} ${row.deploy}`);

describe('deploying', () => {
  test('the first time: app, fns, triggers, and a route to the lowest version', async () => {
    const { ports, router, server, api } = await stage();
    const project = appFolder({ ...TWO, 'cart/v10': {} }, { config: { COLOUR: 'red' } });
    const result = await deploy(requestFor(project), ports);
    expect(actions(result)).toEqual([
      'cart/v1 built created',
      'cart/v2 built created',
      'cart/v10 built created',
    ]);
    expect(result).toMatchObject({ failed: 0, server: api.base, app: { action: 'create', name: 'shop' } });
    expect(result.versions[0]?.address).toBe(`${api.base}/t/shop/cart/v1`);
    expect(result.next).toEqual([{ why: 'v10 has 0 %', command: 'fnmesh shift v10=10' }]);
    const app = await server.app('shop');
    expect(app?.config).toEqual({ COLOUR: 'red' });
    expect((await server.fns(app!.id)).map(({ name, image }) => [name, image.split(':')[0]])).toEqual(
      ['cart-v1', 'cart-v10', 'cart-v2'].map((fn) => [fn, `fnmesh.local/shop/${fn}`]),
    );
    const { routes } = await router.read('shop');
    expect(routes[0]?.route).toMatchObject({
      host: 'shop.localhost',
      path: '/cart',
      split: { v1: 10_000, v2: 0, v10: 0 },
      destinations: { v2: { fn: 'cart-v2', source: '/cart/v2' } },
    });
    expect(Object.keys(routes[0]?.route.split ?? {})).toEqual(['v1', 'v2', 'v10']);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  test('again: all unchanged, and nothing is written anywhere', async () => {
    const { ports, router, images, writes } = await stage();
    const project = appFolder(
      {
        'cart/v1': {
          func: {
            memory: 256,
            timeout: 5,
            config: { A: '1', EMPTY: '' },
            annotations: { team: ['x', { y: 1 }] },
          },
        },
        'cart/v2': { func: { triggers: [] } },
        'cart/v3': { func: { runtime: 'java' } },
      },
      { config: { B: '2', EMPTY: '' }, annotations: { owner: 'me' }, syslog_url: 'tcp://127.0.0.1:514' },
    );
    await deploy(requestFor(project), ports);
    const before = { writes: writes.length, routes: router.writes, warmed: images.warmed.length };
    const result = await deploy(requestFor(project), ports);
    expect(result.versions.map(({ deploy }) => deploy)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(result.app.action).toBe('unchanged');
    expect({ writes: writes.length, routes: router.writes, warmed: images.warmed.length }).toEqual(before);
  });

  test('changed code: a process of the new build first, then the fn, the split as it was', async () => {
    const { ports, images, router, writes } = await stage();
    const project = appFolder(TWO);
    await deploy(requestFor(project), ports);
    const routes = router.writes;
    writes.length = 0;
    images.warmed.length = 0;
    const changed = appFolder({ ...TWO, 'cart/v1': { code: '// new' } }, {}, project.root);
    const result = await deploy(requestFor(changed), ports);
    expect(actions(result)).toEqual(['cart/v1 built updated', 'cart/v2 unchanged unchanged']);
    expect(result.versions[0]).toMatchObject({ share: 10_000, changes: [{ field: 'image' }] });
    expect(images.warmed).toHaveLength(1);
    expect(images.warmed[0]?.change?.image).toBe(result.versions[0]?.changes[0]?.to);
    // The lock, the release that was, the change, its notes, the lock away.
    expect(writes.map((write) => write.split(' ')[0])).toEqual([
      'createFn',
      'createFn',
      'updateFn',
      'updateTrigger',
      'deleteFn',
    ]);
    expect(writes[1]).toContain('"name":"cart-v1~1"');
    expect(result.versions.map(({ release }) => release)).toEqual([2, 1]);
    expect(router.writes).toBe(routes);
  });

  test('what does not start keeps the old release, and a new one that does not start goes', async () => {
    const { ports, images, server } = await stage();
    const project = appFolder({ 'cart/v1': {} });
    await deploy(requestFor(project), ports);
    const [before] = await server.fns((await server.app('shop'))!.id);
    images.answer = () => ({ ready: false, why: 'it exited with 1', logs: ['TypeError: x', 'at y'] });
    const changed = appFolder({ 'cart/v1': { code: '// bad' }, 'cart/v2': {} }, {}, project.root);
    const result = await deploy(requestFor(changed), ports);
    expect(result.failed).toBe(2);
    expect(result.versions[0]?.error).toEqual({
      code: 'failed',
      message: 'cart/v1 does not start: it exited with 1',
      output: 'TypeError: x\nat y',
    });
    expect(await server.fns((await server.app('shop'))!.id)).toEqual([before]);
    images.answer = () => ({ ready: true });
    expect(actions(await deploy(requestFor(changed), ports))).toEqual([
      'cart/v1 unchanged updated',
      'cart/v2 unchanged created',
    ]);
  });

  test('a version that cannot be built is its own row; the others are deployed', async () => {
    const { ports, router } = await stage();
    const project = appFolder({
      'cart/v1': { files: { 'package.json': '{' } },
      'cart/v2': {},
      'price/v1': {},
    });
    const result = await deploy(requestFor(project), ports);
    expect(result.versions.map(({ deploy }) => deploy)).toEqual(['failed', 'created', 'created']);
    expect(result.versions[0]?.error).toMatchObject({ code: 'config' });
    expect(result.failed).toBe(1);
    const { routes } = await router.read('shop');
    expect(routes.map(({ route }) => [route.function, route.split])).toEqual([
      ['cart', { v2: 10_000 }],
      ['price', { v1: 10_000 }],
    ]);
  });

  test('when nothing can be built, nothing is written, not even the app', async () => {
    const { ports, writes } = await stage();
    const result = await deploy(
      requestFor(appFolder({ 'cart/v1': { files: { 'package.json': '{' } } })),
      ports,
    );
    expect(result).toMatchObject({ failed: 1, app: { action: 'unchanged' } });
    expect(writes).toEqual([]);
  });

  test('a version that arrives later has weight 0 and its own address', async () => {
    const { ports, router } = await stage();
    const project = appFolder(TWO);
    await deploy(requestFor(project, ['cart/v2']), ports);
    const result = await deploy(requestFor(project, ['cart/v1']), ports);
    expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 0, v2: 10_000 });
    expect(result.next).toEqual([{ why: 'v1 has 0 %', command: 'fnmesh shift v1=10' }]);
    expect((await router.history('shop', 'cart')).map(({ verb, by }) => [verb, by])).toEqual([
      ['deploy', 'me@here'],
      ['deploy', 'me@here'],
    ]);
  });

  test('what cannot run here is stored, and is a failure only when it was named', async () => {
    const { ports, server, router } = await stage();
    const project = appFolder({
      'cart/v1': { func: { runtime: 'java', name: 'me/cart-v1', version: '0.0.7' } },
      'cart/v2': {},
    });
    const result = await deploy(requestFor(project), ports);
    expect(result).toMatchObject({ failed: 0, versions: [{ build: 'cannot run', deploy: 'created' }, {}] });
    expect(result.versions[0]?.cannotRun).toContain('cannot run on the embedded server');
    const fns = await server.fns((await server.app('shop'))!.id);
    expect(fns[0]).toMatchObject({ name: 'cart-v1', image: 'me/cart-v1:0.0.7' });
    expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 0, v2: 10_000 });
    const named = await deploy(requestFor(project, ['cart/v1']), ports);
    expect(named).toMatchObject({ failed: 1, versions: [{ deploy: 'unchanged' }] });
  });

  test('without an http trigger: deployed, not routed, and said so', async () => {
    const { ports, router } = await stage();
    const result = await deploy(requestFor(appFolder({ 'cart/v1': { func: { triggers: [] } } })), ports);
    expect(result.versions[0]).toMatchObject({ deploy: 'created', address: null });
    expect(result.functions[0]).toMatchObject({
      after: null,
      unrouted: [{ version: 'v1', why: 'it has no http trigger' }],
    });
    expect((await router.read('shop')).routes).toEqual([]);
  });

  test('what left func.yaml goes when fnmesh had put it; what others put stays', async () => {
    const { ports, server } = await stage();
    const project = appFolder(
      { 'cart/v1': { func: { memory: 256, config: { A: '1', B: '2' } } } },
      { config: { X: '1' } },
    );
    await deploy(requestFor(project), ports);
    const app = (await server.app('shop'))!;
    const [fn] = await server.fns(app.id);
    await server.updateFn(fn!.id, { timeout: 17, config: { THEIRS: 'yes' } });
    await server.updateApp(app.id, { config: { OTHER: 'yes' } });
    const result = await deploy(
      requestFor(appFolder({ 'cart/v1': { func: { config: { A: '1' } } } }, {}, project.root)),
      ports,
    );
    expect(result.versions[0]?.changes.map(({ field }) => field)).toEqual(['image', 'memory', 'config.B']);
    expect(result.app.changes).toEqual([{ field: 'config.X', from: '1', to: null }]);
    const [after] = await server.fns(app.id);
    expect(after).toMatchObject({ memory: 128, timeout: 17, config: { A: '1', THEIRS: 'yes' } });
    expect((await server.app('shop'))?.config).toEqual({ OTHER: 'yes' });
  });

  test('a trigger is moved, renamed, and removed with func.yaml; the route follows', async () => {
    const { ports, server, router } = await stage();
    const named = (name: string, source: string) => ({ name, type: 'http', source });
    const project = appFolder({ 'cart/v1': { func: { triggers: [named('a', '/a'), named('b', '/b')] } } });
    await deploy(requestFor(project), ports);
    const again = (...triggers: ReturnType<typeof named>[]) =>
      deploy(requestFor(appFolder({ 'cart/v1': { func: { triggers } } }, {}, project.root)), ports);
    const app = (await server.app('shop'))!;
    const list = async () => (await server.triggers(app.id)).map(({ name, source }) => `${name} ${source}`);
    const source = async () => (await router.read('shop')).routes[0]?.route.destinations['v1']?.source;
    await again(named('a', '/moved'), named('b', '/b'));
    expect([await list(), await source()]).toEqual([['a /moved', 'b /b'], '/moved']);
    await again(named('b', '/b'), named('a', '/moved'));
    expect([await list(), await source()]).toEqual([['a /moved', 'b /b'], '/b']);
    await again(named('c', '/b'));
    expect([await list(), await source()]).toEqual([['c /b'], '/b']);
    expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 10_000 });
  });

  test('a source that belongs to a fn of somebody else is refused before any write', async () => {
    const { ports, server, writes } = await stage();
    const app = await server.createApp({ name: 'shop' });
    const fn = await server.createFn({ app_id: app.id, name: 'theirs', image: 'x' });
    await server.createTrigger({ app_id: app.id, fn_id: fn.id, name: 't', source: '/cart/v1' });
    writes.length = 0;
    const result = await deploy(requestFor(appFolder({ 'cart/v1': {} })), ports);
    expect(result.versions[0]?.error).toMatchObject({ code: 'conflict' });
    expect(writes).toEqual([]);
  });

  test('two at once end as one would', async () => {
    const { ports, server, router, api } = await stage();
    const versions = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`f${index % 4}/v${index + 1}`, {}]),
    );
    const project = appFolder(versions);
    const other = { ...ports, fn: new FnClient(api.base) };
    const results = await Promise.all([
      deploy(requestFor(project), ports),
      deploy(requestFor(project), other),
    ]);
    expect(results.map(({ failed }) => failed)).toEqual([0, 0]);
    const app = (await server.app('shop'))!;
    expect(await server.fns(app.id)).toHaveLength(12);
    expect(await server.triggers(app.id)).toHaveLength(12);
    expect((await router.read('shop')).routes.map(({ route }) => route.split)).toEqual([
      { v1: 10_000, v5: 0, v9: 0 },
      { v2: 10_000, v6: 0, v10: 0 },
      { v3: 10_000, v7: 0, v11: 0 },
      { v4: 10_000, v8: 0, v12: 0 },
    ]);
    expect(
      (await deploy(requestFor(project), ports)).versions.every((row) => row.deploy === 'unchanged'),
    ).toBe(true);
  });
});

describe('a dry run', () => {
  test('says what would be done, builds nothing and writes nothing', async () => {
    const { ports, writes, router } = await stage();
    const project = appFolder(TWO);
    const empty = await planDeploy(requestFor(project), { ...ports, fn: null, router: null });
    expect(actions(empty)).toEqual(['cart/v1 to build to create', 'cart/v2 to build to create']);
    expect(empty).toMatchObject({ server: null, app: { action: 'create' }, failed: 0 });
    expect(empty.functions[0]?.after).toEqual({ v1: 10_000, v2: 0 });
    const plan = await planDeploy(requestFor(project), ports);
    expect({ ...plan, server: null }).toEqual(empty);
    expect([writes, router.writes, existsSync(requestFor(project).buildsDir)]).toEqual([[], 0, false]);
    const done = await deploy(requestFor(project), ports);
    expect(done.versions.map(({ changes }) => changes)).toEqual(plan.versions.map(({ changes }) => changes));
    expect(done.functions).toEqual(plan.functions);
    const after = await planDeploy(requestFor(project), ports);
    expect(actions(after)).toEqual(['cart/v1 unchanged unchanged', 'cart/v2 unchanged unchanged']);
  });
});
