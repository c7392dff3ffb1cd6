// Shifts and redeploys under load: no request fails, and none goes to a version that has no weight any more.
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Split } from '../../src/routing/route.js';
import { nodeApp, Workplace } from '../helpers/cli.js';
import { ask } from '../helpers/data-plane.js';
import { expectSerial, routerOf } from './stage.js';

const CONNECTIONS = 8;
const SHIFTS = 1000;
const REDEPLOYS = 50;

/** A split with the times at which its write was sent and answered. */
type Shift = { sent: number; acknowledged: number; split: Split };
/** A request that was answered: when it was sent and came back, by which version and text. */
type Request = { sent: number; answered: number; version: string; text: string };

const place = new Workplace();
const at = { cwd: 'hello' };
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
let port = 0;

beforeAll(async () => {
  place.write(nodeApp('hello', { hello: ['v1', 'v2', 'v3'] }));
  expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
  port = Number(new URL((await place.server()).gatewayUrl).port);
});
afterAll(async () => {
  agent.destroy();
  await place.close();
});

/** Requests on all connections, one after the other on each, until `stop` is called. */
function load(): { stop: () => Promise<{ requests: Request[]; failed: string[] }> } {
  const requests: Request[] = [];
  const failed: string[] = [];
  let stopped = false;
  const connection = async () => {
    while (!stopped) {
      const sent = performance.now();
      try {
        const { status, headers, text } = await ask(port, '/', { agent });
        const version = String(headers['fnmesh-version']);
        if (status === 200)
          requests.push({
            sent,
            answered: performance.now(),
            version,
            text: (JSON.parse(text) as { text: string }).text,
          });
        else failed.push(`${version}: ${status} ${text}`);
      } catch (error) {
        failed.push(String(error));
      }
    }
  };
  const all = Promise.all(Array.from({ length: CONNECTIONS }, connection));
  return {
    stop: async () => {
      stopped = true;
      await all;
      return { requests, failed };
    },
  };
}

const SPLITS: Split[] = [
  { v1: 10_000, v2: 0, v3: 0 },
  { v1: 0, v2: 10_000, v3: 0 },
  { v1: 3333, v2: 6667, v3: 0 },
  { v1: 0, v2: 5000, v3: 5000 },
  { v1: 5000, v2: 0, v3: 5000 },
  { v1: 0, v2: 0, v3: 10_000 },
];

/** The splits that a request may have been decided by: what was acknowledged when it was sent, and all written since. */
function candidates(shifts: readonly Shift[], { sent, answered }: Request): Shift[] {
  const from = shifts.findLastIndex((shift) => shift.acknowledged <= sent);
  return shifts.slice(Math.max(0, from)).filter((shift) => shift.sent < answered);
}

test(`${SHIFTS} shifts under load`, async () => {
  const router = routerOf(place);
  const running = load();
  const shifts: Shift[] = [];
  for (let count = 0; count < SHIFTS; count++) {
    const split = SPLITS[count % SPLITS.length]!;
    const [routed] = (await router.read('hello')).routes;
    const sent = performance.now();
    await router.write([{ kind: 'put', route: { ...routed!.route, split }, ifRevision: routed!.revision }], {
      verb: 'shift',
      by: 'ann@box',
    });
    shifts.push({ sent, acknowledged: performance.now(), split });
    await pause(Math.random() * 30);
  }
  const { requests, failed } = await running.stop();
  expect(failed).toEqual([]);
  const decided = requests.filter(({ sent }) => sent >= shifts[0]!.acknowledged);
  const strays = decided.filter((request) => {
    return candidates(shifts, request).every(({ split }) => split[request.version] === 0);
  });
  expect(strays).toEqual([]);
  // The test sees something only if most requests were decided by one split, known here, that had a version at 0.
  const telling = decided.filter((request) => candidates(shifts, request).length === 1);
  expect(telling.length).toBeGreaterThan(SHIFTS);
  expect(telling.length).toBeGreaterThan(decided.length / 4);
  expect(new Set(decided.map(({ version }) => version))).toEqual(new Set(['v1', 'v2', 'v3']));
  const history = await router.history('hello');
  expectSerial(history);
  expect(history.at(-1)!.number).toBe(1 + SHIFTS);
});

test(`${REDEPLOYS} redeploys of versions that have weight, under load`, async () => {
  expect((await place.run(['shift', 'v1=50', 'v2=50'], at)).code).toBe(0);
  const source = nodeApp('hello', { hello: ['v1'] })['hello/v1/func.js']!;
  const running = load();
  const deployed = ['v1', 'v2'].map((version) => ({ version, text: version, acknowledged: 0 }));
  for (let count = 1; count <= REDEPLOYS; count++) {
    const version = count % 2 === 0 ? 'v2' : 'v1';
    const text = `${version} number ${count}`;
    place.write({ [`hello/${version}/func.js`]: source.replace('"v1"', JSON.stringify(text)) });
    const ran = await place.json<{ versions: { deploy: string }[] }>(['deploy', version], at);
    deployed.push({ version, text, acknowledged: performance.now() });
    expect([ran.code, ran.result.versions[0]!.deploy]).toEqual([0, 'updated']);
  }
  const { requests, failed } = await running.stop();
  expect(failed).toEqual([]);
  expect(requests.length).toBeGreaterThan(10 * REDEPLOYS);
  // A request that was sent after a deploy ended is answered by what was deployed, or by something newer.
  const stale = requests.filter(({ sent, version, text }) => {
    const newest = deployed.findLastIndex((one) => one.version === version && one.acknowledged <= sent);
    return newest >= 0 && deployed.slice(0, newest).some((one) => one.text === text);
  });
  expect(stale).toEqual([]);
  for (const version of ['v1', 'v2']) {
    const seen = new Set(requests.filter((one) => one.version === version).map(({ text }) => text));
    expect(seen.size).toBeGreaterThan(REDEPLOYS / 4);
  }
});
