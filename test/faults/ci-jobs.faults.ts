// CI jobs against one real Fn server, each with a checkout and a machine of its own: at once, out of order, one undoing
// what another deploys. Nothing is ever half of one and half of another.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DeployResult } from '../../src/deploy/result.js';
import type { UndoDeployResult } from '../../src/deploy/undo.js';
import type { Fn } from '../../src/fn/model.js';
import { type Answer, Workplace } from '../helpers/cli.js';
import { hasRegistry, startDockerRegistry, type DockerRegistry } from '../helpers/docker-registry.js';
import { hasGo } from '../helpers/programs.js';
import { goApp } from '../helpers/real-server.js';
import { startStrictFn, type StrictFn } from '../helpers/strict-fn.js';

const VERSIONS = ['a/v1', 'a/v2', 'b/v1', 'c/v1'];

type Ran<T> = Answer<T> & { code: number };

let registry: DockerRegistry;
let strict: StrictFn;
/** Two machines. */
let ann: Workplace;
let bob: Workplace;

beforeAll(async () => {
  [registry, strict] = await Promise.all([startDockerRegistry(), startStrictFn()]);
  const env = { FN_API_URL: strict.url, FN_REGISTRY: `${registry.host}/team` };
  [ann, bob] = [new Workplace(env), new Workplace(env)];
});
afterEach(() => {
  expect(strict.violations).toEqual([]);
  for (const all of [strict.objects.apps, strict.objects.fns, strict.objects.triggers]) all.clear();
});
afterAll(async () => {
  await Promise.all([ann.close(), bob.close()]);
  await Promise.all([strict.close(), registry.stop()]);
});

/** Writes an app that says in each version whose and which it is. Nothing is called, so that nothing is waited for. */
function write(place: Workplace, text: string, config: string, versions = VERSIONS): void {
  const texts = Object.fromEntries(versions.map((version) => [version, text]));
  place.write({
    ...goApp('shop', texts, `config:\n  STAMP: ${config}\n`),
    'shop/app.yaml': `name: shop\nconfig:\n  STAMP: ${config}\n`,
    'shop/fnmesh.yaml': 'probe: none\n',
  });
}

const run = <T>(place: Workplace, ...args: string[]): Promise<Ran<T>> => place.json<T>(args, { cwd: 'shop' });
const live = (): Fn[] => [...strict.objects.fns.values()].filter(({ name }) => !name.includes('~'));
const named = (name: string): Fn | undefined =>
  [...strict.objects.fns.values()].find((each) => each.name === name);

/** Whose everything is: each fn's config and image, and the app's config. One, or nothing is right. */
function owners(): string[] {
  const images = new Map<string, Set<string>>();
  for (const { name, image, config } of live()) {
    const key = `${config['STAMP']}`;
    images.set(key, (images.get(key) ?? new Set()).add(image.replace(/^.*@/, '')));
    expect([name, image]).toEqual([name, expect.stringContaining(`/team/${name}@sha256:`)]);
  }
  for (const [stamp, digests] of images) expect([stamp, digests.size]).toEqual([stamp, 1]);
  const app = strict.objects.appByName('shop')?.config?.['STAMP'];
  return [...new Set([...images.keys(), `${app}`])];
}

