// Which Fn server a command goes to, and what a target fills into config values.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeployResult } from '../../src/deploy/result.js';
import { nodeApp, type Ran, Workplace } from '../helpers/cli.js';
import { startStrictFn, type StrictFn } from '../helpers/strict-fn.js';

// What exists is deployed, so that nothing has to be built or pushed; it is never called.
const IMAGE = `r.test/cart@sha256:${'a'.repeat(64)}`;
const NOWHERE = 'http://127.0.0.1:9';

describe('which server', () => {
  const place = new Workplace();
  let prod: StrictFn;
  const run = (args: string[], env: Record<string, string> = {}) => place.run(args, { cwd: 'shop', env });
  const plan = (args: string[], env?: Record<string, string>) =>
    run(['deploy', 'cart', '--image', IMAGE, '--dry-run', ...args], env);
  const where = (name: string, from: string, said: string, registry: string) =>
    `target ${name} (${from}): Fn server ${prod.url} (${said}), registry ${registry}\n`;
  const images = (): Record<string, string> =>
    Object.fromEntries([...prod.objects.fns.values()].map(({ name, image }) => [name, image]));

  beforeAll(async () => {
    prod = await startStrictFn();
    place.write({
      ...nodeApp('shop', { cart: ['v1'] }),
      'shop/fnmesh.yaml': `probe: none\ntargets:\n  prod:\n    fn: { api: ${prod.url}/ }\n    registry: r.test/team\n  ctx:\n`,
    });
  });
  afterAll(async () => {
    await place.close();
    await prod.close();
  });

  test('--target, FNMESH_TARGET and target: in fnmesh.yaml name one, and it is said which', async () => {
    const registry = 'r.test/team (fnmesh.yaml:5)';
    const [flag, variable] = await Promise.all([
      plan(['--target', 'prod']),
      plan([], { FNMESH_TARGET: 'prod' }),
    ]);
    expect([flag.code, flag.stderr]).toEqual([0, where('prod', '--target', 'fnmesh.yaml:4', registry)]);
    expect(variable.stderr).toBe(where('prod', 'FNMESH_TARGET', 'fnmesh.yaml:4', registry));
    expect(flag.stdout).toMatch(/^cart\/v1 +given +to create/m);
  });

  test('a target that is named counts before FN_API_URL and FN_REGISTRY, and that is said', async () => {
    const { code, stderr } = await plan(['--target', 'prod'], {
      FN_API_URL: NOWHERE,
      FN_REGISTRY: 'other.test',
    });
    expect([code, stderr]).toEqual([
      0,
      `warning: FN_API_URL=${NOWHERE} does not count: ${prod.url} (fnmesh.yaml:4) does\n` +
        'warning: FN_REGISTRY=other.test does not count: r.test/team (fnmesh.yaml:5) does\n' +
        where('prod', '--target', 'fnmesh.yaml:4', 'r.test/team (fnmesh.yaml:5)'),
    ]);
  });

  test('--api-url and --registry count before everything', async () => {
    const flags = ['--target', 'prod', '--api-url', prod.url, '--registry', 'flag.test'];
    const { stderr } = await plan(flags, { FN_API_URL: NOWHERE });
    expect(stderr).toBe(where('prod', '--target', '--api-url', 'flag.test (--registry)'));
  });

  test('the current Fn context fills what a target leaves open, and is not written', async () => {
    place.write({
      'home/.fn/config.yaml': 'current-context: work\ncli-version: 0.6.63\n',
      'home/.fn/contexts/work.yaml': `api-url: ${prod.url}\nprovider: default\nregistry: ctx.test/me\n`,
      'home/.fn/contexts/cloud.yaml': 'api-url: https://functions.test\nprovider: oracle\n',
    });
    const own = await plan(['--target', 'ctx']);
    expect([own.code, own.stderr]).toEqual([
      0,
      where('ctx', '--target', 'Fn context work', 'ctx.test/me (Fn context work)'),
    ]);
    const cloud = await plan(['--target', 'ctx'], { FN_CONTEXT: 'cloud' });
    expect([cloud.code, cloud.stderr]).toEqual([2, expect.stringMatching(/provider oracle.*\n {2}try: /)]);
    const gone = await plan(['--target', 'ctx'], { FN_CONTEXT: 'gone' });
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining('FN_CONTEXT=gone: there is no')]);
  });

  test('a deploy goes there, and shift and status with it', async () => {
    const ran = await run(['deploy', 'cart', '--image', IMAGE, '--target', 'prod']);
    expect([ran.code, images()]).toEqual([0, { 'cart-v1': IMAGE }]);
    const status = await run(['status', '--target', 'prod']);
    expect(status.stdout).toContain(`Fn server ${prod.url} (fnmesh.yaml:4), behind that gateway`);
    expect(status.stdout).toMatch(/^cart +v1 +1 +100 % +deployed/m);
  });

  test('--target local is the embedded server, whatever FN_API_URL says; its own address is no other', async () => {
    const local = await run(['deploy', 'cart', '--target', 'local'], { FN_API_URL: prod.url });
    expect([local.code, images()]).toEqual([0, { 'cart-v1': IMAGE }]);
    expect(local.stderr).toContain(
      `warning: FN_API_URL=${prod.url} does not count: the embedded server (--target) does\n`,
    );
    const { fnUrl } = await place.server();
    for (const url of [fnUrl, fnUrl.replace('127.0.0.1', 'localhost'), `${fnUrl}/`]) {
      const again = await run(['deploy', 'cart'], { FN_API_URL: url });
      expect([again.code, again.stderr]).toEqual([0, '']);
      expect(again.stdout).toMatch(/^cart\/v1 +unchanged +unchanged/m);
    }
    // One that is not ours: only who started it can hand it builds.
    const other = await run(['deploy', 'cart', '--dry-run'], {
      FN_API_URL: fnUrl,
      FNMESH_HOME: join(place.dir, 'other'),
    });
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("that is not this one's")]);
  });
});

