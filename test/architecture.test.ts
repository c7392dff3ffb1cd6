import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');

/** Files that everything may import. */
const COMMON = ['errors.ts', 'events.ts', 'loopback.ts'];

/**
 * Which folders of src a folder may import from, besides itself and COMMON.
 * Arrows only point down; an entry such as `cli/views` is a folder of its own.
 */
const MAY_IMPORT: Record<string, string[]> = {
  commands: [
    'cli',
    'cli/views',
    'compose.ts',
    'compose-choose.ts',
    'compose-deploy.ts',
    'compose-doctor.ts',
    'compose-render.ts',
    'compose-wait.ts',
    'kubernetes',
    'scaffold',
    'deploy',
    'traffic',
    'inspect',
    'demo',
    'project',
    'control',
    'routing',
    'router',
    'server',
    'fn',
    'process',
    'target',
  ],
  cli: ['cli/views', 'routing', 'project', 'scaffold', 'target'],
  'cli/views': [
    'cli',
    'scaffold',
    'deploy',
    'traffic',
    'inspect',
    'routing',
    'router',
    'control',
    'build',
    'target',
    'kubernetes',
  ],
  'compose.ts': [
    'compose-choose.ts',
    'compose-cluster.ts',
    'kubernetes',
    'fn',
    'router',
    'control',
    'deploy',
    'build',
    'oci',
    'project',
    'target',
    'inspect',
    'traffic',
    'routing',
  ],
  'compose-deploy.ts': [
    'compose.ts',
    'compose-choose.ts',
    'compose-images.ts',
    'control',
    'deploy',
    'project',
    'routing',
    'target',
    'traffic',
  ],
  'compose-choose.ts': ['project', 'target', 'kubernetes'],
  'compose-cluster.ts': [
    'compose-choose.ts',
    'compose.ts',
    'deploy',
    'fn',
    'inspect',
    'kubernetes',
    'router',
    'target',
  ],
  'compose-doctor.ts': ['compose-choose.ts', 'compose-cluster.ts', 'compose.ts', 'inspect', 'target'],
  'compose-render.ts': [
    'compose-choose.ts',
    'compose.ts',
    'deploy',
    'fn',
    'kubernetes',
    'project',
    'router',
    'target',
  ],
  'compose-wait.ts': ['compose.ts', 'inspect', 'router', 'traffic'],
  'compose-images.ts': ['compose.ts', 'build', 'control', 'deploy', 'target'],
  demo: ['process', 'routing', 'inspect'],
  scaffold: ['project', 'git', 'process', 'routing', 'fn'],
  deploy: [
    'project',
    'kubernetes',
    'build',
    'oci',
    'fn',
    'router',
    'routing',
    'control',
    'process',
    'git',
    'target',
  ],
  traffic: ['routing', 'router', 'fn', 'kubernetes'],
  inspect: ['kubernetes', 'router', 'routing', 'fn', 'control', 'process', 'project', 'target'],
  project: ['routing', 'fn', 'target'],
  target: ['routing'],
  build: ['project', 'process', 'routing'],
  oci: ['process'],
  fn: [],
  kubernetes: ['routing', 'router', 'target', 'fn', 'process', 'project'],
  router: ['kubernetes', 'control', 'routing', 'traffic', 'fn', 'target'],
  control: ['fn', 'router', 'routing'],
  server: ['control', 'fn', 'routing', 'router'],
  routing: ['router'],
  process: [],
  git: ['process'],
};

/** A package and the only files (or folders) that may import it. */
const ONLY_IN: Record<string, string[]> = {
  execa: ['process/run.ts'],
  'simple-git': ['git/repo.ts'],
  yaml: ['project/', 'kubernetes/client-kubeconfig.ts'],
  '@kubernetes/client-node': ['kubernetes/client-library.ts'],
  ws: ['kubernetes/client-port.ts'],
  'tar-stream': ['oci/'],
  zod: ['project/', 'build/node.ts'],
  inquirer: ['cli/prompt.ts'],
  '@oclif/core': ['cli/', 'commands/'],
};

type Import = { from: string; to: string; typeOnly: boolean; dynamic: boolean };

