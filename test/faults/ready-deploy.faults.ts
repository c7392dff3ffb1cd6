// What does not start or answer on a real Fn server, by the real command line: Fn's own words and the usual cause are
// shown, what was is there again, and nothing gets traffic that was not seen to answer.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DeployResult } from '../../src/deploy/result.js';
import { hasRegistry } from '../helpers/docker-registry.js';
import { startFaultProxy, type FaultProxy } from '../helpers/fault-proxy.js';
import { hasGo } from '../helpers/programs.js';
import { goApp, realServer, type RealServer } from '../helpers/real-server.js';
import { stateOf } from './remote.js';
import { routerOf } from './stage.js';

let real: RealServer;
let proxy: FaultProxy;
let apps = 0;
let app: string;

beforeAll(async () => {
  real = await realServer();
  proxy = await startFaultProxy(real.fn.url);
});
afterEach(() => expect(real.fn.violations).toEqual([]));
afterAll(async () => {
  await proxy.close();
  await real.close();
});

const options = () => ({ cwd: 'shop', env: { FN_API_URL: proxy.url } });
const deploy = () => real.place.run(['deploy', '--all'], options());
const deployed = () => real.place.json<DeployResult>(['deploy', '--all'], options());
const state = () => stateOf(real.fn.objects, { read: () => routerOf(real.place).read(app) });
const fns = (): string[] => [...real.fn.objects.fns.values()].map(({ name }) => name).sort();
const calls = (): string[] => real.fn.requests.filter((line) => / \/t\//.test(line));
const splits = async () =>
  Object.fromEntries(
    (await routerOf(real.place).read(app)).routes.map(({ route }) => [route.function, route.split]),
  );

/** A new app on an empty server; `programs` by version, in place of the usual one. */
function write(texts: Record<string, string>, programs: Record<string, string> = {}, yaml = ''): void {
  real.place.write({
    ...goApp('shop', texts, yaml),
    ...Object.fromEntries(
      Object.entries(programs).map(([version, code]) => [`shop/${version}/func.go`, code]),
    ),
    'shop/app.yaml': `name: ${app}\n`,
  });
}

function fresh(): void {
  app = `ready-${++apps}`;
  rmSync(join(real.place.dir, 'shop'), { recursive: true, force: true });
  for (const all of [real.fn.objects.apps, real.fn.objects.fns, real.fn.objects.triggers]) all.clear();
  real.fn.requests.length = 0;
  proxy.reset();
}

const ENDS = 'package main\n\nimport "os"\n\nfunc main() {\n\tos.Exit(3)\n}\n';

/** Answers after ten seconds, but at once where a file is. */
function slow(file: string): string {
  const usual = goApp('shop', { 'x/v1': 'slow' })['shop/x/v1/func.go']!;
  const wait = `if _, err := os.Stat(${JSON.stringify(file)}); err != nil {\n\t\t\ttime.Sleep(10 * time.Second)\n\t\t}\n\t\t`;
  return usual
    .replace('fmt.Fprintf', `${wait}fmt.Fprintf`)
    .replace('"path/filepath"', '"path/filepath"\n\t"time"');
}

describe.runIf(hasRegistry && hasGo)('by the command line', () => {
  test('what cannot start: the new goes, the changed is what it was, the others are deployed', async () => {
    fresh();
    write({ 'cart/v1': 'good', 'price/v1': 'good' });
    expect((await deploy()).code).toBe(0);
    const before = await state();
    write(
      { 'cart/v1': 'bad', 'cart/v2': 'bad', 'price/v1': 'better' },
      { 'cart/v1': ENDS, 'cart/v2': ENDS },
      'memory: 64\n',
    );
    const ran = await deploy();
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain(
      'cart/v1 does not start and is again what it was: "Container failed to initialize',
    );
    expect(ran.stdout).toContain(
      'cart/v2 does not start and was removed again: "Container failed to initialize',
    );
    expect(ran.stdout).toContain('usually the image is for another platform');
    const after = await state();
    expect(after.fns.filter(({ name }) => name.startsWith('cart'))).toEqual(
      before.fns.filter(({ name }) => name.startsWith('cart')),
    );
    expect(after.triggers.filter(({ fn }) => fn === 'cart-v1')).toEqual(
      before.triggers.filter(({ fn }) => fn === 'cart-v1'),
    );
    expect(fns()).toEqual(['cart-v1', 'price', 'price~1'].map((name) => name.replace('price', 'price-v1')));
    expect((await splits())['cart']).toEqual({ v1: 10_000 });
    // Until then it may still be what the server remembers.
    const answer = async () => (await fetch(`${real.fn.url}/t/${app}/cart/v1`)).text();
    await expect.poll(answer, { timeout: 20_000 }).toBe('{"text":"good","greeting":""}');
  });

  test('an image that cannot be pulled: Fn’s words, the usual cause, and nothing is left of it', async () => {
    fresh();
    write({ 'cart/v1': 'pulled never' });
    // The registry goes when the image was pushed.
    let gone: Promise<void> | undefined;
    proxy.fail({ kind: 'drop-before' }, ({ method, path }) => {
      if (method === 'POST' && path === '/v2/fns') gone ??= real.registry.kill();
      return false;
    });
    const ran = await deploy();
    await gone;
    await real.registry.restart();
    expect([ran.code, fns(), await splits()]).toEqual([1, [], {}]);
    expect(ran.stdout).toMatch(
      /cart\/v1 does not start and was removed again: "Failed to pull image '127\.0\.0\.1:\d+\//,
    );
    expect((await deploy()).code).toBe(0);
    expect(await splits()).toEqual({ cart: { v1: 10_000 } });
  });

  test('what takes too long: exit code 3, no traffic, and the next deploy asks again', async () => {
    fresh();
    const file = join(real.place.dir, 'be-quick');
    write({ 'cart/v1': 'slow' }, { 'cart/v1': slow(file) }, 'timeout: 1\n');
    const late = await deployed();
    expect([late.code, late.result.versions[0]?.error]).toEqual([
      3,
      {
        code: 'not_ready',
        message:
          'cart/v1 is deployed and did not answer in time: "Timed out" (it took longer than its timeout)',
        try: 'a higher timeout: in func.yaml, or another probe: in fnmesh.yaml',
      },
    ]);
    expect([fns(), await splits(), calls().length]).toEqual([['cart-v1'], {}, 1]);
    real.place.write({ 'be-quick': '' });
    const { code, result } = await deployed();
    expect([code, result.versions[0]?.deploy, await splits()]).toEqual([
      0,
      'updated',
      { cart: { v1: 10_000 } },
    ]);
    expect((await deployed()).result.versions[0]?.deploy).toBe('unchanged');
    expect(calls()).toHaveLength(2);
  });

  test('probe: none: nothing is ever called, and so what never starts is not found out', async () => {
    fresh();
    real.place.write({ 'shop/fnmesh.yaml': 'probe: none\n' });
    write({ 'cart/v1': 'bad' }, { 'cart/v1': ENDS });
    expect((await deploy()).code).toBe(0);
    write({ 'cart/v1': 'bad' }, { 'cart/v1': ENDS }, 'memory: 64\n');
    const ran = await deploy();
    expect([ran.code, ran.stderr]).toEqual([0, expect.not.stringContaining('waiting')]);
    expect((await real.place.run(['undo'], options())).code).toBe(0);
    expect(calls()).toEqual([]);
  });
});