describe.runIf(hasRegistry && hasGo)('two at once', () => {
  test('deploys: each is whole, the later one stays, and both say so', async () => {
    for (let round = 1; round <= 3; round++) {
      write(ann, 'ann', `ann-${round}`);
      write(bob, 'bob', `bob-${round}`);
      const ran = await Promise.all([ann, bob].map((place) => run<DeployResult>(place, 'deploy', '--all')));
      expect(ran.map(({ code, error }) => [code, error?.message])).toEqual([
        [0, undefined],
        [0, undefined],
      ]);
      expect(owners()).toHaveLength(1);
      // Each release is one of a whole deploy: the one before the last is the other one's.
      expect(
        live()
          .map(({ name }) => name)
          .sort(),
      ).toEqual(VERSIONS.map((name) => name.replace('/', '-')));
      const before = new Set(
        VERSIONS.map((version) => named(`${version.replace('/', '-')}~${2 * round - 1}`)?.config['STAMP']),
      );
      expect([...before, ...owners()].sort()).toEqual([`ann-${round}`, `bob-${round}`]);
      const releases = ran.map(({ result }) => new Set(result.versions.map(({ release }) => release)));
      expect(releases.map(({ size }) => size)).toEqual([1, 1]);
      expect(releases.flatMap((numbers) => [...numbers]).sort()).toEqual([2 * round - 1, 2 * round]);
    }
  });

  test('a deploy and an undo: either is whole, and who cannot is told why', async () => {
    write(ann, 'ann', 'one');
    expect((await run(ann, 'deploy', '--all')).code).toBe(0);
    write(bob, 'bob', 'two');
    expect((await run(bob, 'deploy', '--all')).code).toBe(0);
    for (let round = 1; round <= 3; round++) {
      write(ann, 'ann', `ann-${round}`);
      const [deployed, undone] = await Promise.all([
        run<DeployResult>(ann, 'deploy', '--all'),
        run<UndoDeployResult>(bob, 'undo'),
      ]);
      expect([deployed.code, deployed.error?.message]).toEqual([0, undefined]);
      if (undone.code !== 0) {
        expect([undone.code, undone.error.code]).toEqual([1, 'conflict']);
        expect(undone.error.message).toMatch(/deployed again since|nothing left of deploy/);
      } else expect(undone.result.failed).toBe(0);
      // An undo leaves the app's own config as it is.
      expect(owners().filter((stamp) => stamp !== `ann-${round}`).length).toBeLessThanOrEqual(1);
      expect(new Set(live().map(({ config }) => config['STAMP'])).size).toBe(1);
    }
  });

  test('a deploy of one version, while another deploys all: both are done', async () => {
    write(ann, 'ann', 'all');
    write(bob, 'bob', 'one', ['e/v1']);
    const ran = await Promise.all([run(ann, 'deploy', '--all'), run(bob, 'deploy', 'e/v1')]);
    expect(ran.map(({ code }) => code)).toEqual([0, 0]);
    expect(
      live()
        .map(({ name, config }) => [name, config['STAMP']])
        .sort(),
    ).toEqual([...VERSIONS.map((version) => [version.replace('/', '-'), 'all']), ['e-v1', 'one']].sort());
  });
});

describe.runIf(hasRegistry && hasGo)('out of order', () => {
  const git = (place: Workplace, ...args: string[]): string =>
    execFileSync(
      'git',
      ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'commit.gpgsign=false', ...args],
      {
        cwd: join(place.dir, 'shop'),
        encoding: 'utf8',
        env: { ...place.env, GIT_COMMITTER_DATE: when, GIT_AUTHOR_DATE: when },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    ).trim();
  let when = '';
  const commit = (place: Workplace, at: string): string => {
    when = at;
    git(place, 'add', '-A');
    git(place, 'commit', '-q', '-m', 'more');
    return git(place, 'rev-parse', 'HEAD');
  };

  test('a job of an older commit is refused, also in a shallow clone, which knows dates only', async () => {
    const versions = ['a/v1', 'b/v1'];
    for (const place of [ann, bob]) rmSync(join(place.dir, 'shop'), { recursive: true, force: true });
    write(ann, 'ann', 'old', versions);
    ann.write({ 'shop/.gitignore': '.fnmesh/\n' });
    git(ann, 'init', '-q', '-b', 'main');
    const old = commit(ann, '2026-01-01T10:00:00Z');
    write(ann, 'ann', 'new', versions);
    const recent = commit(ann, '2026-01-02T10:00:00Z');
    expect((await run(ann, 'deploy', '--all')).code).toBe(0);

    git(ann, 'checkout', '-q', old);
    const dry = await run<DeployResult>(ann, 'deploy', '--all', '--dry-run');
    const late = await run<DeployResult>(ann, 'deploy', '--all');
    expect([dry.code, late.code]).toEqual([1, 1]);
    for (const { error } of late.result.versions) {
      expect(error?.code).toBe('conflict');
      expect(error?.message).toContain(`commit ${recent.slice(0, 10)} of 2026-01-02T10:00:00Z`);
      expect(error?.message).toContain(`the older ${old.slice(0, 10)} of 2026-01-01T10:00:00Z`);
      expect(error?.try).toContain('--allow-older');
    }
    expect(live().map(({ config }) => config['STAMP'])).toEqual(['new', 'new']);

    // Only the one commit: neither knows of the other.
    git(ann, 'branch', 'old', old);
    const from = `file://${join(ann.dir, 'shop')}`;
    execFileSync('git', ['clone', '-q', '--depth', '1', '--branch', 'old', from, 'shop'], {
      cwd: bob.dir,
      stdio: 'pipe',
    });
    const shallow = await run<DeployResult>(bob, 'deploy', '--all');
    expect([shallow.code, shallow.result.versions[0]?.error?.message]).toEqual([
      1,
      expect.stringContaining('at the older'),
    ]);
    expect(live().map(({ config }) => config['STAMP'])).toEqual(['new', 'new']);

    const allowed = await run<DeployResult>(bob, 'deploy', '--all', '--allow-older');
    expect([allowed.code, allowed.error?.message]).toEqual([0, undefined]);
    expect(live().map(({ config }) => config['STAMP'])).toEqual(['old', 'old']);
    // The newer one may come again.
    git(ann, 'checkout', '-q', 'main');
    expect((await run(ann, 'deploy', '--all')).code).toBe(0);
    expect(live().map(({ config }) => config['STAMP'])).toEqual(['new', 'new']);
  });
});

