// kill -9 of a deploy to a real Fn server and a real registry at every kind of request that it makes: the same deploy
// once more ends where an undisturbed one does, at once, for a dead process holds no lock.
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeployResult } from '../../src/deploy/result.js';
import type { Fn } from '../../src/fn/model.js';
import { readNotes } from '../../src/fn/notes.js';
import { BIN, Workplace } from '../helpers/cli.js';
import { hasRegistry, startDockerRegistry, type DockerRegistry } from '../helpers/docker-registry.js';
import { startFaultProxy, type Fault, type FaultProxy, type Seen } from '../helpers/fault-proxy.js';
import { hasGo } from '../helpers/programs.js';
import { goApp } from '../helpers/real-server.js';
import { startStrictFn, type StrictFn } from '../helpers/strict-fn.js';
import { stateOf } from './remote.js';
import { routerOf } from './stage.js';

const FUNCTIONS = Array.from({ length: 10 }, (_, index) => `f${index}`);
const VERSIONS = FUNCTIONS.flatMap((name) => [`${name}/v1`, `${name}/v2`]);

let registry: DockerRegistry;
let strict: StrictFn;
let api: FaultProxy;
let images: FaultProxy;
let place: Workplace;

beforeAll(async () => {
  [registry, strict] = await Promise.all([startDockerRegistry(), startStrictFn()]);
  [api, images] = await Promise.all([startFaultProxy(strict.url), startFaultProxy(registry.url)]);
  place = new Workplace({ FN_API_URL: api.url });
  expect((await place.run(['start', '-d'])).code).toBe(0);
});
afterAll(async () => {
  await place.close();
  await Promise.all([api.close(), images.close()]);
  await Promise.all([strict.close(), registry.stop()]);
});

/** Twenty versions of two programs. Nothing is called, so that nothing has to be waited for. */
function write(app: string, content: string): void {
  const texts = Object.fromEntries(VERSIONS.map((version, at) => [version, `${content} ${at % 2}`]));
  const yaml = `memory: ${content === 'odd' ? 64 : 128}\nconfig:\n  CONTENT: ${content}\n  ${content.toUpperCase()}: yes\n`;
  place.write({
    ...goApp('shop', texts, yaml),
    'shop/app.yaml': `name: ${app}\nconfig:\n  CONTENT: ${content}\n`,
    'shop/fnmesh.yaml': 'probe: none\n',
  });
}

const optionsFor = (app: string) => ({
  cwd: 'shop',
  env: { FN_REGISTRY: `${new URL(images.url).host}/${app}` },
});
const deploy = (app: string) => place.json<DeployResult>(['deploy', '--all'], optionsFor(app));

/** Deploys until the process is killed, when a request that is meant arrives; `arrives`: it is carried out all the same. */
async function deployKilled(app: string, isMeant: (seen: Seen) => boolean, arrives: boolean): Promise<void> {
  const { env } = optionsFor(app);
  const child = spawn(process.execPath, [BIN, 'deploy', '--all'], {
    cwd: `${place.dir}/shop`,
    env: { ...place.env, ...env },
    stdio: 'ignore',
  });
  const ended = new Promise<NodeJS.Signals | null>((done) => child.on('close', (_, signal) => done(signal)));
  const hits: Seen[] = [];
  for (const proxy of [api, images]) {
    proxy.reset();
    proxy.fail(
      { kind: 'drop-before' },
      (seen) => {
        if (hits.length > 0 || !isMeant(seen)) return false;
        hits.push(seen);
        child.kill('SIGKILL');
        return !arrives;
      },
      Infinity,
    );
  }
  expect([await ended, hits.length]).toEqual(['SIGKILL', 1]);
  await Promise.all([api.settled(), images.settled()]);
  for (const proxy of [api, images]) proxy.reset();
}

/** Everything of one app, without its name. */
async function stateOfApp(app: string) {
  const { apps, fns, triggers } = strict.objects;
  const id = strict.objects.appByName(app)!.id;
  const own = <T extends { app_id: string }>(all: Map<string, T>) =>
    new Map([...all].filter(([, each]) => each.app_id === id));
  const only = { apps: new Map([[id, apps.get(id)!]]), fns: own(fns), triggers: own(triggers) };
  const state = await stateOf(only, { read: () => routerOf(place).read(app) });
  return JSON.parse(JSON.stringify(state).replaceAll(app, 'APP')) as typeof state;
}

