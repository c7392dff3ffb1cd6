// The way of an app on a real Fn server, by the real command line.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeployResult } from '../../src/deploy/result.js';
import type { RolloutResult } from '../../src/deploy/rollout.js';
import type { UndoDeployPlan } from '../../src/deploy/plan-undo.js';
import type { UndoDeployResult } from '../../src/deploy/undo.js';
import type { DestroyResult } from '../../src/deploy/destroy.js';
import type { HistoryRow } from '../../src/traffic/history.js';
import type { AppStatus } from '../../src/inspect/status.js';
import { hasRegistry } from '../helpers/docker-registry.js';
import { hasGo } from '../helpers/programs.js';
import { goApp, realServer, type RealServer } from '../helpers/real-server.js';

type Deployed = RolloutResult & {
  target: { value: string; from: string };
  registry: { value: string; from: string };
};
const rows = ({ versions }: Pick<DeployResult, 'versions'>): string[] =>
  versions.map((row) => `${row.function}/${row.version} ${row.build} ${row.deploy}`);

describe.runIf(hasRegistry && hasGo)('on a real Fn server', () => {
  let real: RealServer;
  const at = { cwd: 'shop' };
  const json = <T>(...args: string[]) => real.place.json<T>(args, at);
  const run = (...args: string[]) => real.place.run(args, at);
  const fns = (): string[] => [...real.fn.objects.fns.values()].map(({ name }) => name).sort();

  beforeAll(async () => {
    real = await realServer();
    real.place.write(goApp('shop', { 'cart/v1': 'cart one', 'cart/v2': 'cart two', price: 'price one' }));
  });
  afterAll(() => real.close());

  test('a plan and a diff write nothing, not even builds, and start nothing', async () => {
    const dry = await json<DeployResult>('deploy', '--all', '--dry-run');
    expect([dry.code, dry.ok, rows(dry.result)]).toEqual([
      0,
      true,
      ['cart/v1 to build to create', 'cart/v2 to build to create', 'price/v1 to build to create'],
    ]);
    expect(dry.result).toMatchObject({ server: real.fn.url, app: { action: 'create' } });
    const diff = await run('diff');
    expect([diff.code, diff.stderr]).toEqual([
      4,
      `target local (default): Fn server ${real.fn.url} (FN_API_URL), registry ${real.registry.host}/me (FN_REGISTRY)\n`,
    ]);
    expect(diff.stdout).toContain('app shop would be created');
    expect(real.fn.objects.apps.size).toBe(0);
    expect(await real.registry.requests()).toEqual([]);
    expect((await run('status')).stdout).toContain('not running');
  });

  test('a deploy pushes, creates, routes, and calls each version once', async () => {
    const first = await json<Deployed>('deploy', '--all', '-m', 'the first');
    expect([first.code, rows(first.result)]).toEqual([
      0,
      ['cart/v1 built created', 'cart/v2 built created', 'price/v1 built created'],
    ]);
    expect(first.result).toMatchObject({
      target: { value: 'local', from: 'default' },
      registry: { value: `${real.registry.host}/me`, from: 'FN_REGISTRY' },
      next: [{ command: 'fnmesh shift cart/v2=10' }],
    });
    for (const row of first.result.versions) {
      expect(row.image).toMatch(/^127\.0\.0\.1:\d+\/me\/[\w-]+@sha256:[0-9a-f]{64}$/);
      expect(row.tag).toMatch(/^0\.0\.1-[0-9a-f]{12}$/);
      expect(row.pushed).toBeGreaterThan(1_000_000);
      expect(row.address).toMatch(new RegExp(`^${real.fn.url}/t/shop/`));
    }
    expect(fns()).toEqual(['cart-v1', 'cart-v2', 'price']);
    expect(real.fn.pulled).toHaveLength(3);
    expect(await (await fetch(first.result.versions[2]!.address!)).json()).toMatchObject({
      text: 'price one',
    });
  });

  test('again: unchanged, no byte is pushed, nothing is written', async () => {
    const pushed = (await real.registry.requests()).length;
    const asked = real.fn.requests.length;
    const again = await json<Deployed>('deploy', '--all');
    expect(rows(again.result).every((row) => row.endsWith('unchanged unchanged'))).toBe(true);
    expect(await real.registry.requests()).toHaveLength(pushed);
    expect(real.fn.requests.slice(asked).filter((line) => !line.startsWith('GET'))).toEqual([]);
    const diff = await json<{ drift: boolean }>('diff');
    expect([diff.code, diff.ok, diff.result.drift]).toEqual([0, true, false]);
  });

  test('shift, probe, call, status and undo go through the embedded gateway', async () => {
    expect((await run('shift', 'cart/v2=50', '-m', 'half')).code).toBe(0);
    const probed = await json<{ errors: number; observed: Record<string, number> }>(
      'probe',
      'cart',
      '-n',
      '40',
    );
    expect(probed).toMatchObject({ code: 0, result: { errors: 0 } });
    expect(Math.abs(probed.result.observed['v1']! - 20)).toBeLessThanOrEqual(2);
    const called = await json<{ version: string; body: string; callId: string }>('call', 'cart/v2');
    expect(called.result).toMatchObject({
      version: 'v2',
      callId: expect.stringMatching(/^[0-9A-Z]{26}$/) as string,
    });
    expect(JSON.parse(called.result.body)).toMatchObject({ text: 'cart two' });
    const status = await json<{ fnServer: { value: string; from: string }; apps: AppStatus[] }>('status');
    expect(status.result.fnServer).toEqual({ value: real.fn.url, from: 'FN_API_URL' });
    const [app] = status.result.apps;
    expect(app?.functions[0]?.versions.map(({ version, weight, state }) => [version, weight, state])).toEqual(
      [
        ['v1', 5000, 'deployed'],
        ['v2', 5000, 'deployed'],
      ],
    );
    expect(app?.foreign).toEqual([]);
    expect((await run('undo')).stdout).toContain('undo change 2');
  });

  test('logs say that the server has none, and where they go', async () => {
    const logs = await json('logs', 'cart');
    expect(logs).toMatchObject({
      code: 2,
      error: {
        code: 'usage',
        message: `the Fn server ${real.fn.url} gives no logs, and shop has no syslog_url to which its functions write`,
        try: expect.stringContaining('syslog_url:') as string,
      },
    });
  });

  test('a change in place is a release, waits out the server’s cache, and answers', async () => {
    real.place.write(goApp('shop', { 'cart/v1': 'cart one, better' }, 'memory: 256\n'));
    const dry = await run('deploy', 'cart', '--dry-run');
    expect(dry.stdout).toMatch(/^cart\/v1 would change in place, with 100 % of the traffic$/m);
    expect(dry.stdout).toMatch(/^cart\/v1 would be release 2$/m);
    const ran = await run('deploy', 'cart', '-m', 'better');
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringMatching(/^waiting 5\.\d s: /m)]);
    expect(ran.stdout).toMatch(/^ {2}memory: 128 → 256$/m);
    expect(JSON.parse((await json<{ body: string }>('call', 'cart')).result.body)).toMatchObject({
      text: 'cart one, better',
    });
    expect(fns()).toEqual(['cart-v1', 'cart-v1~1', 'cart-v2', 'price']);
  });

  test('undo brings back image and limits, from another machine as well', async () => {
    real.place.write({ 'shop/fnmesh.yaml': 'probe: none\n' });
    // Of what was deployed the server alone tells, however new the gateway.
    const other = { ...at, env: { FNMESH_HOME: join(real.place.dir, 'other') } };
    expect((await real.place.run(['start', '-d'], other)).code).toBe(0);
    const dry = await real.place.json<UndoDeployPlan>(['undo', '--dry-run', '--app', 'shop'], other);
    await real.place.run(['stop'], other);
    expect(dry.result.versions).toMatchObject([
      { function: 'cart', version: 'v1', from: 2, to: 1, share: null },
    ]);
    const undone = await json<UndoDeployResult>('undo', '-m', 'worse after all');
    expect(undone).toMatchObject({
      code: 0,
      result: { undoes: dry.result.undoes, failed: 0, versions: [{ release: 3 }] },
    });
    const live = [...real.fn.objects.fns.values()].find(({ name }) => name === 'cart-v1');
    const kept = [...real.fn.objects.fns.values()].find(({ name }) => name === 'cart-v1~1');
    expect(live).toMatchObject({ image: kept?.image, memory: 128 });
    const diff = await run('diff', 'cart');
    expect([diff.code, diff.stdout]).toEqual([4, expect.stringMatching(/^ {2}memory: 128 → 256$/m)]);
  });

  test('history shows deploys and shifts in one list', async () => {
    const { result } = await json<{ changes: HistoryRow[] }>('history');
    const [undo, deploy, undoShift, shift, first] = result.changes;
    expect(result.changes).toHaveLength(5);
    expect(undo).toMatchObject({
      number: null,
      verb: 'undo',
      undoesDeploy: deploy?.deploy,
      message: 'worse after all',
    });
    expect(deploy).toMatchObject({ number: null, verb: 'deploy', message: 'better', undone: true });
    expect(deploy?.releases).toEqual([{ function: 'cart', version: 'v1', from: 1, to: 2, restores: null }]);
    expect([undoShift?.number, shift?.number, first?.number]).toEqual([3, 2, 1]);
    expect(first?.message).toBe('the first');
    const text = (await run('history', 'cart')).stdout;
    expect(text).toContain('v1@2 → v1@3 (what @1 was)');
    expect(text).toContain('deploy (undone)');
  });

  test('--image deploys what exists, and builds nothing', async () => {
    const image = `${real.registry.host}/me/price@sha256:${'a'.repeat(64)}`;
    const given = await json<Deployed>('deploy', 'price', '--image', image);
    expect([given.code, rows(given.result)]).toEqual([0, ['price/v1 given updated']]);
    expect(given.result.versions[0]).toMatchObject({ image, release: 2 });
    const again = await json<Deployed>('deploy', 'price', '--image', image);
    expect(rows(again.result)).toEqual(['price/v1 given unchanged']);
    const tagged = await run('deploy', 'price', '--image', 'r.test/price:1', '--dry-run');
    expect(tagged.stderr).toContain('warning: r.test/price:1 may name another image tomorrow');
    // Back to what the folder says.
    const back = await json<Deployed>('deploy', 'price');
    expect(rows(back.result)).toEqual(['price/v1 unchanged updated']);
    expect(back.result.versions[0]?.pushed).toBe(0);
  });

  test('--bump counts up after a change only, and leaves the rest of the file alone', async () => {
    const file = join(real.place.dir, 'shop/price/func.yaml');
    const before = readFileSync(file, 'utf8');
    expect((await json<Deployed>('deploy', 'price', '--bump')).result.bumped).toEqual([]);
    real.place.write(goApp('shop', { price: 'price two' }));
    const ran = await run('deploy', 'price', '--bump');
    expect(ran.stdout).toContain('price/func.yaml: version 0.0.1 → 0.0.2');
    expect(readFileSync(file, 'utf8')).toBe(before.replace('0.0.1', '0.0.2'));
    const again = await json<Deployed>('deploy', 'price', '--bump');
    expect([rows(again.result), again.result.bumped]).toEqual([['price/v1 unchanged unchanged'], []]);
    expect(readFileSync(file, 'utf8')).toBe(before.replace('0.0.1', '0.0.2'));
  });

  test('destroy takes the versions, their releases, the routes and the app', async () => {
    expect(fns().filter((name) => name.includes('~'))).not.toEqual([]);
    const gone = await json<DestroyResult>('destroy', '--all', '--yes');
    expect(gone).toMatchObject({ code: 0, result: { appRemoved: true, kept: [] } });
    expect([fns(), real.fn.objects.apps.size, real.fn.objects.triggers.size]).toEqual([[], 0, 0]);
    const { gatewayUrl } = await real.place.server();
    expect((await fetch(`${gatewayUrl}/cart`)).status).toBe(404);
  });

  test('nothing was sent that breaks a real server', () => expect(real.fn.violations).toEqual([]));
});
