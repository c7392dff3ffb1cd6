// What `fnmesh status` tells of requests on a cluster: nothing unless it asks the gateway's Envoy, and then what was sent.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AppStatus } from '../../src/inspect/status.js';
import { nodeApp } from '../helpers/cli.js';
import { ClusterStage } from './cli-stage.js';

let stage: ClusterStage;
beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { cart: ['v1', 'v2'] }));
  stage.targets();
  await stage.ok('deploy', '--all', '--target', 'lab');
  await stage.ok('shift', 'cart', 'v2=50', '--target', 'lab', '--wait=envoy');
});
afterAll(() => stage?.close());

async function counted(...flags: string[]): Promise<Record<string, [number | null, number | null]>> {
  const { result } = await stage.json<{ apps: AppStatus[] }>('status', '--target', 'lab', ...flags);
  const { versions } = result.apps[0]!.functions[0]!;
  return Object.fromEntries(versions.map(({ version, requests, errors }) => [version, [requests, errors]]));
}

test('plain status does not count, and says what does', async () => {
  expect(await counted()).toEqual({ v1: [null, null], v2: [null, null] });
  const text = await stage.ok('status', '--target', 'lab');
  expect(text).toMatch(/cart +v1 .*ready +- +- +- /);
  expect(text).toContain('`fnmesh status --observe`');
});

test('status --observe counts every request through the gateway, by the version that answered', async () => {
  const before = await counted('--observe');
  const answers: Record<string, number> = { v1: 0, v2: 0 };
  for (let n = 0; n < 60; n++) answers[(await stage.get('/cart')).version!]!++;
  const after = await counted('--observe');
  expect(Object.values(after).flat()).not.toContain(null);
  for (const version of ['v1', 'v2']) {
    expect(answers[version]).toBeGreaterThan(0);
    expect(after[version]![0]! - before[version]![0]!).toBe(answers[version]);
    expect(after[version]![1]).toBe(before[version]![1]);
  }
});

test('errors are those that the gateway saw', async () => {
  const before = await counted('--observe');
  // The proxies are there, and nobody is behind them any more.
  await stage.exposed.close();
  for (let n = 0; n < 20; n++) expect((await stage.get('/cart')).status).toBeGreaterThanOrEqual(500);
  const after = await counted('--observe');
  const errors = ['v1', 'v2'].map((version) => after[version]![1]! - before[version]![1]!);
  expect(errors[0]! + errors[1]!).toBe(20);
});
