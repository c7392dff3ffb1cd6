// What a folder's ignore files keep out of the build of its Dockerfile.
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

// Which of them counts depends on the tool (docs.docker.com/build/concepts/context, containers-ignore(5)).
const FILES = ['Dockerfile.dockerignore', '.containerignore', '.dockerignore'];

/** Which files of a folder no container tool sends to a build: those that each of its ignore files names. */
export function ignoredBy(dir: string): (path: string) => boolean {
  const lists = FILES.map((name) => join(dir, name)).filter((file) => existsSync(file));
  const all = lists.map((file) => parseIgnoreFile(readFileSync(file, 'utf8')));
  return (path) => all.length > 0 && all.every((ignores) => ignores(path));
}

/**
 * Whether a `.dockerignore` file's text leaves out a path, which is relative to its folder and written with `/`: the
 * last line that matches it or a folder above it decides, and one with `!` takes it back in (moby/patternmatcher 0.6.0,
 * patternmatcher.go, with the lines read as in its ignorefile package).
 */
export function parseIgnoreFile(text: string): (path: string) => boolean {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const rules = lines.flatMap((raw) => {
    const line = raw.startsWith('#') ? '' : raw.trim();
    const takesBack = line.startsWith('!');
    const pattern = takesBack ? line.slice(1).trim() : line;
    return pattern === '' ? [] : [{ takesBack, matches: patternOf(pattern) }];
  });
  return (path) => rules.findLast(({ matches }) => matches.test(path))?.takesBack === false;
}

function patternOf(written: string): RegExp {
  const clean = posix.normalize(written).replace(/^\/+|\/+$/g, '');
  const source = clean.replace(/\*\*\/?|\*|\?|\[\^?[^\]]+\]|\\.|[^]/g, (part, at: number) => {
    if (part.startsWith('**')) return at + part.length === clean.length ? '.*' : '(?:.*/)?';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (/^\[.+\]$/.test(part)) return part;
    return part.replace(/^\\(?=.)/, '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  try {
    return new RegExp(`^${source}(?:/.*)?$`, 's');
  } catch {
    // The tool says what is wrong with it.
    return /(?!)/;
  }
}
