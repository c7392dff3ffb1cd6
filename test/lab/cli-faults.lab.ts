// An API server that fails once, or from some request on, under the real command line: the command gets over it or says in
// one line what is wrong, and the same command again ends in the state of a run without faults, with nothing done twice.
// For speed a fault that comes once is met at two of the four places, outages are a choice, and of a first deploy every
// write meets another fault. FNMESH_FAULTS_ALL=1: each fault at each place of a shift, once and for good.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeApp } from '../helpers/cli.js';
import { type ApiProxy, type Fate, type Seen, startApiProxy } from './api-proxy.js';
import { changesOf, runCli, stateOf } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

const FAULTS: Record<string, Fate> = {
  '429': { do: 'answer', status: 429, headers: { 'retry-after': '1' } },
  '500': { do: 'answer', status: 500 },
  '503': { do: 'answer', status: 503 },
  'dropped before it arrived': { do: 'drop-before' },
  'dropped after it arrived': { do: 'drop-after' },
  slow: { do: 'slow', ms: 2000 },
};
const NAMES = Object.keys(FAULTS);
const PLACES = ['a list', 'the first write', 'a middle write', 'the last write'] as const;
type Place = (typeof PLACES)[number];
const isAll = process.env['FNMESH_FAULTS_ALL'] === '1';

const ONCE = NAMES.flatMap((fault, at) =>
  PLACES.filter((_, place) => isAll || place % 2 === at % 2).map((place) => [fault, place] as const),
);
const OUTAGES: readonly (readonly [string, Place])[] = isAll
  ? NAMES.filter((fault) => fault !== 'slow').flatMap((fault) =>
      PLACES.map((place) => [fault, place] as const),
    )
  : [
      ['429', 'a list'],
      ['500', 'the first write'],
      ['503', 'a middle write'],
      ['dropped after it arrived', 'a middle write'],
      ['dropped before it arrived', 'the last write'],
    ];

const target = ['--target', 'lab'];
const deploy = ['deploy', '--all', ...target];
const destroy = ['destroy', '--all', '--yes', ...target];
const shift = (share: number) => ['shift', `cart/v2=${share}`, `shop/v2=${share}`, '--wait=none', ...target];
/** What both shares are moved between. */
const SHARES = [25, 0];

/** What a command ends in when nothing fails. */
type Outcome = { state: Record<string, unknown>; writes: number };

let stage: ClusterStage;
let between: ApiProxy;
let deployed: Outcome & { history: string[] };
let shifted: Outcome[];
let turn = 0;

beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1', 'v2'], cart: ['v1', 'v2'] }));
  stage.targets({ lab: { proxy: 'shared', drain: '100ms' } });
  between = await startApiProxy(stage.lab.dir);
  deployed = { ...(await fine(deploy)), history: await changesOf(stage) };
  shifted = [];
  for (const share of SHARES) shifted.push(await fine(shift(share)));
});
afterAll(async () => {
  await between?.close();
  await stage?.close();
});

const run = (args: readonly string[]) => runCli(stage, args, { KUBECONFIG: between.kubeconfig });

/** Runs a command that meets no fault. */
async function fine(args: readonly string[]): Promise<Outcome> {
  between.rule();
  const { code, stdout, stderr } = await run(args);
  if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
  return { state: await stateOf(stage), writes: between.writes() };
}

/** Runs a command that may meet faults. Either it succeeds, or it says in one line why not. */
async function faulty(args: readonly string[], fateOf: (seen: Seen) => Fate | undefined): Promise<number> {
  let met = 0;
  between.rule((seen) => {
    const fate = fateOf(seen);
    if (fate !== undefined) met += 1;
    return fate;
  });
  const { code, stderr } = await run(args);
  between.rule();
  expect(met).toBeGreaterThan(0);
  if (code === 0) return code;
  const errors = stderr.split('\n').filter((line) => /^error: |^ +at /.test(line));
  const said = expect.stringMatching(/^error: .*cluster proxy .*(a fault|hang up)/) as string;
  expect([code, ...errors], stderr).toEqual([1, said]);
  return code;
}

/** A fault from the first request at a place on: once, or for good. */
function at(place: Place, fault: string, writes: number, isOnce: boolean): (seen: Seen) => Fate | undefined {
  const write = {
    'a list': 0,
    'the first write': 1,
    'a middle write': (writes >> 1) + 1,
    'the last write': writes,
  };
  let isMet = false;
  return (seen) => {
    if (isMet) return isOnce ? undefined : FAULTS[fault];
    const isList = seen.method === 'GET' && seen.path.includes('labelSelector=');
    isMet = place === 'a list' ? isList : seen.write === write[place];
    return isMet ? FAULTS[fault] : undefined;
  };
}

async function answers(): Promise<void> {
  await stage.gateway.updated();
  const got = await Promise.all(['/', '/cart', '/', '/cart'].map((path) => stage.get(path)));
  expect(got.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
}

/** A shift of both functions, to where they are not, and the same again. Gives how the first ended. */
async function shiftThrough(fault: string, place: Place, isOnce: boolean): Promise<number> {
  const next = turn++ % SHARES.length;
  const args = shift(SHARES[next]!);
  const before = await changesOf(stage);
  const code = await faulty(args, at(place, fault, shifted[next]!.writes, isOnce));
  await answers();
  expect((await fine(args)).state).toEqual(shifted[next]!.state);
  const after = await changesOf(stage);
  // The history keeps a number of changes: the newest is one more than before, of all that were there.
  const number = Number.parseInt(before[0]!) + 1;
  expect(after.slice(0, 2)).toEqual([`${number} shift`, before[0]]);
  return code;
}

test.each(ONCE)('a shift gets over one %s at %s', async (fault, place) => {
  expect(await shiftThrough(fault, place, true)).toBe(0);
});

test.each(OUTAGES)(
  'a shift that meets %s from %s on is completed by the same shift',
  async (fault, place) => {
    const code = await shiftThrough(fault, place, false);
    // When only the journal is left to be taken away, the shift is done.
    expect(code).toBe(place === 'the last write' ? 0 : 1);
  },
);

test('a first deploy whose every write meets another fault ends as one without', async () => {
  await fine(destroy);
  const seen = new Set<number>();
  const code = await faulty(deploy, ({ method, write }) => {
    // What is sent again has a number of its own; every second one gets through.
    if (write === 0 || write % 2 === 0 || method === 'GET') return undefined;
    seen.add((write >> 1) % NAMES.length);
    return FAULTS[NAMES[(write >> 1) % NAMES.length]!];
  });
  expect([code, seen.size]).toEqual([0, NAMES.length]);
  expect(await stateOf(stage)).toEqual(deployed.state);
  expect((await fine(deploy)).writes).toBe(0);
  expect(await changesOf(stage)).toEqual(deployed.history);
  await answers();
});

test('a first deploy that the cluster is lost to half way is completed by the same deploy', async () => {
  await fine(destroy);
  expect(await faulty(deploy, at('a middle write', 'dropped after it arrived', deployed.writes, false))).toBe(
    1,
  );
  expect((await fine(deploy)).state).toEqual(deployed.state);
  expect(await changesOf(stage)).toEqual(deployed.history);
  await answers();
});
