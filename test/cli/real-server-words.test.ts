// What the command line says around a real Fn server: which needs neither Go nor a registry, since images are given.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DoneDeploy, ForeseenDeploy } from '../../src/compose-deploy.js';
import type { UndoDeployPlan } from '../../src/deploy/plan-undo.js';
import type { HistoryRow } from '../../src/traffic/history.js';
import { startStrictFn, type StrictFn } from '../helpers/strict-fn.js';
import { nodeApp, Workplace } from '../helpers/cli.js';

const DIGEST = (digit: string) => `sha256:${digit.repeat(64)}`;
const IMAGE = (digit: string) => `r.test/team/cart:1.${digit}@${DIGEST(digit)}`;

let place: Workplace;
let real: StrictFn;
const at = { cwd: 'shop' };
const run = (...args: string[]) => place.run(args, at);

beforeAll(async () => {
  real = await startStrictFn();
  place = new Workplace({ FN_API_URL: real.url });
  const app = nodeApp('shop', { cart: ['v1'] });
  const func = app['shop/cart/v1/func.yaml']!;
  place.write({
    ...app,
    'shop/cart/v1/func.yaml': `${func}config:\n  NEXT: \${route:cart}\n`,
    'shop/fnmesh.yaml': 'probe: none\ntargets:\n  gone:\n    fn:\n      api: http://fn.invalid:8080\n',
  });
});
afterAll(async () => {
  await place.close();
  await real.close();
});

test('without a gateway that runs a plan has the port that was asked for, and what functions elsewhere reach', async () => {
  const plan = ['deploy', '--all', '--image', IMAGE('1'), '--dry-run'];
  const ran = await run(...plan, '--gateway-port', '38082');
  expect([ran.code, ran.stdout]).toEqual([
    0,
    expect.stringContaining('cart answers at http://shop.localhost:38082/cart'),
  ]);
  const warned = ran.stderr.split('\n').filter((line) => line.startsWith('warning: ${route:cart} is '));
  expect(warned).toEqual([
    expect.stringContaining('http://127.0.0.1:38082/.app/shop/cart, which containers'),
  ]);
  expect((await run(...plan)).stdout).toContain('cart answers at http://shop.localhost/cart');
  const byDefault = await place.run(plan, { ...at, env: { FNMESH_GATEWAY_PORT: '' } });
  expect(byDefault.stdout).toContain('cart answers at http://shop.localhost:8082/cart');
});

test('an image with tag and digest is sent without its tag, which is noted', async () => {
  for (const digit of ['1', '2']) {
    const { code, result } = await place.json<DoneDeploy>(['deploy', 'cart', '--image', IMAGE(digit)], at);
    expect([code, result.versions[0]?.error]).toEqual([0, undefined]);
    const sent = { image: `r.test/team/cart@${DIGEST(digit)}`, tag: `1.${digit}`, release: Number(digit) };
    expect(result.versions[0]).toMatchObject(sent);
  }
  expect([...real.objects.fns.values()].map(({ image }) => image).sort()).toEqual([
    `r.test/team/cart@${DIGEST('1')}`,
    `r.test/team/cart@${DIGEST('2')}`,
  ]);
});

test('another machine undoes the deploy and has its history, though nothing of fnmesh runs there', async () => {
  const other = { ...at, env: { FNMESH_HOME: join(place.dir, 'other') } };
  const undo = await place.json<UndoDeployPlan>(['undo', '--dry-run'], other);
  expect([undo.code, undo.result.versions]).toMatchObject([0, [{ function: 'cart', from: 2, to: 1 }]]);
  await place.run(['stop'], other);
  const { result } = await place.json<{ changes: HistoryRow[] }>(['history'], other);
  await place.run(['stop'], other);
  expect(result.changes).toMatchObject([{ verb: 'deploy', releases: [{ from: 1, to: 2 }] }]);
  // The embedded server would have nothing to tell.
  const local = await place.run(['undo', '--target', 'local'], other);
  expect([local.code, local.stderr]).toEqual([
    1,
    expect.stringContaining('the embedded server is not running'),
  ]);
});

test('where no server answers nothing is started, and the way out names the place of the address', async () => {
  const elsewhere = { ...at, env: { FNMESH_HOME: join(place.dir, 'third'), FN_API_URL: '' } };
  const ran = await place.run(['undo', '--target', 'gone'], elsewhere);
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringMatching(/^ {2}try: correct fnmesh.yaml:5$/m)]);
  expect((await place.run(['status'], elsewhere)).stdout).toContain('not running');
});

test('a share that cannot be given leaves what was deployed on the screen, in plans as well', async () => {
  const file = 'shop/cart/v1/func.yaml';
  const yaml = nodeApp('shop', { cart: ['v1'] })[file]!;
  place.write({ [file]: yaml.replace(/triggers:[^]*/, '') });
  const line = ['deploy', 'cart', '--as', 'next', '--shift', '5', '--image', IMAGE('3')];
  const plan = await place.json<ForeseenDeploy>([...line, '--dry-run'], at);
  const done = await place.json<DoneDeploy>(line, at);
  for (const { code, result } of [plan, done]) {
    expect([code, result.versions, result.shift, result.shiftError?.code]).toMatchObject([
      1,
      [{ version: 'v2' }],
      null,
      'not_found',
    ]);
  }
  expect(done.result.versions[0]?.deploy).toBe('created');
  const text = await run(...line);
  expect([text.code, text.stdout]).toEqual([1, expect.stringMatching(/^cart\/v2 +given +unchanged/m)]);
  expect(text.stdout).toMatch(/^the shift failed: .*v2/m);
});

test('nothing was sent that breaks a real server', () => expect(real.violations).toEqual([]));
