// Deploys and undos over a bad network to a server as strict as a real one: whatever happens to whichever request, the
// same command once more ends where one without faults does, nothing is there twice, and nothing was sent that breaks a
// real server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeployRequest } from '../../src/deploy/result.js';
import { FnmeshError } from '../../src/errors.js';
import { appFolder, requestFor, type VersionSpec } from '../deploy/stage.js';
import type { Fault, Seen } from '../helpers/fault-proxy.js';
import { FAULTS, remoteStage, type RemoteStage, type State } from './remote.js';

const http = (name: string, source: string) => ({ name, type: 'http', source });

const FIRST: Record<string, VersionSpec> = {
  'cart/v1': {
    func: {
      memory: 256,
      config: { A: '1', B: '2' },
      annotations: { team: ['x', { y: 1 }], old: 1 },
      triggers: [http('cart-v1', '/cart/v1')],
    },
  },
  'cart/v2': { func: { triggers: [http('cart-v2', '/cart/v2'), http('cart-v2-admin', '/cart/v2/admin')] } },
  'price/v1': { func: { timeout: 5, config: { P: '1' } } },
  'plain/v1': { func: { triggers: [], config: { Q: '1' } } },
};

/** Image, limits, config and annotations of cart/v1, and its trigger moved; triggers of cart/v2 renamed, moved and gone. */
const SECOND: Record<string, VersionSpec> = {
  'cart/v1': {
    code: '// new',
    func: {
      timeout: 7,
      config: { A: '9', C: '3' },
      annotations: { team: 'z' },
      triggers: [http('cart-v1', '/cart/first')],
    },
  },
  'cart/v2': { func: { triggers: [http('cart-v2', '/cart/second'), http('cart-v2-ops', '/cart/v2/admin')] } },
  'price/v1': { func: { timeout: 5, config: { P: '1' } } },
  'plain/v1': { func: { triggers: [], config: { Q: '2' } } },
};

/** What came before: three releases are kept of cart/v1 then, so that the next one lets the oldest go. */
const EARLIER = [1, 2, 3].map((number): Record<string, VersionSpec> => ({
  'cart/v1': { ...FIRST['cart/v1'], func: { ...FIRST['cart/v1']!.func, config: { N: `${number}` } } },
}));