const files = (readdirSync(SRC, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .sort();

/** The imports of a file: `to` is a path inside src, or a package's name. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const found: Import[] = [];
  const statics = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gms;
  for (const [, type, target] of text.matchAll(statics)) {
    found.push({ from: file, to: inside(file, target!), typeOnly: type !== undefined, dynamic: false });
  }
  for (const [, target] of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) {
    found.push({ from: file, to: inside(file, target!), typeOnly: false, dynamic: true });
  }
  return found;
}

function inside(file: string, target: string): string {
  if (!target.startsWith('.')) return target;
  return relative(SRC, resolve(SRC, dirname(file), target)).replace(/\.js$/, '.ts');
}

/** The unit of a path inside src that the table above speaks of. */
function unitOf(path: string): string {
  if (path.startsWith('cli/views/')) return 'cli/views';
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
}

const all = files.flatMap(importsOf);
const internal = all.filter(({ to }) => to.endsWith('.ts'));

describe('architecture', () => {
  test('every folder of src stands in the table', () => {
    const units = new Set(files.map(unitOf));
    for (const root of COMMON) units.delete(root);
    expect([...units].filter((unit) => !(unit in MAY_IMPORT))).toEqual([]);
  });

  test('arrows only point down', () => {
    const wrong = internal
      .filter(({ from, to, typeOnly }) => {
        const [a, b] = [unitOf(from), unitOf(to)];
        if (a === b || COMMON.includes(b)) return false;
        // The router port's own file is types only; the pure domain may name what it holds.
        if (typeOnly && b === 'router' && to === 'router/router.ts') return false;
        return !MAY_IMPORT[a]?.includes(b);
      })
      .map(({ from, to }) => `${from} → ${to}`);
    expect(wrong).toEqual([]);
  });

  test('the pure domain imports only types from the router port', () => {
    const wrong = internal.filter(
      ({ from, to, typeOnly }) =>
        unitOf(from) === 'routing' && unitOf(to) !== 'routing' && !typeOnly && to !== 'errors.ts',
    );
    expect(wrong).toEqual([]);
  });

  test('each dependency is imported where it belongs', () => {
    const wrong = all
      .filter(({ to }) => Object.hasOwn(ONLY_IN, packageOf(to)))
      .filter(
        ({ from, to, typeOnly }) =>
          !typeOnly &&
          !ONLY_IN[packageOf(to)]!.some(
            (place) => from === place || (place.endsWith('/') && from.startsWith(place)),
          ),
      )
      .map(({ from, to }) => `${from} → ${to}`);
    expect(wrong).toEqual([]);
  });

  test('every package that is imported is a dependency', () => {
    const { dependencies } = JSON.parse(readFileSync(join(SRC, '../package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const builtin = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);
    const packages = new Set(
      all
        .map(({ to }) => to)
        .filter((to) => !to.endsWith('.ts') && !builtin.has(to))
        .map(packageOf),
    );
    expect([...packages].filter((name) => !(name in dependencies))).toEqual([]);
  });

  test('only the command line writes to stdout, asks for a terminal or sets the exit code', () => {
    const talk = /process\.(stdout|stdin|exitCode)|\bisTTY\b|console\./;
    const wrong = files
      .filter((file) => !file.startsWith('cli/') && file !== 'server/main.ts')
      .filter((file) =>
        talk.test(readFileSync(join(SRC, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')),
      );
    expect(wrong).toEqual([]);
  });

  test('every export has a docstring', () => {
    const exported = /^export (default )?(abstract )?(async )?(function|class|type|interface|const)\b/;
    const bare = files.flatMap((file) => {
      const lines = readFileSync(join(SRC, file), 'utf8').split('\n');
      return lines.flatMap((line, at) =>
        exported.test(line) && !lines[at - 1]?.trimEnd().endsWith('*/') ? [`${file}:${at + 1}`] : [],
      );
    });
    expect(bare).toEqual([]);
  });

  test('no file is much longer than a page', () => {
    const long = files.filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 320);
    expect(long).toEqual([]);
  });
});

function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}
