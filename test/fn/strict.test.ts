// The stand-in for a real Fn server, held against what a real one answered, quirks included.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { FnClient } from '../../src/fn/client.js';
import { replay, scenarios, type Scenario } from '../helpers/contract.js';
import { contractBuild, fixtureBuild, hasGo } from '../helpers/programs.js';
import { startStrictFn, type StrictFn, type StrictOptions } from '../helpers/strict-fn.js';

/** Scenarios that the stand-in answers otherwise, with the reason. */
const DIFFERS: Record<string, string> = {
  'json-leniency': 'no client of ours sends text after its JSON, or keys in capitals',
  'annotation-null-update': 'a server that hangs for good tests nothing; it is a violation',
};

let strict: StrictFn;
const start = async (options: StrictOptions = {}): Promise<void> => {
  strict = await startStrictFn(options);
};
afterEach(() => strict.close());

/** The steps with what the real server did, where that is not what is preferred. */
function asRecorded(scenario: Scenario): Scenario {
  return { ...scenario, steps: scenario.steps.map(({ preferred: _, ...step }) => step) };
}

describe('the API', () => {
  beforeEach(() => start());

  test.each(scenarios('api').filter(({ name }) => !(name in DIFFERS)))('$name: $why', async (scenario) => {
    await replay(asRecorded(scenario), { base: strict.url, image: 'contract/func:1' });
  });
});

describe.skipIf(!hasGo)('calls run what was, for five seconds (needs Go)', () => {
  const cached = ['process-config-change', 'process-after-delete', 'trigger-repoint', 'fail-image-missing'];
  beforeEach(() =>
    start({
      pull(image) {
        if (image === 'contract') return contractBuild();
        throw new Error('not found');
      },
    }),
  );

  test('as recorded', async () => {
    const found = scenarios('invoke').filter(({ name }) => cached.includes(name));
    expect(found).toHaveLength(cached.length);
    // Where the environment differs it is for the better, on the embedded server as well.
    await Promise.all(
      found.map((scenario) => replay(asRecorded(scenario), { base: strict.url, image: 'contract' })),
    );
  });
});

/** An app with a fn of the fixture function and a trigger `/f`. */
async function deployed(image: string) {
  const client = new FnClient(strict.url, { backoffMs: 1 });
  const app = await client.createApp({ name: 'shop' });
  const fn = await client.createFn({ app_id: app.id, name: 'f', image, config: { GREETING: 'one' } });
  await client.createTrigger({ app_id: app.id, fn_id: fn.id, name: 'f', source: '/f' });
  const call = async (): Promise<string> => {
    const answer = await fetch(`${strict.callUrl}/t/shop/f`);
    return `${answer.status} ${await answer.text()}`;
  };
  return { client, app, fn, call };
}

describe('calls', () => {
  test('an update shows when the cache has forgotten what was', async () => {
    await start({ cacheMs: 300, pull: () => fixtureBuild('func') });
    const { client, fn, call } = await deployed('any/image:1');
    expect(await call()).toMatch(/^200 one/);
    await client.updateFn(fn.id, { config: { GREETING: 'two' } });
    expect(await call()).toMatch(/^200 one/);
    await expect.poll(call).toMatch(/^200 two/);
    expect(strict.violations).toEqual([]);
  });

  test('an image is pulled at the first call, once; a failed pull shows there and is tried again', async () => {
    let isThere = false;
    await start({
      pull() {
        if (isThere) return fixtureBuild('func');
        throw new Error('401 unauthorized');
      },
    });
    const { call } = await deployed('private/image:1');
    const failed = await fetch(`${strict.callUrl}/t/shop/f`);
    expect([failed.status, await failed.json()]).toEqual([
      502,
      { message: "Failed to pull image 'private/image:1': 401 unauthorized" },
    ]);
    expect(failed.headers.get('fn-call-id')).toMatch(/^\w{26}$/);
    isThere = true;
    await Promise.all([call(), call(), call()]);
    expect(strict.pulled).toEqual(['private/image:1']);
  });

  test('an image of a registry on this machine is pulled and unpacked', async () => {
    const registry = await tinyRegistry({ username: 'me', password: 'secret' });
    await start({ registryAuth: { username: 'me', password: 'secret' } });
    const { call } = await deployed(`${registry.host}/shop/f@${registry.digest}`);
    expect(await call()).toMatch(/^200 one/);
    await strict.close();
    await start();
    expect(await (await deployed(`${registry.host}/shop/f:latest`)).call()).toMatch(/^502 .*401/);
  });

  test('an API node has no calls, a load balancer no API', async () => {
    await start({ nodes: 'api', pull: () => fixtureBuild('func') });
    const { client, app, call } = await deployed('any/image:1');
    expect(await call()).toMatch(/^200 one/);
    const [trigger] = await client.triggers(app.id);
    expect(Object.values(trigger?.annotations ?? {})).toEqual([`${strict.callUrl}/t/shop/f`]);
    expect((await fetch(`${strict.url}/t/shop/f`)).status).toBe(404);
    const lost = await fetch(`${strict.callUrl}/v2/apps`);
    expect([lost.status, await lost.text()]).toEqual([404, '{"message":"Path not found: GET /v2/apps"}\n']);
  });
});

test.each<[string, string, object | undefined, string]>([
  ['PUT', '/v2/apps/ID', { annotations: { k: null } }, 'annotation k is null'],
  ['PUT', '/v2/fns/ID', { id: 'ID' }, 'the body has an id'],
  ['PUT', '/v2/fns/ID', { name: 'f' }, 'the body has name'],
  ['PUT', '/v2/fns/ID', { annotations: { 'fnproject.io/fn/invokeEndpoint': 'x' } }, 'own'],
  ['GET', '/v2/fns/nope', undefined, 'nope is no id'],
  ['GET', '/v2/fns?app_id=nope', undefined, 'nope is no id'],
])('%s %s %j is seen', async (method, path, body, why) => {
  await start();
  const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
  await fetch(strict.url + path.replace('ID', id), { method, ...(body && { body: JSON.stringify(body) }) });
  expect(strict.violations).toEqual([expect.stringContaining(why)]);
});

/** A registry that has one image: the fixture function, behind a password. */
async function tinyRegistry({ username, password }: { username: string; password: string }) {
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-registry-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'function'));
  const source = fixtureBuild('func');
  writeFileSync(join(dir, 'function/func.mjs'), readFileSync(join(source.dir, 'func.mjs')));
  execFileSync('tar', ['-czf', join(dir, 'layer.tgz'), '-C', dir, 'function']);
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer): string => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    blobs.set(digest, bytes);
    return digest;
  };
  const json = (value: object): string => put(Buffer.from(JSON.stringify(value)));
  const layer = put(readFileSync(join(dir, 'layer.tgz')));
  const config = json({ config: { Entrypoint: ['node', '/function/func.mjs'], WorkingDir: '/function' } });
  const digest = json({
    config: { digest: config, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [{ digest: layer, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }],
  });
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const found = blobs.get(/sha256:\w+$/.exec(request.url ?? '')?.[0] ?? '');
    if (request.headers.authorization !== wanted) response.writeHead(401).end('unauthorized');
    else response.writeHead(found ? 200 : 404).end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close(() => server.closeAllConnections()));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, digest };
}