type Point = [name: string, isMeant: (seen: Seen) => boolean, nth: number];

const at =
  (method: string, path: RegExp, also: (seen: Seen) => boolean = () => true) =>
  (seen: Seen): boolean =>
    seen.method === method && path.test(seen.path) && also(seen);
const nameOf = ({ path }: Seen): string => strict.objects.fns.get(path.split('/').at(-1)!)?.name ?? '';
const isLock = ({ body }: Seen): boolean => body.includes('fnmesh~lock');
const isCopy = ({ body }: Seen): boolean => /"name":"[^"]*~\d+"/.test(body);

const fns = /^\/v2\/fns$/;
const fn = /^\/v2\/fns\/\w+$/;
const IMAGES: Point[] = [
  ['a tag is looked for', at('HEAD', /\/manifests\//), 3],
  ['a layer is looked for', at('HEAD', /\/blobs\//), 2],
  ['an upload begins', at('POST', /\/uploads\//), 2],
  ['a layer is sent', at('PUT', /\/uploads\//), 2],
  ['a manifest is sent', at('PUT', /\/manifests\//), 7],
];
const FIRST: Point[] = [
  ...IMAGES,
  ['the app is made', at('POST', /^\/v2\/apps$/), 1],
  ['the lock is made', at('POST', fns, isLock), 1],
  ['it looks what is there', at('GET', /^\/v2\/triggers/), 1],
  ['the first fn is made', at('POST', fns, (seen) => !isLock(seen)), 1],
  ['the last fn is made', at('POST', fns, (seen) => !isLock(seen)), 20],
  ['the first trigger is made', at('POST', /^\/v2\/triggers$/), 1],
  ['the last trigger is made', at('POST', /^\/v2\/triggers$/), 20],
  ['the lock is let go', at('DELETE', fn), 1],
];
const CHANGE: Point[] = [
  ['a tag is looked for', at('HEAD', /\/manifests\//), 7],
  ['the app is changed', at('PUT', /^\/v2\/apps\//), 1],
  ['the first release is kept', at('POST', fns, isCopy), 1],
  ['the tenth release is kept', at('POST', fns, isCopy), 10],
  ['the first fn is changed', at('PUT', fn), 1],
  ['the tenth fn is changed', at('PUT', fn), 10],
  ['the first note is made', at('PUT', /^\/v2\/triggers\//), 1],
  ['the last note is made', at('PUT', /^\/v2\/triggers\//), 20],
  ['the first old release goes', at('DELETE', fn, (seen) => nameOf(seen).includes('~')), 1],
  ['the lock is let go', at('DELETE', fn, (seen) => nameOf(seen) === 'fnmesh~lock'), 1],
];

/** True at the n-th request that is meant. */
function counting(isMeant: Point[1], nth: number): (seen: Seen) => boolean {
  let count = 0;
  return (seen) => isMeant(seen) && ++count === nth;
}

let apps = 0;

describe.runIf(hasRegistry && hasGo)('a deploy of twenty versions, killed when', () => {
  let undisturbed: Awaited<ReturnType<typeof stateOfApp>>;
  beforeAll(async () => {
    write('undisturbed', 'odd');
    const { code, error } = await deploy('undisturbed');
    expect([code, error?.message]).toEqual([0, undefined]);
    undisturbed = await stateOfApp('undisturbed');
    const { fns, triggers, routes } = undisturbed;
    expect([fns.length, triggers.length, routes.length]).toEqual([20, 20, 10]);
  });

  describe('it is the first', () => {
    test.each(FIRST)('%s', async (_, isMeant, nth) => {
      const app = `killed-${++apps}`;
      write(app, 'odd');
      await deployKilled(app, counting(isMeant, nth), apps % 2 === 0);
      const again = await place.run(['deploy', '--all'], optionsFor(app));
      expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining('waiting for')]);
      expect(await stateOfApp(app)).toEqual(undisturbed);
      expect(strict.violations).toEqual([]);
    });
  });

  test('nobody kills it, and each fifth request goes wrong in another way', async () => {
    const app = 'bad-network';
    write(app, 'odd');
    const kinds: Fault[] = [
      { kind: 'drop-before' },
      { kind: 'drop-after' },
      { kind: 'status', status: 503 },
      { kind: 'status', status: 429, retryAfter: '0' },
      { kind: 'truncate' },
    ];
    // Of what goes to Fn only: a registry is not asked for the same upload twice.
    const more: Fault[] = [{ kind: 'status-after', status: 500 }, { kind: 'duplicate' }, { kind: 'html' }];
    for (const [proxy, faults] of [
      [api, [...kinds, ...more]],
      [images, kinds],
    ] as const) {
      proxy.reset();
      faults.forEach((fault, index) =>
        proxy.fail(
          fault,
          (seen) => seen.index % 5 === 4 && ((seen.index - 4) / 5) % faults.length === index,
          Infinity,
        ),
      );
    }
    const { code, error } = await deploy(app);
    const hits = [api, images].map(({ requests }) => requests.filter(({ fault }) => fault).length);
    for (const proxy of [api, images]) proxy.reset();
    expect([code, error?.message]).toEqual([0, undefined]);
    for (const count of hits) expect(count).toBeGreaterThan(10);
    expect(await stateOfApp(app)).toEqual(undisturbed);
    expect(strict.violations).toEqual([]);
  });

  describe('it changes them in place', () => {
    const app = 'changed';
    let release = 0;
    const live: Record<string, Fn[]> = {};
    const all = (): Fn[] => {
      const { id } = strict.objects.appByName(app)!;
      return [...strict.objects.fns.values()].filter(({ app_id }) => app_id === id);
    };
    const content = (given: readonly Fn[]) =>
      given
        .map(({ name, image, memory, config }) => ({ name: name.replace(/~.*/, ''), image, memory, config }))
        .sort((a, b) => Number(a.name > b.name) - Number(a.name < b.name));
    const isOdd = (number: number): string => (number % 2 === 1 ? 'odd' : 'even');

    /** Each fn is at this release, its earlier ones are kept, and nothing else is there. */
    function expectRelease(number: number): void {
      const kept = [number - 3, number - 2, number - 1].filter((earlier) => earlier > 0);
      const names = VERSIONS.map((version) => version.replace('/', '-'));
      expect(
        all()
          .map(({ name }) => name)
          .sort(),
      ).toEqual(names.flatMap((name) => [name, ...kept.map((earlier) => `${name}~${earlier}`)]).sort());
      const now = all().filter(({ name }) => !name.includes('~'));
      expect(content(now)).toEqual(content(live[isOdd(number)]!));
      for (const earlier of kept) {
        const copies = all().filter(({ name }) => name.endsWith(`~${earlier}`));
        expect(content(copies)).toEqual(content(live[isOdd(earlier)]!));
      }
      const triggers = [...strict.objects.triggers.values()].filter(
        ({ app_id }) => app_id === now[0]!.app_id,
      );
      expect(triggers.map(({ name }) => name).sort()).toEqual([...names].sort());
      for (const each of now) {
        const notes = readNotes(
          each,
          triggers.filter(({ fn_id }) => fn_id === each.id),
        );
        expect([each.name, notes?.release?.number, notes?.image?.ref]).toEqual([
          each.name,
          number,
          each.image,
        ]);
      }
    }

    beforeAll(async () => {
      // Of the first two both contents are learnt; from the fourth on each change lets an old release go.
      for (release = 1; release <= 4; release++) {
        write(app, isOdd(release));
        const { code, error } = await deploy(app);
        expect([code, error?.message]).toEqual([0, undefined]);
        live[isOdd(release)] ??= all().filter(({ name }) => !name.includes('~'));
        expectRelease(release);
      }
    });

    test.each(CHANGE)('%s', async (_, isMeant, nth) => {
      write(app, isOdd(release));
      await deployKilled(app, counting(isMeant, nth), release % 2 === 0);
      const again = await place.run(['deploy', '--all'], optionsFor(app));
      expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining('waiting for')]);
      expectRelease(release++);
      expect(strict.violations).toEqual([]);
    });
  });
});
