// kill -9 of the server while routes are written and while versions are deployed: what was acknowledged is there
// after the next start, and nothing is there by half.
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { Change } from '../../src/router/router.js';
import { nodeApp, Workplace } from '../helpers/cli.js';
import { ask } from '../helpers/data-plane.js';
import { expectSerial, killed, routerOf, started, sum } from './stage.js';

let place: Workplace;
beforeEach(() => void (place = new Workplace()));
afterEach(() => place.close());

const SHIFTS = 1000;
const FUNCTIONS = ['a', 'b', 'c', 'd'];

/** What a shift asked for: v2's share of each of its functions, by the message it was made with. */
type Asked = Record<string, number>;
type Round = { asked: Map<string, Asked>; acknowledged: Map<string, number>; refused: Set<string> };

/** Shifts one to three functions at a time, for ever, until the server is gone. */
async function write(writer: string, { asked, acknowledged, refused }: Round): Promise<void> {
  const router = routerOf(place);
  for (let count = 1; ; count++) {
    const message = `${writer}-${count}`;
    try {
      const { routes } = await router.read('shop');
      const some = routes.filter(() => Math.random() < 0.5).slice(0, 3);
      const moved = some.length > 0 ? some : routes.slice(0, 1);
      const changes = moved.map(({ route, revision }) => {
        const v2 = Math.floor(Math.random() * 10_001);
        return {
          kind: 'put' as const,
          route: { ...route, split: { v1: 10_000 - v2, v2 } },
          ifRevision: revision,
        };
      });
      asked.set(message, Object.fromEntries(changes.map(({ route }) => [route.function, route.split.v2])));
      const table = await router.write(changes, { verb: 'shift', by: 'ann@box', message });
      const written = table.routes.find(({ route }) => route.function === changes[0]!.route.function)!;
      acknowledged.set(message, written.revision);
    } catch (error) {
      if (!(error instanceof FnmeshError)) throw error;
      if (error.code === 'unreachable') return;
      expect(error.code).toBe('conflict');
      refused.add(message);
    }
  }
}

/** The v2 shares that a change left behind, by function. */
function shares({ functions }: Change): Asked {
  return Object.fromEntries(functions.map(({ function: name, after }) => [name, after!['v2']!]));
}

test(`${SHIFTS} shifts by four writers, killed again and again`, async () => {
  place.write(nodeApp('shop', Object.fromEntries(FUNCTIONS.map((name) => [name, ['v1', 'v2']]))));
  expect((await place.run(['deploy', '--all'], { cwd: 'shop' })).code).toBe(0);
  let { pid } = await place.server();
  let [done, kills] = [0, 0];
  let [newest] = (await routerOf(place).history('shop')).slice(-1);
  while (done < SHIFTS) {
    const round: Round = { asked: new Map(), acknowledged: new Map(), refused: new Set() };
    const writers = ['w1', 'w2', 'w3', 'w4'].map((name) => write(`${kills}-${name}`, round));
    // Fewer in a round than the 200 changes that the history keeps, so that each can be looked up.
    const enough = 20 + Math.random() * 80;
    while (round.acknowledged.size < enough) await pause(1);
    await pause(Math.random() * 3);
    await killed(pid);
    await Promise.all(writers);

    const info = await started(place);
    expect(info.warnings).toEqual([]);
    pid = info.pid;
    kills++;
    const router = routerOf(place);
    const changes = await router.history('shop');
    expectSerial(changes);
    const made = changes.filter(({ number }) => number > newest!.number);
    expect(made.length - round.acknowledged.size).toBeLessThanOrEqual(4); // At most one of each writer was unanswered.
    const byMessage = new Map(made.map((change) => [change.message, change]));
    expect(byMessage.size).toBe(made.length);
    for (const [message, number] of round.acknowledged) expect(byMessage.get(message)?.number).toBe(number);
    for (const change of made) {
      expect(round.refused.has(change.message!)).toBe(false);
      expect(shares(change)).toEqual(round.asked.get(change.message!));
    }
    for (const { route, revision } of (await router.read('shop')).routes) {
      const last = changes.findLast(({ functions }) =>
        functions.some((one) => one.function === route.function),
      );
      expect(revision).toBe(last!.number);
      expect(route.split).toEqual(last!.functions.find((one) => one.function === route.function)!.after);
      expect(sum(route.split)).toBe(10_000);
    }
    done += round.acknowledged.size;
    newest = changes.at(-1);
  }
  expect(kills).toBeGreaterThan(8);
});

type Deployed = {
  versions: { function: string; version: string; deploy: string; error?: { message: string } }[];
};

/** What each version answers when it is pinned. */
async function answers(gatewayUrl: string, functions: string[]): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const name of functions) {
    for (const version of ['v1', 'v2']) {
      const reply = await fetch(`${gatewayUrl}/${name}`, { headers: { 'Fnmesh-Version': version } });
      const { text } = (await reply.json()) as { text: string };
      found[`${name}/${version}`] = reply.status === 200 ? text : reply.status;
    }
  }
  return found;
}