describe.runIf(hasRegistry && hasGo)('from another machine', () => {
  const SECRETS = [1, 2, 3, 4, 5, 6].map((number) => `s3cret-value-${number}-of-six`);

  test('six deploys keep three releases, undo goes back through them, and no secret shows anywhere', async () => {
    for (const place of [ann, bob]) rmSync(join(place.dir, 'shop'), { recursive: true, force: true });
    const said: string[] = [];
    const at = async (place: Workplace, number: number, ...args: string[]) => {
      const ran = await place.run(args, { cwd: 'shop', env: { TOKEN: SECRETS[number - 1] ?? 'none' } });
      said.push(ran.stdout, ran.stderr);
      return ran;
    };
    const state = () => {
      const { image, memory, timeout, config } = named('a-v1')!;
      return { image, memory, timeout, config };
    };
    const states = new Map<number, ReturnType<typeof state>>();
    for (let number = 1; number <= 6; number++) {
      const more = `  KEY_${number}: yes\n  TOKEN: \${TOKEN}\n`;
      ann.write({
        ...goApp(
          'shop',
          { 'a/v1': `text ${number % 2}` },
          `memory: ${number * 64}\nconfig:\n  STAMP: ${number}\n${more}`,
        ),
        'shop/app.yaml': 'name: shop\nconfig:\n  APP_TOKEN: ${TOKEN}\n',
        'shop/fnmesh.yaml': 'probe: none\n',
      });
      const looks = [['deploy', '--all', '--dry-run'], ['diff'], ['diff', '--json']];
      for (const words of number === 1 || number === 6 ? looks : []) await at(ann, number, ...words);
      const args = number % 2 ? ['deploy', '--all'] : ['deploy', '--all', '--json'];
      expect((await at(ann, number, ...args)).code).toBe(0);
      states.set(number, state());
    }
    const copies = (): string[] =>
      [...strict.objects.fns.values()]
        .map(({ name }) => name)
        .filter((name) => name.includes('~'))
        .sort();
    expect(copies()).toEqual(['a-v1~3', 'a-v1~4', 'a-v1~5']);

    // Another machine: its gateway knows nothing, its checkout has no builds.
    cpSync(join(ann.dir, 'shop'), join(bob.dir, 'shop'), {
      recursive: true,
      filter: (path) => !path.includes('.fnmesh'),
    });
    expect((await at(bob, 6, 'start', '-d')).code).toBe(0);
    // Each undo keeps what it undid, too: three copies take one back twice.
    for (const number of [5, 4]) {
      await at(bob, 6, 'undo', '--dry-run');
      await at(bob, 6, 'undo', '--dry-run', '--json');
      const undone = await at(bob, 6, 'undo', ...(number % 2 ? ['--json'] : []));
      expect([undone.code, undone.stderr.replace(/^target .*\n/, '')]).toEqual([
        0,
        expect.not.stringContaining('error'),
      ]);
      expect(state()).toEqual(states.get(number));
      expect(copies()).toHaveLength(3);
    }
    const none = await at(bob, 6, 'undo');
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/not kept any more/)]);
    await at(ann, 6, 'history');
    await at(ann, 6, 'history', '--json');
    // What goes wrong shows none either: a value that the server refuses, one that is missing.
    ann.write({
      'shop/a/v1/func.yaml': goApp(
        'shop',
        { 'a/v1': 'x' },
        'memory: 9000\nconfig:\n  TOKEN: ${TOKEN}${MISSING}\n',
      )['shop/a/v1/func.yaml']!,
    });
    expect((await at(ann, 6, 'deploy', '--all')).code).toBe(2);
    expect((await at(ann, 6, 'deploy', '--all', '--json')).code).toBe(2);
    for (const secret of SECRETS) expect(said.filter((text) => text.includes(secret))).toEqual([]);
    expect(said.join('')).toContain('(secret)');
    expect(states.get(4)?.config).toEqual({ STAMP: '4', KEY_4: 'yes', TOKEN: SECRETS[3] });
  });
});
