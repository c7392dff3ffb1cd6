import { describe, expect, test } from 'vitest';
import { ignoredBy, parseIgnoreFile } from '../../src/build/docker-ignore.js';
import { emptyFolder, write } from './tools.js';

describe('a .dockerignore file leaves out', () => {
  test.each<[string, string, boolean]>([
    ['', '.env', false],
    ['.env', '.env', true],
    ['.env', 'lib/.env', false],
    ['.env', '.env.local', false],
    ['/.env', '.env', true],
    ['./.env', '.env', true],
    ['  .env  ', '.env', true],
    ['a\r\n.env\r\n', '.env', true],
    ['\uFEFF.env', '.env', true],
    ['# .env', '.env', false],
    ['#.env', '#.env', false],
    ['.env*', '.env.local', true],
    ['.env.?', '.env.a', true],
    ['.env.?', '.env.ab', false],
    ['.env.[a-c]', '.env.b', true],
    ['.env.[a-c]', '.env.d', false],
    ['.env.[^a]', '.env.d', true],
    ['\\.env', '.env', true],
    ['*', 'lib/.env', true],
    ['*/.env', 'lib/.env', true],
    ['*/.env', '.env', false],
    ['**/.env', '.env', true],
    ['**/.env', 'a/b/.env', true],
    ['**/.env', 'a/b.env', false],
    ['a/**', 'a/b/.env', true],
    ['a/**/.env', 'a/.env', true],
    ['a/**/.env', 'a/b/c/.env', true],
    ['**', '.env', true],
    ['lib', 'lib/.env', true],
    ['lib/', 'lib/deep/.env', true],
    ['lib/../.env', '.env', true],
    ['aenv', '.env', false],
    ['a.c', 'abc', false],
    ['a[', 'a[', true],
    ['[z-a]', 'a', false],
    ['.env\n!.env', '.env', false],
    ['!.env\n.env', '.env', true],
    ['.env*\n!.env.local', '.env.local', false],
    ['.env*\n! .env.local', '.env', true],
    ['lib\n!lib/.env', 'lib/.env', false],
  ])('%j: %s: %s', (text, path, ignored) => {
    expect(parseIgnoreFile(text)(path)).toBe(ignored);
  });

  test('only what the ignore files of all tools name', () => {
    const dir = emptyFolder();
    expect(ignoredBy(dir)('.env')).toBe(false);
    write(dir, { '.dockerignore': '.env\na\n' });
    expect(ignoredBy(dir)('.env')).toBe(true);
    write(dir, { '.containerignore': '.env\n' });
    expect(['.env', 'a'].map(ignoredBy(dir))).toEqual([true, false]);
    write(dir, { 'Dockerfile.dockerignore': 'a\n' });
    expect(['.env', 'a'].map(ignoredBy(dir))).toEqual([false, false]);
  });
});
