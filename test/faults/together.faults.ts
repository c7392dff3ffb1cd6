// Shifts, undos and deploys by several processes at the same moment: no update is lost, and whoever comes second is
// told what came first.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Change } from '../../src/router/router.js';
import { nodeApp, Workplace, type Answer } from '../helpers/cli.js';
import { expectSerial, routerOf, started } from './stage.js';

type Moved = { number: number | null; rows: { function: string; after: Record<string, number> }[] };
type Ran = Answer<Moved> & { code: number };

let place: Workplace;
const at = { cwd: 'hello' };
const history = () => routerOf(place).history('hello');

beforeEach(() => {
  place = new Workplace();
  const files = nodeApp('hello', { hello: ['v1', 'v2', 'v3'] });
  // Versions that take their time to start hold a shift between its plan and its write: all plans are made by then.
  const slowly = (text: string) =>
    text.replace(
      /\.listen\(([\s\S]*)\);\n$/,
      (_all, args) => `;\nsetTimeout(() => server.listen(${args}), 2500);\n`,
    );
  for (const version of ['v1', 'v2', 'v3']) {
    const path = `hello/${version}/func.js`;
    files[path] = slowly(files[path]!.replace('http\n  .createServer', 'const server = http.createServer'));
  }
  place.write(files);
});
afterEach(() => place.close());

/** Deploys, then ends all processes: what is shifted to next has to start. */
async function deployedAndCold(...shifts: string[][]): Promise<void> {
  expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
  for (const words of shifts) expect((await place.run(['shift', ...words], at)).code).toBe(0);
  await place.run(['stop']);
  await started(place);
}

/** Runs all at once. */
function together(lines: string[]): Promise<Ran[]> {
  return Promise.all(lines.map((line) => place.json<Moved>(line.split(' '), at)));
}

/** Each that was acknowledged is in the history as acknowledged; each other was told which change came before it. */
function expectTold(ran: Ran[], before: number, changes: Change[]): void {
  expectSerial(changes);
  // A shift to what is the case already is not written and has no number.
  const won = ran
    .filter(({ code, result }) => code === 0 && result.number !== null)
    .map(({ result }) => result);
  expect(changes.filter(({ number }) => number > before).map(({ number }) => number)).toEqual(
    won.map(({ number }) => number).sort((a, b) => a! - b!),
  );
  for (const { number, rows } of won) {
    const change = changes.find((one) => one.number === number)!;
    expect(rows[0]!.after).toEqual(change.functions[0]!.after);
  }
  for (const { code, error } of ran.filter((one) => one.code !== 0)) {
    expect([code, error.code]).toEqual([1, 'conflict']);
    expect(error.message).toContain('nothing was written');
    const named = [...error.message.matchAll(/change (\d+) \((\w+) by [^)]+@[^)]+\): hello has (v1 .*)/g)];
    expect(named.length).toBeGreaterThan(0);
    for (const [, number, verb] of named) {
      const change = changes.find((one) => one.number === Number(number));
      expect([change?.verb, change!.number > before]).toEqual([verb, true]);
    }
    expect(error.try).toMatch(/^fnmesh (history|status)/);
  }
}

describe('at the same moment', () => {
  test('four shifts that were planned on the same state: one is written, three are told', async () => {
    await deployedAndCold();
    const ran = await together(['shift v2=10', 'shift v2=20', 'shift v3=+30', 'shift v3=40']);
    expectTold(ran, 1, await history());
    expect(ran.map(({ code }) => code).sort()).toEqual([0, 1, 1, 1]);
  });

  test('shifts against undos: the one that comes first counts', async () => {
    await deployedAndCold(['v2=50'], ['v2=90']);
    // Both give weight to versions that have to start.
    const ran = await together(['undo', 'shift v3=30', 'undo', 'shift v1=60']);
    expectTold(ran, 3, await history());
    expect(ran.map(({ code }) => code).sort()).toEqual([0, 1, 1, 1]);
  });

  test('shifts and undos of warm versions, in any order that the machine gives them', async () => {
    expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
    expect((await place.run(['shift', 'v2=50'], at)).code).toBe(0);
    for (let round = 0; round < 5; round++) {
      const before = (await history()).at(-1)!.number;
      const ran = await together(['shift v2=+1', 'shift v2=+2', 'shift v3=+3', 'shift v3=+1', 'shift v1=20']);
      expectTold(ran, before, await history());
      expect(ran.some(({ code }) => code === 0)).toBe(true);
    }
  });

  test('deploys of the same app by three processes: every version is there once', async () => {
    const ran = await Promise.all([1, 2, 3].map(() => place.json(['deploy', '--all'], at)));
    expect(ran.map(({ code, error }) => [code, error?.message])).toEqual(Array(3).fill([0, undefined]));
    const { fnUrl } = await place.server();
    const { items } = (await (await fetch(`${fnUrl}/v2/apps`)).json()) as { items: { id: string }[] };
    expect(items).toHaveLength(1);
    for (const kind of ['fns', 'triggers']) {
      const listed = (await (await fetch(`${fnUrl}/v2/${kind}?app_id=${items[0]!.id}`)).json()) as {
        items: { name: string }[];
      };
      expect(listed.items.map(({ name }) => name)).toEqual(['hello-v1', 'hello-v2', 'hello-v3']);
    }
    const { routes } = await routerOf(place).read('hello');
    expect(routes[0]!.route.split).toEqual({ v1: 10_000, v2: 0, v3: 0 });
    expectSerial(await history());
  });

  test('a deploy that adds a version while others shift: neither undoes the other', async () => {
    await deployedAndCold(['v2=50']);
    expect((await place.run(['add', 'v4'], at)).code).toBe(0);
    const [deployed, ...ran] = await Promise.all([
      place.json(['deploy', '--all'], at),
      ...['shift v3=20', 'shift v3=60'].map((line) => place.json<Moved>(line.split(' '), at)),
    ]);
    expect([deployed.code, deployed.error?.message]).toEqual([0, undefined]);
    const changes = await history();
    expectSerial(changes);
    expect(changes.filter(({ verb }) => verb === 'deploy')).toHaveLength(2);
    const shifted = ran.filter(({ code }) => code === 0);
    expect(changes.filter(({ verb }) => verb === 'shift')).toHaveLength(1 + shifted.length);
    for (const { code, error } of ran.filter((one) => one.code !== 0)) {
      expect([code, error.code]).toEqual([1, 'conflict']);
      expect(error.message).toMatch(/change \d+ \((shift|deploy) by /);
    }
    const split = (await routerOf(place).read('hello')).routes[0]!.route.split;
    expect(split['v4']).toBe(0);
    const last = shifted.map(({ result }) => result).sort((a, b) => b.number! - a.number!)[0];
    expect(split).toEqual({ ...(last?.rows[0]!.after ?? { v1: 5000, v2: 5000, v3: 0 }), v4: 0 });
  });
});
