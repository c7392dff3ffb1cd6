import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');
const BIN = resolve(import.meta.dirname, '../bin/run.js');

/** Packages that cost tens of milliseconds to load: only `await import` may bring them in. */
const HEAVY = ['execa', 'inquirer', 'simple-git', 'zod'];
/** yaml (22 ms) is bearable for commands that read an app's folder, not for these. */
const LIGHT_COMMANDS = ['stop.ts', 'start.ts', 'doctor.ts'];

/** Everything that loading `file` loads: the packages at the ends of its static imports. */
function closure(file: string, seen = new Set<string>(), packages = new Set<string>()): Set<string> {
  if (seen.has(file)) return packages;
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, type, target] of text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gms,
  )) {
    if (type) continue;
    if (target!.startsWith('.'))
      closure(resolve(dirname(file), target!.replace(/\.js$/, '.ts')), seen, packages);
    else packages.add(target!);
  }
  return packages;
}

const commands = readdirSync(join(SRC, 'commands')).filter((name) => name.endsWith('.ts'));

test.each(commands)('loading the command %s loads nothing heavy', (name) => {
  const loaded = [...closure(join(SRC, 'commands', name))].filter((each) => HEAVY.includes(each));
  expect(loaded).toEqual([]);
});

test.each(LIGHT_COMMANDS)('loading %s does not load yaml', (name) => {
  expect(existsSync(join(SRC, 'commands', name))).toBe(true);
  expect([...closure(join(SRC, 'commands', name))]).not.toContain('yaml');
});

test('the server loads nothing that only the command line needs', () => {
  const loaded = [...closure(join(SRC, 'server', 'main.ts'))];
  expect(
    loaded.filter((each) => ['execa', 'inquirer', 'simple-git', 'zod', 'yaml', '@oclif/core'].includes(each)),
  ).toEqual([]);
});

test('--version is answered where there is no dist to load', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fnmesh-version-'));
  try {
    mkdirSync(join(folder, 'bin'));
    cpSync(BIN, join(folder, 'bin', 'run.js'));
    cpSync(resolve(import.meta.dirname, '../package.json'), join(folder, 'package.json'));
    const answer = execFileSync(process.execPath, [join(folder, 'bin', 'run.js'), '--version'], {
      encoding: 'utf8',
    });
    expect(answer).toMatch(/^fnmesh\/\d+\.\d+\.\d+ /);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
