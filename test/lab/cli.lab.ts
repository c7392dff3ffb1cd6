// The whole way of an app by the real command line: embedded server as Fn, nginx Pods, Envoy as the gateway.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp } from '../helpers/cli.js';
import { ClusterStage } from './cli-stage.js';

type Address = { address: string };

describe.each([
  { api: 'istio', gateway: 'istio-ingress/public', proxy: 'dedicated' },
  { api: 'gateway-api', gateway: 'istio-ingress/public-gw#http', proxy: 'shared' },
])('$api, $proxy proxies', ({ api, gateway, proxy }) => {
  const kind = api === 'istio' ? 'virtualservice' : 'httproute';
  let stage: ClusterStage;
  beforeAll(async () => {
    stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1', 'v2'], cart: ['v1', 'v2'] }));
    stage.targets({ lab: { api, gateway, proxy } });
  });
  afterAll(() => stage?.close());

  test('deploy makes proxies, Services and routes, and the first version answers', async () => {
    const out = await stage.ok('deploy', '--all', '--target', 'lab');
    expect(out).toContain(`shop answers at http://${stage.host}/  (v1 100 %, v2 0 %)`);
    await stage.gateway.updated();
    expect(await stage.get('/')).toMatchObject({ status: 200, version: 'v1' });
    expect(await stage.get('/cart?x=1')).toMatchObject({ status: 200, version: 'v1' });
    expect((await stage.get('/cartx')).status).toBe(404);
    const proxies = (await stage.objects()).filter((name) => name.startsWith('deployment'));
    expect(proxies).toHaveLength(proxy === 'shared' ? 1 : 4);
  });

  test('again: nothing changes, and diff and wire say so', async () => {
    const before = await stage.objects();
    expect((await stage.run('diff', '--target', 'lab')).code).toBe(0);
    const wired = await stage.json<{ changes: unknown[]; front: { objects: unknown[] } }>(
      'wire',
      '--target',
      'lab',
    );
    expect([wired.result.changes, wired.result.front.objects]).toEqual([[], []]);
    const again = await stage.json<{ versions: Address[] }>('deploy', '--all', '--target', 'lab');
    const status = await stage.json<{ apps: { functions: { versions: Address[] }[] }[] }>(
      ...['status', '--target', 'lab'],
    );
    const shown = status.result.apps[0]!.functions.flatMap(({ versions }) => versions);
    expect(again.result.versions.map(({ address }) => address)).toEqual(shown.map(({ address }) => address));
    expect(await stage.objects()).toEqual(before);
  });

  test('shift moves the share, and waits until Envoy has it', async () => {
    const out = await stage.ok('shift', 'cart', 'v2=50', '--target', 'lab', '--wait=envoy');
    expect(out).toContain('cart');
    const probed = await stage.json<{ observed: Record<string, number>; errors: number }>(
      ...['probe', 'cart', '-n', '200', '--target', 'lab'],
    );
    expect(probed.result).toMatchObject({ errors: 0 });
    expect(probed.result.observed['v2']).toBeGreaterThan(60);
    expect((await stage.get('/')).version).toBe('v1');
  });

  test('a call is pinned by what only the cluster knows', async () => {
    for (const version of ['v1', 'v2']) {
      const called = await stage.json<{ version: string; callId: string }>(
        'call',
        `cart/${version}`,
        '--target',
        'lab',
      );
      expect(called.result).toMatchObject({ version, callId: expect.any(String) as string });
    }
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => stage.get('/cart', { 'Fnmesh-Version': 'v2' })),
    );
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(['v1', 'v2']));
  });

  test('undo, history and status tell the same story', async () => {
    await stage.ok('undo', '--target', 'lab');
    const history = await stage.json<{ changes: { verb: string }[] }>('history', '--target', 'lab');
    expect(history.result.changes.map(({ verb }) => verb).slice(0, 2)).toEqual(['undo', 'shift']);
    const status = await stage.ok('status', '--target', 'lab', '--observe');
    expect(status).toMatch(/cart +v1 +1 +100 % +2 ready/);
    expect(status).toContain('serves v1 100 %');
    expect(status).not.toContain('drift');
  });

  test('several functions shift at once', async () => {
    await stage.ok('shift', 'cart/v2=25', 'shop/v2=25', '--target', 'lab');
    await stage.ok('shift', 'cart/v1=100', 'shop/v1=100', '--target', 'lab', '--wait=probe');
    expect((await stage.get('/cart')).version).toBe('v1');
  });

  test('the proxies tell of calls in their log', async () => {
    const { callId } = await stage.get('/cart');
    await expect
      .poll(() => stage.ok('logs', 'cart', '--target', 'lab'), { timeout: 20_000 })
      .toContain(callId);
  });

  test('what render writes changes nothing when it is applied', async () => {
    const rendered = await stage.ok('render', '--target', 'lab');
    expect(await stage.ok('render', '--target', 'lab')).toBe(rendered);
    const applied = await stage.lab.kubectl(
      ['apply', '--server-side', '--force-conflicts', '--validate=strict', '-f', '-'],
      { input: rendered },
    );
    expect(applied).toMatchObject({ code: 0 });
    expect((await stage.run('diff', '--target', 'lab')).code).toBe(0);
  });

  test('diff says what somebody changed by hand, and wire puts it right', async () => {
    const n = ['-n', stage.namespace];
    const deployment = proxy === 'shared' ? 'shop-proxy' : 'shop-cart-v1';
    const foreign = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'shop-cart-v9',
        namespace: stage.namespace,
        labels: {
          'app.kubernetes.io/managed-by': 'fnmesh',
          'fnmesh/app': 'shop',
          'fnmesh/function': 'cart',
          'fnmesh/version': 'v9',
        },
      },
      spec: { ports: [{ port: 80 }] },
    };
    const edits: { args: string[]; input?: string; says: string | RegExp }[] = [
      {
        args: [...n, 'scale', `deployment/${deployment}`, '--replicas=3'],
        says: new RegExp(`Deployment .*${deployment} would be updated: spec.replicas 3 → 2`),
      },
      { args: [...n, 'delete', 'service', 'shop-cart-v2'], says: /shop-cart-v2 would be created/ },
      {
        args: ['create', '-f', '-'],
        input: JSON.stringify(foreign),
        says: /Service .*shop-cart-v9 would be removed/,
      },
      { args: [...n, 'delete', kind, 'shop-cart'], says: 'shop-cart would be written: ' },
    ];
    for (const { args, input, says } of edits) {
      expect(await stage.lab.kubectl(args, input === undefined ? {} : { input })).toMatchObject({ code: 0 });
      const diff = await stage.run('diff', '--target', 'lab');
      expect([diff.code, diff.stdout]).toEqual([4, expect.stringMatching(says)]);
      await stage.ok('wire', '--target', 'lab');
      expect((await stage.run('diff', '--target', 'lab')).code).toBe(0);
    }
  });

  test('edited weights are told of by diff and status, until a shift decides', async () => {
    await stage.editRoute(kind, 'shop-cart', (text) =>
      text.replaceAll('"weight":100', '"weight":71').replaceAll('"weight":0', '"weight":29'),
    );
    const said = 'v1 100 %, v2 0 % was asked for, and v1 71 %, v2 29 % is there';
    const diff = await stage.run('diff', '--target', 'lab');
    expect([diff.code, diff.stdout]).toEqual([4, expect.stringContaining(said)]);
    expect(await stage.ok('status', '--target', 'lab')).toContain(said);
    await stage.ok('shift', 'cart', 'v2=25', '--target', 'lab');
    expect((await stage.run('diff', '--target', 'lab')).code).toBe(0);
  });

  test('wire repairs a route object whose notes are garbled', async () => {
    const history = () =>
      stage.json<{ changes: { number: number; verb: string }[] }>('history', '--target', 'lab');
    const before = (await history()).result.changes;
    const args = ['annotate', '--overwrite', kind, 'shop-cart', 'fnmesh/route=garbled'];
    expect(await stage.lab.kubectl(['-n', stage.namespace, ...args])).toMatchObject({ code: 0 });
    const status = await stage.run('status', '--target', 'lab');
    expect([status.code, status.stderr]).toEqual([2, expect.stringContaining('fnmesh wire')]);
    expect(await stage.ok('wire', '--target', 'lab')).toContain('(v1 75 %, v2 25 %)');
    expect((await stage.run('diff', '--target', 'lab')).code).toBe(0);
    expect((await history()).result.changes).toEqual([
      expect.objectContaining({ verb: 'wire' }) as unknown,
      ...before,
    ]);
    await stage.ok('shift', 'cart', 'v1=100', '--target', 'lab');
  });

  test('the doctor finds nothing wrong', async () => {
    const { code, stdout } = await stage.run('doctor', '--target', 'lab');
    expect([code, stdout]).toEqual([0, expect.stringContaining('gateway') as string]);
  });

  test('a version goes once nobody needs it; destroy names what goes, and leaves nothing', async () => {
    await stage.ok('destroy', 'cart/v2', '--yes', '--target', 'lab');
    expect((await stage.objects()).filter((name) => name.includes('cart-v2'))).toEqual([]);
    expect(await stage.get('/cart')).toMatchObject({ status: 200, version: 'v1' });
    const there = await stage.objects();
    type Front = { front: { objects: Row[]; routes: Row[] } };
    type Row = { action: string; kind: string; name: string };
    const planned = await stage.json<Front>('destroy', '--all', '--dry-run', '--target', 'lab');
    const gone = await stage.json<Front>('destroy', '--all', '--yes', '--target', 'lab');
    expect(gone.result.front).toEqual(planned.result.front);
    const { objects, routes } = gone.result.front;
    const removed = [...objects, ...routes].filter(({ action }) => action === 'remove');
    const bare = (name: string): string => name.replace(/\.[^/]*/, '');
    expect(removed.map(({ kind: of, name }) => `${of.toLowerCase()}/${name}`).sort()).toEqual(
      there.map(bare).sort(),
    );
    expect(await stage.objects()).toEqual([]);
    await stage.gateway.updated();
    expect((await stage.get('/cart')).status).toBe(404);
  });
});