describe('config values', () => {
  const place = new Workplace({ CART_KEY: 's3cret-1', TAX: '' });
  let prod: StrictFn;
  const run = (...args: string[]) => place.run(args, { cwd: 'shop' });
  const func = (config: string) => {
    const files = nodeApp('shop', { cart: ['v1', 'v2'], price: ['v1', 'v2'] });
    const name = 'shop/cart/v1/func.yaml';
    return { ...files, [name]: `${files[name]}config:\n${config}` };
  };
  /** Answers with what price answers, asked by the address in PRICE. */
  const CALLER = `const http = require('node:http');
const { dirname, join } = require('node:path');
const fs = require('node:fs');
const listener = process.env.FN_LISTENER.replace('unix:', '');
const own = join(dirname(listener), 'own.sock');
http.createServer((request, response) => {
  const headers = {};
  if (request.headers['fn-http-h-fnmesh-version']) headers['Fnmesh-Version'] = request.headers['fn-http-h-fnmesh-version'];
  http.get(process.env.PRICE, { headers }, (answer) => {
    response.setHeader('Content-Type', 'application/json');
    answer.pipe(response);
  });
}).listen(own, () => { fs.chmodSync(own, 0o666); fs.symlinkSync('own.sock', listener); });
`;

  beforeAll(async () => {
    prod = await startStrictFn();
    place.write({
      ...func('  PRICE: ${route:price}\n  KEY: key-${CART_KEY}\n  TAX: ${TAX}\n  PLAIN: $${CART_KEY}\n'),
      'shop/cart/v1/func.js': CALLER,
      'shop/.env': 'FROM_FILE=s3cret-2\n',
      'shop/fnmesh.yaml': `probe: none\ntargets:\n  prod:\n    fn: { api: ${prod.url} }\n    gateway: http://gw.test:8082\n    env: .env\n`,
    });
  });
  afterAll(async () => {
    await place.close();
    await prod.close();
  });

  test('are filled in, and shown nowhere when they came from the environment', async () => {
    const deploy = ['deploy', 'cart/v1', '--target', 'prod', '--image', IMAGE];
    const ran: Ran[] = await Promise.all([
      run(...deploy, '--dry-run'),
      run(...deploy, '--dry-run', '--json'),
    ]);
    ran.push(
      await run(...deploy),
      await run('diff', 'cart/v1', '--target', 'prod', '--json', '--image', IMAGE),
    );
    place.write({ ...func('  KEY: ${FROM_FILE}\n  PRICE: x\n'), 'shop/cart/v1/func.js': CALLER });
    const [fn] = prod.objects.fns.values();
    expect(fn?.config).toEqual({
      PRICE: 'http://gw.test:8082/.app/shop/price',
      KEY: 'key-s3cret-1',
      PLAIN: '${CART_KEY}',
    });
    ran.push(await run(...deploy, '--dry-run'), await run(...deploy, '--in-place'));
    expect(ran.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    ran.push(
      await run('history', '--target', 'prod', '--json'),
      await run('undo', '--dry-run', '--target', 'prod'),
    );
    ran.push(
      await run('undo', '--target', 'prod', '--json'),
      await run('status', '--target', 'prod', '--json'),
    );
    expect(ran.map(({ stdout, stderr }) => stdout + stderr).join('')).not.toContain('s3cret');
    expect(ran[4]?.stdout).toContain('  config.KEY: changed (secret)');
    expect(ran[4]?.stdout).toContain('  config.PRICE: "http://gw.test:8082/.app/shop/price" → "x"');
    const [after] = prod.objects.fns.values();
    expect(after?.config).toEqual(fn?.config);
    expect(prod.violations).toEqual([]);
  });

  test('a function calls another through its route, and so through the split', async () => {
    place.write({ ...func('  PRICE: ${route:price}\n'), 'shop/cart/v1/func.js': CALLER });
    const local = await place.json<DeployResult>(['deploy', '--all', '--target', 'local'], { cwd: 'shop' });
    expect([local.code, local.result.failed]).toEqual([0, 0]);
    const { gatewayUrl } = await place.server();
    expect(await (await fetch(`${gatewayUrl}/cart`)).json()).toMatchObject({ text: 'v1' });
    expect((await run('shift', 'price/v2=100')).code).toBe(0);
    expect(await (await fetch(`${gatewayUrl}/cart`)).json()).toMatchObject({ text: 'v2' });
    // The same by path, which needs no host name that resolves.
    expect(await (await fetch(`${gatewayUrl}/.app/shop/cart`)).json()).toMatchObject({ text: 'v2' });
    const gone = await fetch(`${gatewayUrl}/.app/none/cart`);
    expect([gone.status, (await gone.text()).includes('none')]).toEqual([404, true]);
  });

  test('without a value: each with its file and line, and nothing is deployed', async () => {
    const asked = prod.requests.length;
    place.write(func('  A: ${NOWHERE}\n  B: ${route:pricee}\n  C: "${"\n'));
    const ran = await run('deploy', '--all', '--target', 'prod');
    expect(ran.code).toBe(2);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(
      /^error: cart\/v1\/func\.yaml:11:\d+: config\.A: the variable NOWHERE is not set/m,
    );
    expect(ran.stderr).toMatch(/^cart\/v1\/func\.yaml:12:\d+: config\.B: .*did you mean price/m);
    expect(ran.stderr).toMatch(/^cart\/v1\/func\.yaml:13:\d+: config\.C: /m);
    expect(ran.stderr).toMatch(/^ {2}try: /m);
    expect(prod.requests.slice(asked).filter((line) => !line.startsWith('GET'))).toEqual([]);
  });

  test('an env file that is not there, or is none', async () => {
    place.write(func('  A: x\n'));
    const target = (env: string) =>
      place.write({
        'shop/fnmesh.yaml': `targets:\n  prod:\n    fn: { api: ${prod.url} }\n    env: ${env}\n`,
      });
    target('.env.gone');
    const gone = await run('diff', '--target', 'prod', '--image', IMAGE, 'cart/v1');
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringMatching(/\.env\.gone.*fnmesh\.yaml:4/)]);
    place.write({ 'shop/.env.bad': 'A=1\nno equals sign\n' });
    target('.env.bad');
    const bad = await run('diff', '--target', 'prod', '--image', IMAGE, 'cart/v1');
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringMatching(/\.env\.bad:2/)]);
  });
});
