import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Build } from '../../src/build/build.js';
import { Builds } from '../../src/build/builds.js';
import { filesOf } from '../../src/build/files.js';
import { FolderDigests } from '../../src/build/hash.js';
import { lock } from '../../src/build/lock.js';
import { MARKER, pruneBuilds, readMarker, writeMarker } from '../../src/build/store.js';
import { emptyFolder, options, version, write } from './tools.js';

const NODE = { runtime: 'node', entrypoint: 'node func.js' };

describe('what counts into the hash', () => {
  const digest = (dir: string) => new FolderDigests().digest(dir);
  test.each([
    ['a content', (dir: string) => write(dir, { a: 'other' }), true],
    ['a name', (dir: string) => write(dir, { c: '' }), true],
    ['a content moved over a file border', (dir: string) => write(dir, { a: '1b', b: '' }), true],
    ['an execute bit', (dir: string) => chmodSync(join(dir, 'a'), 0o755), true],
    ['a large file', (dir: string) => write(dir, { large: 'x'.repeat(3 << 20) }), true],
    ['what lies behind a link', (dir: string) => symlinkSync(join(dir, 'a'), join(dir, 'link')), true],
    ['a write bit', (dir: string) => chmodSync(join(dir, 'a'), 0o600), false],
    ['a time', (dir: string) => utimesSync(join(dir, 'a'), 1, 1), false],
    ['an empty folder', (dir: string) => mkdirSync(join(dir, 'empty')), false],
    [
      '.git, node_modules, .fnmesh',
      (dir: string) => write(dir, { '.git/x': '', 'node_modules/x': '', '.fnmesh/x': '' }),
      false,
    ],
    [
      '__pycache__, a virtual environment',
      (dir: string) => write(dir, { '__pycache__/x': '', 'm.pyc': '', 'env/pyvenv.cfg': '' }),
      false,
    ],
    [
      'app.yaml beside it',
      (dir: string) => write(dir, { 'app.yaml': '', 'fnmesh.yaml': '', 'fnmesh.yml': '' }),
      false,
    ],
    ['.env, of a process', (dir: string) => write(dir, { '.env': '' }), true],
  ])('%s: %s', async (_, change, counts) => {
    const dir = emptyFolder();
    write(dir, { a: '1', b: 'b' });
    const before = await digest(dir);
    change(dir);
    expect((await digest(dir)) !== before).toBe(counts);
  });

  test('the place of the folder does not count', async () => {
    const [one, two] = [emptyFolder(), emptyFolder()];
    for (const dir of [one, two]) write(dir, { a: '1', 'b/c': '2' });
    expect(await digest(one)).toBe(await digest(two));
  });

  test('links that lead nowhere or in a circle are named', () => {
    const dir = emptyFolder();
    symlinkSync(join(dir, 'nothing'), join(dir, 'link'));
    expect(() => filesOf(dir)).toThrow(/link is a link that leads nowhere/);
    rmSync(join(dir, 'link'));
    symlinkSync(dir, join(dir, 'link'));
    expect(() => filesOf(dir)).toThrow(/link is a link that leads in a circle/);
  });
});

test('env files can be left out: by name anywhere, by path, by any link', () => {
  const [dir, above] = [emptyFolder(), emptyFolder()];
  write(above, { '.env': '', 'prod.vars': '', other: '' });
  const links = [
    ['.env', 'settings'],
    ['prod.vars', 'vars'],
    ['other', 'code'],
  ];
  for (const [from = '', to = ''] of links) symlinkSync(join(above, from), join(dir, to));
  write(dir, { '.env': '', 'lib/.env.local': '', '.env.d/a': '', 'own.vars': '', 'lib/own.vars': '' });
  write(dir, { '.env.example': '', 'env.js': '', 'x.env': '', '.environment': '', 'lib/.env.dist': '' });
  symlinkSync(dir, join(above, 'app'));
  const envFiles = [join(above, 'app/own.vars'), join(above, 'prod.vars'), join(above, 'gone')];
  const paths = filesOf(dir, { envFiles }).map(({ path }) => path);
  expect(paths).toEqual([
    ...['.env.example', '.environment', 'code', 'env.js', 'lib/.env.dist', 'lib/own.vars', 'x.env'],
  ]);
  expect(filesOf(dir)).toHaveLength(paths.length + 6);
});

describe('what cannot run', () => {
  test.each([
    ['java', { runtime: 'java17' }, {}, 'runtime java17'],
    ['ruby', { runtime: 'ruby' }, {}, 'runtime ruby'],
    ['docker', { runtime: 'docker' }, {}, 'Dockerfile'],
    ['a Dockerfile', { runtime: 'node' }, { Dockerfile: 'FROM scratch' }, 'Dockerfile'],
    ['no runtime', { runtime: '' }, {}, 'names no runtime'],
    ['another runtime', { runtime: 'cobol' }, {}, 'runtime cobol is none of go, node, python'],
  ])('%s', async (_, func, files, reason) => {
    const root = emptyFolder();
    const result = await new Builds(options(root)).one(version(root, files, func));
    expect(result).toMatchObject({
      cannotRun: expect.stringMatching(`^cannot run on the embedded server: .*${reason}`) as string,
    });
    expect(existsSync(join(root, '.fnmesh'))).toBe(false);
  });
});

