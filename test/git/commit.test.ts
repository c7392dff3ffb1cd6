import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isOlder, readCommit } from '../../src/git/commit.js';

let dir: string;
let repo: string;
let count = 0;
const home = process.env['HOME'];

function git(cwd: string, ...args: string[]): string {
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'protocol.file.allow=always'];
  return execFileSync('git', [...who, ...args], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();
}

/** The file of the branch that is checked out, in .git. */
function branch(cwd: string): string {
  return git(cwd, 'symbolic-ref', 'HEAD');
}

/** Commits everything with this date; the commit as fnmesh notes it. */
function commit(cwd: string, at: string): { sha: string; at: string } {
  process.env['GIT_COMMITTER_DATE'] = at;
  git(cwd, 'add', '-A');
  git(cwd, 'commit', '--quiet', '--allow-empty', '-m', 'x');
  delete process.env['GIT_COMMITTER_DATE'];
  return { sha: git(cwd, 'rev-parse', 'HEAD'), at };
}

beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'fnmesh-commit-')));
  process.env['HOME'] = dir;
  process.env['XDG_CONFIG_HOME'] = dir;
});
afterAll(() => {
  process.env['HOME'] = home;
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  repo = join(dir, `repo-${++count}`);
  mkdirSync(join(repo, 'shop/v1'), { recursive: true });
  mkdirSync(join(repo, 'other'));
  git(repo, 'init', '--quiet');
  writeFileSync(join(repo, '.gitignore'), 'ignored\n');
  writeFileSync(join(repo, 'shop/app.yaml'), 'name: shop\n');
  writeFileSync(join(repo, 'other/file'), 'x\n');
});

describe('the commit of an app', () => {
  it('is the one that is checked out, with its date in UTC', async () => {
    const { sha } = commit(repo, '2026-03-01T01:30:00+02:00');
    const expected = { sha, at: '2026-02-28T23:30:00Z', dirty: false };
    expect(await readCommit(join(repo, 'shop'))).toEqual(expected);
    // As in a git hook.
    process.env['GIT_DIR'] = join(dir, 'elsewhere');
    expect(await readCommit(join(repo, 'shop'))).toEqual(expected);
    delete process.env['GIT_DIR'];
  });

  it.each<[string, boolean, () => void]>([
    ['a changed file', true, () => writeFileSync(join(repo, 'shop/app.yaml'), 'name: a\n')],
    ['a new file', true, () => writeFileSync(join(repo, 'shop/v1/func.go'), '')],
    ['a removed file', true, () => rmSync(join(repo, 'shop/app.yaml'))],
    ['a staged file', true, () => (writeFileSync(join(repo, 'shop/new'), ''), git(repo, 'add', 'shop/new'))],
    [
      'a new file, where git is told not to look',
      true,
      () => (
        writeFileSync(join(repo, 'shop/new'), ''),
        git(repo, 'config', 'status.showUntrackedFiles', 'no')
      ),
    ],
    ['an ignored file', false, () => writeFileSync(join(repo, 'shop/ignored'), '')],
    [
      'what fnmesh makes',
      false,
      () => (mkdirSync(join(repo, 'shop/.fnmesh')), writeFileSync(join(repo, 'shop/.fnmesh/x'), '')),
    ],
    ['a change beside the app', false, () => writeFileSync(join(repo, 'other/file'), 'y\n')],
    ['a new file beside the app', false, () => writeFileSync(join(repo, 'other/new'), '')],
  ])('with %s: dirty is %s', async (_what, dirty, change) => {
    commit(repo, '2026-03-01T00:00:00Z');
    change();
    expect(await readCommit(join(repo, 'shop'))).toMatchObject({ dirty });
  });

  it('is null where there is none', async () => {
    expect(await readCommit(join(repo, 'shop'))).toBeNull();
    const outside = join(dir, `outside-${count}`);
    mkdirSync(outside);
    expect(await readCommit(outside)).toBeNull();
  });

  it.each<[string, RegExp, () => void]>([
    [
      'a broken configuration',
      /^bad config line \d in file/,
      () => writeFileSync(join(repo, '.git/config'), '['),
    ],
    [
      'a commit that is gone',
      /^bad object HEAD|^your current branch appears to be broken/,
      () => writeFileSync(join(repo, '.git', branch(repo)), `${'a'.repeat(40)}\n`),
    ],
    [
      'an index that cannot be read',
      /^index file corrupt$/,
      () => writeFileSync(join(repo, '.git/index'), 'x'.repeat(64)),
    ],
    [
      'a worktree whose repository is elsewhere',
      /^not a git repository: /,
      () => {
        rmSync(join(repo, '.git'), { recursive: true });
        writeFileSync(join(repo, '.git'), `gitdir: ${join(dir, 'nowhere')}\n`);
      },
    ],
  ])('with %s: git’s own words', async (_, words, breakIt) => {
    commit(repo, '2026-03-01T00:00:00Z');
    breakIt();
    expect(await readCommit(join(repo, 'shop'))).toEqual({ unknown: expect.stringMatching(words) as string });
  });

  it.runIf(process.getuid?.() === 0)('of another user’s repository: with git’s way out', async () => {
    commit(repo, '2026-03-01T00:00:00Z');
    for (const path of [repo, join(repo, '.git')]) chownSync(path, 12345, 12345);
    const add = `git config --global --add safe.directory ${repo}`;
    expect(await readCommit(join(repo, 'shop'))).toEqual({
      unknown: `detected dubious ownership in repository at '${repo}' (${add})`,
    });
  });

  it('is null without git', async () => {
    commit(repo, '2026-03-01T00:00:00Z');
    const path = process.env['PATH'];
    process.env['PATH'] = join(dir, 'nowhere');
    expect(await readCommit(repo)).toBeNull();
    const [older, newer] = [
      { sha: 'a'.repeat(40), at: '2026-03-01T00:00:00Z' },
      { sha: 'b'.repeat(40), at: '2026-03-01T00:00:01Z' },
    ];
    expect([await isOlder(repo, older, newer), await isOlder(repo, newer, older)]).toEqual([true, false]);
    process.env['PATH'] = path;
  });
});