describe('a namespace that a GitOps tool fills', () => {
  let stage: ClusterStage;
  beforeAll(async () => {
    stage = await ClusterStage.open('shop', nodeApp('shop', { cart: ['v1', 'v2'] }));
    // A secret pin is only on the cluster.
    stage.targets({ lab: { pin: 'on' } });
    await stage.ok('deploy', '--all', '--target', 'local');
  });
  afterAll(() => stage?.close());

  test('render, without a cluster too, and as files that kustomize takes', async () => {
    const rendered = await stage.ok('render', '--target', 'lab');
    expect(await stage.ok('render', '--target', 'lab', '--offline')).toBe(rendered);
    await stage.ok('render', '--target', 'lab', '-o', 'k8s', '--kustomize');
    const built = await stage.lab.kubectl(['kustomize', join(stage.place.dir, 'shop/k8s')]);
    expect(built.code).toBe(0);
    expect(built.stdout.match(/^kind: .*$/gm)?.sort()).toEqual(rendered.match(/^kind: .*$/gm)?.sort());
    const asked = await stage.run('render', '--target', 'lab', '--kustomize');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('-o k8s --kustomize')]);
    const args = ['apply', '--validate=strict', '-f', '-'];
    expect(await stage.lab.kubectl(args, { input: rendered })).toMatchObject({ code: 0 });
  });

  test('status, shift and wire work on what was applied', async () => {
    expect(await stage.ok('status', '--target', 'lab')).toMatch(/cart +v1 +1 +100 %/);
    await expect
      .poll(async () => (await stage.run('shift', 'cart', 'v2=100', '--target', 'lab', '--wait=envoy')).code)
      .toBe(0);
    expect((await stage.get('/cart')).version).toBe('v2');
    await stage.ok('wire', '--target', 'lab');
    expect((await stage.run('diff', '--target', 'lab')).code).toBe(0);
    const history = await stage.json<{ changes: { number: number; verb: string }[] }>(
      ...['history', '--target', 'lab'],
    );
    expect(history.result.changes.at(-1)).toMatchObject({ number: 1, verb: 'shift' });
  });
});