describe('one build folder', () => {
  test('an interrupted build is made anew', async () => {
    const root = emptyFolder();
    const v1 = version(root, { 'func.js': '1' }, NODE);
    const { hash, dir } = (await new Builds(options(root)).one(v1)) as Build;
    rmSync(join(dir, MARKER));
    writeFileSync(join(dir, 'half'), '');
    writeFileSync(`${dir}.lock`, '999999999 gone');
    expect(await new Builds(options(root)).one(v1)).toMatchObject({ hash, reused: false });
    expect(readdirSync(join(root, '.fnmesh/builds'))).toEqual([hash]);
    expect(existsSync(join(dir, 'half'))).toBe(false);
  });

  test('many builders of one process make it once', async () => {
    const root = emptyFolder();
    const v1 = version(root, { 'func.js': '1' }, NODE);
    const made = await Promise.all(Array.from({ length: 8 }, () => new Builds(options(root)).one(v1)));
    expect(new Set(made.map(({ hash }) => hash)).size).toBe(1);
    expect(readdirSync(join(root, '.fnmesh/builds'))).toEqual([made[0]?.hash]);
  });

  test('a lock is waited for while its process lives, and taken over by one when it is gone', async () => {
    const path = join(emptyFolder(), 'x.lock');
    const release = await lock(path, () => false);
    const order: string[] = [];
    const second = lock(path, () => false).then((free) => {
      order.push('second');
      free?.();
    });
    await sleep(150);
    order.push('released');
    release?.();
    await second;
    expect(order).toEqual(['released', 'second']);
    const { stdout } = await promisify(execFile)(process.execPath, ['-p', 'process.pid']);
    writeFileSync(path, `${stdout.trim()} dead`);
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const free = await lock(path, () => false);
        most = Math.max(most, ++holders);
        await sleep(120);
        holders--;
        free?.();
      }),
    );
    expect(most).toBe(1);
    expect(existsSync(path)).toBe(false);
  });
});

describe('old builds', () => {
  const HOUR = 3600;
  const hash = (n: number) => String(n).padStart(64, '0');
  /** A complete build of cart that was last used so many seconds ago. */
  function old(dir: string, name: string, seconds: number, of = 'v1'): void {
    mkdirSync(join(dir, name));
    writeMarker(dir, { hash: name, function: 'cart', version: of, language: 'Go', command: [] });
    const time = Date.now() / 1000 - seconds;
    utimesSync(join(dir, name, MARKER), time, time);
  }

  test('go, except those in use and the newest three of each version', async () => {
    const dir = emptyFolder();
    for (let n = 1; n <= 6; n++) old(dir, hash(n), 10 * HOUR - n, n === 6 ? 'v2' : 'v1');
    mkdirSync(join(dir, hash(7)));
    mkdirSync(join(dir, hash(8)));
    writeFileSync(join(dir, `${hash(8)}.lock`), '');
    expect((await pruneBuilds(dir, [])).sort()).toEqual([hash(1), hash(2), hash(7)]);
    expect(readMarker(dir, hash(3))).toBeDefined();
    const kept = 'abcdef123456'.padEnd(64, '0');
    old(dir, kept, 20 * HOUR);
    expect(await pruneBuilds(dir, ['abcdef123456'])).toEqual([]);
  });

  test('stay for an hour after they were made', async () => {
    const dir = emptyFolder();
    for (let n = 1; n <= 6; n++) old(dir, hash(n), HOUR - 60 - n);
    expect(await pruneBuilds(dir, [])).toEqual([]);
    old(dir, hash(7), HOUR + 60);
    expect(await pruneBuilds(dir, [])).toEqual([hash(7)]);
  });

  test('count as new when they are used once more', async () => {
    const root = emptyFolder();
    const v1 = version(root, { 'func.js': '1' }, NODE);
    const first = (await new Builds(options(root)).one(v1)) as Build;
    const { buildsDir } = options(root);
    utimesSync(join(first.dir, MARKER), 1, 1);
    for (let n = 1; n <= 3; n++) old(buildsDir, hash(n), 2 * HOUR + n);
    expect(await new Builds(options(root)).one(v1)).toMatchObject({ reused: true });
    expect(await pruneBuilds(buildsDir, [])).toEqual([hash(3)]);
    old(buildsDir, hash(4), 2 * HOUR);
    utimesSync(join(first.dir, MARKER), 1, 1);
    expect(await pruneBuilds(buildsDir, [])).toEqual([first.hash]);
  });
});
