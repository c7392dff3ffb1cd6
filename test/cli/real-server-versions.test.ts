// Versions on a real Fn server: folders as new versions, what must not change, and what may go. Nothing is called.
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RolloutResult } from '../../src/deploy/rollout.js';
import { hasRegistry } from '../helpers/docker-registry.js';
import { hasGo } from '../helpers/programs.js';
import { goApp, realServer, type RealServer } from '../helpers/real-server.js';

type Deployed = RolloutResult & {
  shift: { number: number | null; rows: { after: Record<string, number> }[] } | null;
};

describe.runIf(hasRegistry && hasGo)('versions on a real Fn server', () => {
  let real: RealServer;
  const at = { cwd: 'shop' };
  const run = (...args: string[]) => real.place.run(args, at);
  const fns = (): string[] => [...real.fn.objects.fns.values()].map(({ name }) => name).sort();
  const deploy = async (...args: string[]) => {
    const { code, result, error } = await real.place.json<Deployed>(['deploy', ...args], at);
    if (error !== undefined) return { code, error, rows: [] };
    const rows = result.versions.map((row) => `${row.function}/${row.version} ${row.deploy}`);
    return { code, rows, result, shift: result.shift?.rows[0]?.after ?? null };
  };

  beforeAll(async () => {
    real = await realServer();
    real.place.write({
      ...goApp('shop', { cart: 'cart one', 'price/v1': 'price one', 'price/v2': 'price two' }),
      'shop/fnmesh.yaml': 'keep: 2\nprobe: none\n',
    });
    expect((await deploy('--all')).code).toBe(0);
  });
  afterAll(() => real.close());

  test('--as next --shift: a version of its own with a share; again it is the same one', async () => {
    real.place.write(goApp('shop', { cart: 'cart two' }));
    const dry = await run('deploy', 'cart', '--as', 'next', '--dry-run');
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/^cart\/v2 +to build +to create/m)]);
    const made = await deploy('cart', '--as', 'next', '--shift', '5');
    expect([made.code, made.rows, made.shift]).toEqual([0, ['cart/v2 created'], { v1: 9500, v2: 500 }]);
    const again = await deploy('cart', '--as', 'next', '--shift', '5');
    expect([again.code, again.rows, again.shift]).toEqual([0, ['cart/v2 unchanged'], { v1: 9500, v2: 500 }]);
    expect(again.result?.shift?.number).toBeNull();
    expect(JSON.parse((await run('call', 'cart/v2')).stdout)).toMatchObject({ text: 'cart two' });
  });

  test('a version that is named; of another content, or with a folder of its own, it is refused', async () => {
    real.place.write(goApp('shop', { cart: 'cart three' }));
    expect((await deploy('cart', '--as', 'v3')).rows).toEqual(['cart/v3 created']);
    expect(await deploy('cart', '--as', 'v2')).toMatchObject({
      code: 1,
      error: { code: 'conflict', message: 'cart/v2 is there already, with another content' },
    });
    expect(await deploy('price/v1', '--as', 'v2')).toMatchObject({
      code: 2,
      error: { code: 'usage', message: 'price/v2 has a folder of its own', try: 'fnmesh deploy price/v2' },
    });
    expect(await deploy('price', '--as', 'next')).toMatchObject({ code: 2, error: { code: 'usage' } });
    expect(await deploy('cart', '--as', 'v3', '--shift', '0.5')).toMatchObject({
      code: 2,
      error: {
        code: 'usage',
        message: '--shift 0.5: "0.5" could mean two things: write 0.5% for 0.5 %, or 50 for 50 %',
        try: '--shift 0.5%',
      },
    });
  });

  test('keep: 2 lets the oldest without traffic go, and no other', async () => {
    real.place.write(goApp('shop', { cart: 'cart four' }));
    expect((await deploy('cart', '--as', 'next')).result?.removed).toEqual([]);
    real.place.write(goApp('shop', { cart: 'cart five' }));
    const fifth = await deploy('cart', '--as', 'next');
    // v2 has 5 %, and stays.
    expect([fifth.rows, fifth.result?.removed]).toEqual([
      ['cart/v5 created'],
      [{ function: 'cart', version: 'v3' }],
    ]);
    expect(fns().filter((name) => name.startsWith('cart'))).toEqual([
      'cart',
      'cart-v2',
      'cart-v4',
      'cart-v5',
    ]);
  });

  test('what shares traffic does not change in place, unless told to', async () => {
    const plan = await run('deploy', '--all', '--dry-run');
    const refused = await run('deploy', '--all');
    const diff = await run('diff');
    expect([plan.code, diff.code, refused.code]).toEqual([1, 4, 1]);
    for (const [{ stdout }, verdict] of [
      [plan, 'deploy would refuse'],
      [diff, 'deploy would refuse'],
      [refused, 'cart/v1 failed'],
    ] as const) {
      expect(stdout).toContain(`${verdict}: cart/v1 has 95 % of the traffic beside other versions`);
      expect(stdout).toContain('try: fnmesh deploy cart/v1 --as next (a new version), or --in-place');
    }
    expect(fns()).not.toContain('cart~1');
    const forced = await run('deploy', 'cart', '--in-place');
    expect([forced.code, forced.stdout]).toEqual([0, expect.stringContaining('changed in place, with 95 %')]);
    expect(fns()).toContain('cart~1');
  });

  test('--prune: those of --as are none; traffic, a terminal and --yes', async () => {
    renameSync(join(real.place.dir, 'shop/price/v2'), join(real.place.dir, 'away'));
    await run('shift', 'price/v2=1');
    const busy = await deploy('--all', '--prune', '--yes');
    expect([busy.code, busy.result?.removed, busy.result?.orphans]).toEqual([
      0,
      [],
      [{ function: 'price', version: 'v2', share: 100 }],
    ]);
    await run('shift', 'price/v1=100');
    const asked = real.fn.requests.length;
    expect(await deploy('--all', '--prune')).toMatchObject({
      code: 2,
      error: { code: 'usage', try: 'fnmesh deploy --all --prune --json --yes' },
    });
    expect(real.fn.requests.slice(asked).filter((line) => !line.startsWith('GET'))).toEqual([]);
    const pruned = await deploy('--all', '--prune', '--yes');
    expect([pruned.code, pruned.result?.removed]).toEqual([0, [{ function: 'price', version: 'v2' }]]);
    expect(fns()).toEqual(['cart', 'cart-v2', 'cart-v4', 'cart-v5', 'cart~1', 'price-v1']);
    expect((await run('diff')).code).toBe(0);
  });

  test('nothing was sent that breaks a real server', () => expect(real.fn.violations).toEqual([]));
});