describe('whether a commit is older than the live one', () => {
  it('is told by the history, whatever the dates', async () => {
    const first = commit(repo, '2026-03-03T00:00:00Z');
    const second = commit(repo, '2026-03-02T00:00:00Z');
    const third = commit(repo, '2026-03-01T00:00:00Z');
    expect(await isOlder(repo, first, third)).toBe(true);
    expect(await isOlder(repo, second, third)).toBe(true);
    expect(await isOlder(repo, third, first)).toBe(false);
    expect(await isOlder(repo, third, third)).toBe(false);
  });

  it('is false between branches, and true for what was merged', async () => {
    commit(repo, '2026-03-01T00:00:00Z');
    git(repo, 'checkout', '--quiet', '-b', 'side');
    const side = commit(repo, '2026-03-02T00:00:00Z');
    git(repo, 'checkout', '--quiet', '-b', 'main2', 'HEAD~1');
    const main = commit(repo, '2026-03-03T00:00:00Z');
    expect(await isOlder(repo, side, main)).toBe(false);
    git(repo, 'merge', '--quiet', '-m', 'm', 'side');
    const merged = { sha: git(repo, 'rev-parse', 'HEAD'), at: '2026-03-04T00:00:00Z' };
    expect([await isOlder(repo, side, merged), await isOlder(repo, main, merged)]).toEqual([true, true]);
  });

  it('is told by the dates in a clone that does not reach to the live one', async () => {
    const first = commit(repo, '2026-03-01T00:00:00Z');
    const second = commit(repo, '2026-03-02T00:00:00Z');
    const shallow = join(dir, `shallow-${count}`);
    git(dir, 'clone', '--quiet', '--depth=1', `file://${repo}`, shallow);
    expect(await isOlder(shallow, second, first)).toBe(false);
    expect(await isOlder(shallow, first, second)).toBe(true);
    const later = { sha: 'c'.repeat(40), at: '2026-03-02T00:00:01+00:00' };
    expect(await isOlder(shallow, second, later)).toBe(true);
    expect(await isOlder(repo, second, { ...later, at: 'who knows' })).toBe(false);
  });

  it('is told by the dates when a shallow clone has both and nothing between them', async () => {
    const first = commit(repo, '2026-03-01T00:00:00Z');
    git(repo, 'branch', 'old');
    commit(repo, '2026-03-02T00:00:00Z');
    const third = commit(repo, '2026-03-03T00:00:00Z');
    const shallow = join(dir, `both-${count}`);
    git(dir, 'clone', '--quiet', '--depth=1', '--no-single-branch', `file://${repo}`, shallow);
    expect(git(shallow, 'cat-file', '-t', first.sha)).toBe('commit');
    expect([await isOlder(shallow, first, third), await isOlder(shallow, third, first)]).toEqual([
      true,
      false,
    ]);
  });

  it('gives git nothing but hashes', async () => {
    const ours = commit(repo, '2026-03-01T00:00:00Z');
    for (const sha of ['--output=x', 'HEAD', '', 'A'.repeat(40)]) {
      expect(await isOlder(repo, ours, { sha, at: '2026-03-02T00:00:00Z' })).toBe(true);
      expect(await isOlder(repo, ours, { sha, at: '2026-02-02T00:00:00Z' })).toBe(false);
    }
  });
});