/** Writes both functions anew, so that each version tells which round it is of. */
function writeRound(round: number): void {
  const files = nodeApp('shop', { cart: ['v1', 'v2'], price: ['v1', 'v2'] });
  const entries = Object.entries(files).map(([path, text]) => [
    path,
    text.replace(/text: "v\d"/, `text: ${round}`),
  ]);
  place.write(Object.fromEntries(entries) as Record<string, string>);
}

test('redeploys, killed at random moments', async () => {
  const at = { cwd: 'shop' };
  const all = ['cart', 'price'];
  writeRound(0);
  expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
  expect((await place.run(['shift', 'cart/v2=30', 'price/v2=70'], at)).code).toBe(0);
  let { pid } = await place.server();
  writeRound(1);
  const before = performance.now();
  expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
  const usual = performance.now() - before;
  for (let round = 2; round < 10; round++) {
    writeRound(round);
    const deploying = place.json<Deployed>(['deploy', '--all'], at);
    await pause(usual * (0.2 + 0.8 * Math.random()));
    await killed(pid);
    const deployed = await deploying;
    const info = await started(place);
    expect(info.warnings).toEqual([]);
    const found = await answers(info.gatewayUrl, all);
    for (const [version, text] of Object.entries(found)) {
      expect([round - 1, round]).toContain(text);
      const row = deployed.result?.versions.find((one) => `${one.function}/${one.version}` === version);
      if (row?.deploy === 'updated') expect([version, text]).toEqual([version, round]);
    }
    const { routes } = await routerOf(place).read('shop');
    expect(routes.map(({ route }) => route.split)).toEqual([
      { v1: 7000, v2: 3000 },
      { v1: 3000, v2: 7000 },
    ]);
    expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
    expect(new Set(Object.values(await answers(info.gatewayUrl, all)))).toEqual(new Set([round]));
    pid = info.pid;
  }
});

test('first deploys, killed at random moments: the next one completes them', async () => {
  const functions = { cart: ['v1', 'v2'], price: ['v1', 'v2'] };
  const apps = Array.from({ length: 6 }, (_, round) => `app${round}`);
  for (const app of apps) {
    place.write(nodeApp(app, functions));
    const { pid } = await started(place);
    const deploying = place.run(['deploy', '--all'], { cwd: app });
    await pause(200 + 600 * Math.random());
    await killed(pid);
    await deploying;
    expect((await started(place)).warnings).toEqual([]);
    expect((await place.run(['deploy', '--all'], { cwd: app })).code).toBe(0);
    const { routes } = await routerOf(place).read(app);
    expect(routes.map(({ route }) => [route.function, route.split])).toEqual([
      ['cart', { v1: 10_000, v2: 0 }],
      ['price', { v1: 10_000, v2: 0 }],
    ]);
  }
  const { fnUrl, gatewayUrl } = await place.server();
  const items = async (path: string) =>
    ((await (await fetch(`${fnUrl}/v2/${path}`)).json()) as { items: { id: string; name: string }[] }).items;
  const known = await items('apps?per_page=100');
  expect(known.map(({ name }) => name)).toEqual(apps);
  for (const { id, name } of known) {
    for (const kind of ['fns', 'triggers']) {
      const names = (await items(`${kind}?app_id=${id}&per_page=100`)).map((one) => one.name);
      expect(names).toEqual(['cart-v1', 'cart-v2', 'price-v1', 'price-v2']);
    }
    for (const version of ['v1', 'v2']) {
      const headers = { Host: `${name}.localhost`, 'Fnmesh-Version': version };
      const reply = await ask(Number(new URL(gatewayUrl).port), '/cart', { headers });
      expect([reply.status, (JSON.parse(reply.text) as { text: string }).text]).toEqual([200, version]);
    }
  }
});

test('a version that never started is not taken for deployed when the server was killed over it', async () => {
  place.write(nodeApp('shop', { cart: ['v1'] }));
  place.write({
    'shop/cart/v1/func.js': "setTimeout(() => { console.error('no table'); process.exit(3); }, 1500);",
  });
  const { pid, fnUrl } = await started(place);
  const deploying = place.run(['deploy', '--all'], { cwd: 'shop' });
  const apps = async () =>
    ((await (await fetch(`${fnUrl}/v2/apps`)).json()) as { items: { id: string }[] }).items;
  const fns = async () => {
    const [app] = await apps();
    if (!app) return [];
    const answer = await fetch(`${fnUrl}/v2/fns?app_id=${app.id}`);
    return ((await answer.json()) as { items: { name: string }[] }).items.map(({ name }) => name);
  };
  // The deploy's lock is an fn as well.
  await expect.poll(fns, { timeout: 10_000 }).toContain('cart-v1');
  await killed(pid);
  expect((await deploying).code).toBe(1);
  await started(place);
  const again = await place.run(['deploy', '--all'], { cwd: 'shop' });
  expect([again.code, again.stdout]).toEqual([1, expect.stringContaining('no table')]);
  expect((await routerOf(place).read('shop')).routes).toEqual([]);
});
