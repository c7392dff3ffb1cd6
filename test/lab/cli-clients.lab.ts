// Several command lines, and kubectl, on one app at once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeApp } from '../helpers/cli.js';
import { startApiProxy } from './api-proxy.js';
import { changesOf, runCli, startCli } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

let stage: ClusterStage;
const target = ['--target', 'lab'];

beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1', 'v2'], cart: ['v1', 'v2'] }));
  stage.targets();
  await stage.ok('deploy', '--all', ...target);
});
afterAll(() => stage?.close());

/** The weights of a function as `status` tells them, in percent. */
async function weights(fn: string): Promise<string> {
  const out = await stage.ok('status', ...target);
  return [...out.matchAll(new RegExp(`^ *${fn} .*?([\\d.]+) %`, 'gm'))].map(([, share]) => share).join(' ');
}

test('two shifts of one function at once: what is in effect is what the last winner asked', async () => {
  const shift = (share: number) =>
    runCli(stage, ['shift', `cart/v2=${share}`, '--if-revision', '1', '--wait=none', ...target]);
  const ran = await Promise.all([shift(30), shift(60)]);
  expect(ran.map(({ code }) => code).sort()).toEqual([0, 1]);
  const [won, lost] = ran[0].code === 0 ? [30, ran[1]] : [60, ran[0]];
  expect(lost.stderr).toMatch(/cart/);
  expect(lost.stderr).toContain('try:');
  expect(lost.stderr).not.toMatch(/\n +at /);
  expect(await weights('cart')).toContain(`${100 - won}`);
  expect((await changesOf(stage)).filter((change) => change.endsWith('shift'))).toHaveLength(1);
});

/** Runs `fnmesh ARGS` for each, and holds back their writes of routes until all of them ask for one. */
async function together(...commands: string[][]) {
  const between = await startApiProxy(stage.lab.dir);
  let [waiting, go] = [0, () => undefined as void];
  const until = new Promise<void>((resolve) => (go = resolve));
  between.rule(({ method, path }) => {
    if (method !== 'PUT' || !path.includes('/virtualservices/')) return;
    if (++waiting === commands.length) go();
    return { do: 'wait', until };
  });
  const env = { KUBECONFIG: between.kubeconfig };
  const ran = await Promise.all(commands.map((args) => runCli(stage, args, env)));
  await between.close();
  return ran;
}

/** The changes of traffic that the history tells of, the newest first: `3 shift cart`, and whether it was undone. */
async function shifts(): Promise<string[]> {
  type Row = { number: number; verb: string; functions: { function: string }[]; undone: boolean };
  const { result } = await stage.json<{ changes: Row[] }>('history', ...target);
  return result.changes.map(({ number, verb, functions, undone }) => {
    return `${number} ${verb} ${functions.map((row) => row.function).join('+')}${undone ? ' undone' : ''}`;
  });
}

test('two shifts of different functions at once: both, and each is undone alone', async () => {
  const before = [await weights('cart'), await weights('shop')];
  const ran = await together(
    ['shift', 'cart/v2=20', '--wait=none', ...target],
    ['shift', 'shop/v2=40', '--wait=none', ...target],
  );
  expect(ran.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, expect.any(String)],
    [0, expect.any(String)],
  ]);
  const after = [await weights('cart'), await weights('shop')];
  expect(after).toEqual([expect.stringContaining('80'), expect.stringContaining('60')]);
  expect((await shifts()).slice(0, 2).sort()).toEqual(['3 shift cart', '3 shift shop']);

  await stage.ok('undo', 'cart', '--wait=none', ...target);
  expect([await weights('cart'), await weights('shop')]).toEqual([before[0], after[1]]);
  expect((await shifts()).slice(0, 3).sort()).toEqual(['3 shift cart undone', '3 shift shop', '4 undo cart']);
  await stage.ok('undo', '--wait=none', ...target);
  expect([await weights('cart'), await weights('shop')]).toEqual(before);
});

test('a shift while another version is deployed: both are there in the end', async () => {
  stage.place.write(nodeApp('shop', { cart: ['v3'] }));
  const deploying = startCli(stage, ['deploy', '--all', ...target]);
  const shifted = await runCli(stage, ['shift', 'shop/v2=50', '--wait=none', ...target]);
  const deployed = await deploying.ended;
  expect([shifted.code, shifted.stderr]).toEqual([0, expect.any(String)]);
  // Whoever was overtaken says so, and the same command again completes it.
  if (deployed.code !== 0) expect(deployed.stderr + deployed.stdout).toMatch(/meanwhile|changed/);
  await stage.ok('deploy', '--all', ...target);
  expect(await weights('shop')).toContain('50');
  expect(await stage.ok('status', ...target)).toMatch(/v3 .*0 %/);
});

test('weights that kubectl changed are drift, and a shift goes from them', async () => {
  const { stdout } = await stage.lab.kubectl(['-n', stage.namespace, 'get', 'virtualservices', '-o', 'json']);
  type Weighted = { weight?: number };
  type Service = {
    metadata: { name: string; annotations: Record<string, string> };
    spec: { http: { name: string; route: Weighted[] }[] };
  };
  const { items } = JSON.parse(stdout) as { items: Service[] };
  const service = items.find(
    ({ metadata }) =>
      metadata.annotations['fnmesh/route']?.includes('"shop"') && metadata.name.includes('shop'),
  )!;
  const at = service.spec.http.findIndex(({ name }) => name === 'fnmesh-split');
  const patch = [
    { op: 'replace', path: `/spec/http/${at}/route/0/weight`, value: 90 },
    { op: 'replace', path: `/spec/http/${at}/route/1/weight`, value: 10 },
  ];
  const name = service.metadata.name;
  const patched = await stage.lab.kubectl([
    '-n',
    stage.namespace,
    'patch',
    'virtualservice',
    name,
    '--type=json',
    '-p',
    JSON.stringify(patch),
  ]);
  expect(patched).toMatchObject({ code: 0 });
  const fn = name.includes('cart') ? 'cart' : 'shop';
  expect(await stage.ok('status', ...target)).toMatch(/drift|edited|changed by/i);
  const planned = await stage.ok('shift', `${fn}/v2=+10`, '--dry-run', ...target);
  expect(planned).toContain('20');
});