const root = mkdtempSync(join(tmpdir(), 'fnmesh-remote-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let earlier: DeployRequest[];
let first: DeployRequest;
let second: DeployRequest;
let other: DeployRequest;
// The files are read here once; what a deploy builds of them is found again by its hash.
beforeAll(() => {
  earlier = EARLIER.map((versions, index) => requestFor(appFolder(versions, {}, join(root, `${index}`))));
  first = requestFor(appFolder(FIRST, { config: { COLOUR: 'red' } }, join(root, 'first')));
  const project = appFolder(SECOND, { config: { COLOUR: 'blue' } }, join(root, 'second'));
  second = requestFor(project);
  other = requestFor(project, ['price/v1']);
});

/** What is done over the bad network, on what, and how it is done once more. `undone`: what an undo would undo before. */
type Work = {
  before: (stage: RemoteStage) => Promise<unknown>;
  run: (stage: RemoteStage) => Promise<{ failed: number } | null>;
  again: (stage: RemoteStage, undone: string | null) => Promise<void>;
};

async function beforehand(stage: RemoteStage): Promise<void> {
  for (const request of [...earlier, first]) expect((await stage.deploy(request)).failed).toBe(0);
}

const again = (request: () => DeployRequest) => async (stage: RemoteStage) => {
  const { failed, versions } = await stage.deploy(request());
  expect([failed, versions.map(({ error }) => error)]).toEqual([0, versions.map(() => undefined)]);
};

const WORK: Record<string, Work> = {
  'a first deploy': {
    before: () => Promise.resolve(),
    run: (stage) => stage.deploy(first),
    again: again(() => first),
  },
  'a change in place': {
    before: beforehand,
    run: (stage) => stage.deploy(second),
    again: again(() => second),
  },
  'an undo': {
    before: async (stage) => {
      await beforehand(stage);
      await stage.deploy(second);
    },
    run: (stage) => stage.undo(),
    // An undo goes back as far as it is called: only what is left of this one is to be done.
    async again(stage, undone) {
      for (let times = 0; (await stage.newest()) === undone; times++) {
        expect(times).toBeLessThan(2);
        expect((await stage.undo())?.versions.flatMap(({ error }) => error ?? [])).toEqual([]);
      }
      // Whatever is deployed next takes the lock away that was left.
      await again(() => other)(stage);
    },
  },
};

/** What a stage is like without faults, after the work. */
async function faultless({ before, run }: Work): Promise<State> {
  const stage = await remoteStage();
  await before(stage);
  expect((await run(stage))?.failed).toBe(0);
  return stage.state();
}

/**
 * Does the work on fresh stages, once for each request that it makes, as `arm` spoils that one.
 * @returns How many requests had their turn.
 */
async function atEachRequest(
  work: Work,
  stages: number,
  options: { timeoutMs?: number; shown?: (state: State) => unknown },
  arm: (stage: RemoteStage, index: number) => void,
): Promise<number> {
  const { shown = (state: State) => state } = options;
  const expected = shown(await faultless(work));
  let next = 0;
  let turns = 0;
  const worker = async (): Promise<void> => {
    const stage = await remoteStage(options);
    await work.before(stage);
    const restore = stage.keep();
    for (;;) {
      await restore();
      const undone = await stage.newest();
      stage.proxy.reset();
      const index = next++;
      arm(stage, index);
      const outcome = await work.run(stage).catch((error: unknown) => error);
      // Also what arrives late must do no harm.
      await stage.proxy.settled();
      const hit = stage.proxy.requests.find(({ fault }) => fault !== undefined);
      const what = `request ${index}: ${hit?.method} ${hit?.path}`;
      if (outcome instanceof Error) expect(outcome, what).toBeInstanceOf(FnmeshError);
      stage.proxy.reset();
      await work.again(stage, undone);
      expect(shown(await stage.state()), what).toEqual(expected);
      expect(stage.strict.violations, what).toEqual([]);
      if (hit === undefined) return;
      turns++;
    }
  };
  await Promise.all(Array.from({ length: stages }, worker));
  return turns;
}

/** Without what may differ after a command that failed. */
const SHOWN: Record<string, (state: State) => unknown> = {
  // The lowest version that is there gets the traffic, also when a lower one comes at the second time.
  'a first deploy': ({ routes, ...rest }) => ({
    ...rest,
    routes: routes.map(({ split: _, ...route }) => route),
  }),
  // Done, but nobody saw it answer: the next deploy asks.
  'an undo': (state) => JSON.parse(JSON.stringify(state).replaceAll(',"unready":true', '')) as unknown,
};

describe.each(Object.entries(WORK))('%s, then once more', (name, work) => {
  const shown = SHOWN[name] ?? ((state: State) => state);

  test.each(FAULTS)('%s, at each request', async (_, fault: Fault) => {
    const slow = fault.kind === 'slow';
    // A note that comes late, after the answer was noted already, is that of before the answer.
    const options = slow ? { timeoutMs: 250, shown } : {};
    const turns = await atEachRequest(work, slow ? 6 : 2, options, ({ proxy }, index) =>
      proxy.fail(fault, index),
    );
    expect(turns).toBeGreaterThan(15);
  });

  test('one that fails however often it is made', async () => {
    const turns = await atEachRequest(work, 2, { shown }, (stage, index) => {
      let meant: string | undefined;
      const isMeant = (seen: Seen): boolean => {
        const text = `${seen.method} ${seen.path} ${seen.body}`;
        if (seen.index === index) meant = text;
        return text === meant;
      };
      stage.proxy.fail({ kind: 'status', status: 503 }, isMeant, 4);
    });
    expect(turns).toBeGreaterThan(15);
  });

  test.each<[string, Fault]>([
    ['before it arrives', { kind: 'drop-before' }],
    ['when it has arrived', { kind: 'drop-after' }],
  ])('broken off for good at each request, %s', async (_, fault) => {
    const turns = await atEachRequest(work, 2, { shown }, (stage, index) => {
      stage.proxy.fail(fault, index);
      stage.proxy.fail({ kind: 'drop-before' }, ({ index: at }) => at > index, Infinity);
    });
    expect(turns).toBeGreaterThan(15);
  });
});
