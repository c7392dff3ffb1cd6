// Names, links and templates that lead out of the folder they belong to: refused with a way out, nothing written.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp, Workplace } from '../helpers/cli.js';

const place = new Workplace();
const outside = join(place.dir, 'outside');

/** All paths below the workplace, to see that nothing was made. */
const all = () => readdirSync(place.dir, { recursive: true, encoding: 'utf8' }).sort();

beforeAll(() => {
  place.write({ ...nodeApp('hello', { hello: ['v1', 'v2'] }), 'outside/secret.js': 'secret\n' });
  mkdirSync(join(place.dir, 'empty'));
});
afterAll(() => place.close());

describe('names that climb', () => {
  test.each([
    ['init ../..', 'empty'],
    ['init ../Evil', 'empty'],
    ['init a/../../B_d', 'empty'],
    ['init shop --function ../cart --no-git', 'empty'],
    ['init shop --function /tmp/cart --no-git', 'empty'],
    ['init shop --versions ../v1 --no-git', 'empty'],
    ['init shop --versions v1/../../v2 --no-git', 'empty'],
    ['add ../v3', 'hello'],
    ['add ../../cart/v1', 'hello'],
    ['add cart/../../v3', 'hello'],
    ['add /tmp/v3', 'hello'],
    ['add v3 --from ../v1', 'hello'],
    ['add v3 --template ../nowhere', 'hello'],
    ['deploy ../outside', 'hello'],
    ['deploy ../hello/v1', 'hello'],
  ])('fnmesh %s', async (line, cwd) => {
    const before = all();
    const ran = await place.run(line.split(' '), { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/^error: [\s\S]*\n {2}try: /m);
    expect(ran.stderr).not.toContain('bug in fnmesh');
    expect(all()).toEqual(before);
  });
});

describe('links', () => {
  test.each([
    ['to a file outside', '../outside/secret.js'],
    ['by an absolute path', join(place.dir, 'outside', 'secret.js')],
    ['to a folder outside', '../outside'],
  ])('in a template, %s: refused', async (what, target) => {
    const name = `template-${what.split(' ').at(-1)}-${target.length}`;
    place.write({ [`${name}/func.js`]: '// nothing\n' });
    symlinkSync(target, join(place.dir, name, 'link'));
    const before = all();
    const ran = await place.run(['add', 'v3', '--template', `../${name}`], { cwd: 'hello' });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/link is a link to .*, out of the folder/);
    expect(ran.stderr).toMatch(/try: /);
    expect(all()).toEqual(before);
  });

  test('in a repository that is cloned as a template: refused, and nothing of it stays', async () => {
    const repository = join(place.dir, 'repository');
    place.write({ 'repository/func.js': '// nothing\n' });
    symlinkSync('../../../../../../etc/passwd', join(repository, 'passwd'));
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        cwd: repository,
        stdio: 'pipe',
      });
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'x');
    const before = all();
    const ran = await place.run(['add', 'v3', '--template', `file://${repository}`], { cwd: 'hello' });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/passwd is a link to .*, out of the folder/);
    expect(all()).toEqual(before);
  });

  test('where a new version is to be: nothing is written through it', async () => {
    symlinkSync(outside, join(place.dir, 'hello', 'v7'));
    const ran = await place.run(['add', 'v7'], { cwd: 'hello' });
    expect([1, 2]).toContain(ran.code);
    expect(ran.stderr).toMatch(/v7/);
    expect(readdirSync(outside)).toEqual(['secret.js']);
  });

  test('to a folder of versions elsewhere: not followed by a deploy', async () => {
    place.write({ 'elsewhere/func.yaml': readFileSync(join(place.dir, 'hello/v1/func.yaml'), 'utf8') });
    symlinkSync(join(place.dir, 'elsewhere'), join(place.dir, 'hello', 'v8'));
    const { result } = await place.json<{ versions: { version: string }[] }>(
      ['deploy', '--all', '--dry-run'],
      {
        cwd: 'hello',
      },
    );
    expect(result.versions.map(({ version }) => version)).toEqual(['v1', 'v2']);
  });

  test('that a build cannot follow, and files that are none: named, with no hang', async () => {
    place.write(nodeApp('odd', { odd: ['v1', 'v2'] }));
    symlinkSync('nowhere.js', join(place.dir, 'odd/v1/link.js'));
    execFileSync('mkfifo', [join(place.dir, 'odd/v2/pipe')]);
    const ran = await place.run(['deploy', '--all'], { cwd: 'odd' });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/link\.js is a link that leads nowhere/);
    expect(ran.stdout).toMatch(/odd\/v2 +built +created/);
    execFileSync('mkfifo', [join(place.dir, 'empty/app.yaml')]);
    const none = await place.run(['deploy', '--all'], { cwd: 'empty' });
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('no app.yaml')]);
  });
});

test('arguments as long as the system takes them are refused as others are', async () => {
  const long = 'x'.repeat(120_000);
  for (const args of [
    ['shift', `v2=${long}`],
    ['deploy', long],
    ['add', long],
    ['shift', 'v2=10', '-m', long],
  ]) {
    const ran = await place.run(args, { cwd: 'hello' });
    expect(ran.stderr).not.toContain('bug in fnmesh');
    expect([1, 2]).toContain(ran.code);
  }
  expect(existsSync(join(place.dir, 'hello', long.slice(0, 200)))).toBe(false);
});
