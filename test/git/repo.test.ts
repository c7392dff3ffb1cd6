import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { initRepository, isInsideRepository, unignoredFiles, withCheckout } from '../../src/git/repo.js';
import { parseTemplateSource } from '../../src/git/source.js';

let dir: string;
const home = process.env['HOME'];
const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd, encoding: 'utf8' }).trim();

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'fnmesh-git-'));
  mkdirSync(join(dir, 'home'));
  // Nobody is configured: an empty home.
  process.env['HOME'] = join(dir, 'home');
  process.env['XDG_CONFIG_HOME'] = join(dir, 'home');
});
afterAll(() => {
  process.env['HOME'] = home;
  rmSync(dir, { recursive: true });
});

function folder(name: string, files: Record<string, string>): string {
  const made = join(dir, name);
  mkdirSync(made);
  for (const [path, text] of Object.entries(files)) writeFileSync(join(made, path), text);
  return made;
}

describe('a repository', () => {
  it('gets a first commit of the named files, by fnmesh when git knows nobody', async () => {
    const app = folder('app', { 'app.yaml': 'name: app\n', 'secret.txt': 'no' });
    expect(await isInsideRepository(app)).toBe(false);
    expect(await initRepository(app, ['app.yaml'], 'Start')).toBe('fnmesh');
    expect(await isInsideRepository(app)).toBe(true);
    expect(git(app, 'log', '--format=%s by %an')).toBe('Start by fnmesh');
    expect(git(app, 'ls-tree', '-r', '--name-only', 'HEAD')).toBe('app.yaml');
    expect(() => git(app, 'config', 'user.name')).toThrow();
  });

  it('is committed to by the user whom git knows', async () => {
    const app = folder('mine', { 'app.yaml': 'name: app\n' });
    writeFileSync(join(dir, 'home', '.gitconfig'), '[user]\n\tname = Ada\n\temail = ada@example.test\n');
    expect(await initRepository(app, ['app.yaml'], 'Start')).toBe('configured');
    expect(git(app, 'log', '--format=%an')).toBe('Ada');
    rmSync(join(dir, 'home', '.gitconfig'));
  });

  it('says which files it does not ignore', async () => {
    const app = folder('ignoring', { '.gitignore': 'func\n', func: 'binary', 'func.go': 'package main\n' });
    expect(await unignoredFiles(app)).toBeUndefined();
    git(app, 'init', '--quiet');
    expect(await unignoredFiles(app)).toEqual(['.gitignore', 'func.go']);
  });
});

describe('a template', () => {
  it('comes from a branch, a tag, a commit or the head of a repository', async () => {
    const repo = folder('template', { 'func.go': 'one' });
    await initRepository(repo, ['func.go'], 'One');
    git(repo, 'tag', 'first');
    const first = git(repo, 'rev-parse', 'HEAD');
    writeFileSync(join(repo, 'func.go'), 'two');
    git(repo, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qam', 'Two');
    const read = (at: string): Promise<string> => Promise.resolve(readFileSync(join(at, 'func.go'), 'utf8'));
    expect(await withCheckout(repo, undefined, read)).toBe('two');
    expect(await withCheckout(repo, 'first', read)).toBe('one');
    expect(await withCheckout(`file://${repo}`, first, read)).toBe('one');
    await expect(withCheckout(repo, 'nowhere', read)).rejects.toThrow(/at nowhere/);
  });

  it.each<[string, object]>([
    ['https://example.test/a/b', { kind: 'git', url: 'https://example.test/a/b', ref: undefined }],
    ['https://example.test/a/b.git#v1.2', { kind: 'git', url: 'https://example.test/a/b.git', ref: 'v1.2' }],
    ['ssh://git@example.test:22/a', { kind: 'git', url: 'ssh://git@example.test:22/a', ref: undefined }],
    [
      'git@example.test:a/b.git#feature/x',
      { kind: 'git', url: 'git@example.test:a/b.git', ref: 'feature/x' },
    ],
    ['file:///srv/template', { kind: 'git', url: 'file:///srv/template', ref: undefined }],
    ['/', { kind: 'folder', path: '/' }],
    ['/#main', { kind: 'git', url: '/', ref: 'main' }],
  ])('%s is taken', (text, expected) => {
    expect(parseTemplateSource(text, '/')).toEqual(expected);
  });

  it.each([
    '',
    '-u/bin/sh',
    '--upload-pack=touch /tmp/x',
    'ext::sh -c "touch /tmp/x"',
    'fd::17',
    'http://example.test/a',
    'git://example.test/a',
    'ftp://example.test/a',
    'transport::https://example.test/a',
    'ssh://-oProxyCommand=x/a',
    'ssh://-oProxyCommand=x@host/a',
    'ssh://%2doProxyCommand=x@host/a',
    'git@-oProxyCommand=x:a',
    '-oX@host:a',
    'https://example.test/a b',
    'https://example.test/a#--upload-pack=x',
    'https://example.test/a#a..b',
    'https://example.test/a#+main:main',
    'https://example.test/a#',
    '/no/such/folder',
    '/no/such/repository#main',
  ])('%j is refused', (text) => {
    expect(() => parseTemplateSource(text, '/')).toThrow(FnmeshError);
  });
});
