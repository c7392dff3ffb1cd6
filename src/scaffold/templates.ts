// The functions that fnmesh writes: plain files in templates/<runtime>/ with {{placeholders}}.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VersionNames, VersionSource } from './plan.js';

/** What --runtime takes. */
export const RUNTIMES = ['go', 'go-fdk', 'node', 'python'] as const;
/** A template's name. */
export type Runtime = (typeof RUNTIMES)[number];

type Template = {
  /** Where the function's own code is; Fn tells the runtime by this file too. */
  main: string;
  /** The one line of it that says which version it is. */
  versionLine: (version: string) => string;
  /** For people: what it is. */
  summary: string;
};

/** The templates. */
export const TEMPLATES = {
  go: {
    main: 'func.go',
    versionLine: (version) => `const version = "${version}"`,
    summary: 'Go: an ordinary http.Handler, standard library only',
  },
  'go-fdk': {
    main: 'func.go',
    versionLine: (version) => `const version = "${version}"`,
    summary: "Go, on Fn's FDK",
  },
  node: {
    main: 'func.js',
    versionLine: (version) => `const version = '${version}';`,
    summary: "Node.js, on Fn's FDK",
  },
  python: {
    main: 'func.py',
    versionLine: (version) => `VERSION = "${version}"`,
    summary: "Python, on Fn's FDK",
  },
} satisfies Record<Runtime, Template>;

// From src/scaffold/ and dist/scaffold/ alike.
const FOLDER = join(import.meta.dirname, '..', '..', 'templates');

/** Reads a runtime's template into a source of versions. */
export async function templateVersions(runtime: Runtime): Promise<VersionSource> {
  const names = (await readdir(join(FOLDER, runtime))).sort();
  const files = await Promise.all(
    names.map(async (path) => ({ path, text: await readFile(join(FOLDER, runtime, path), 'utf8') })),
  );
  return (version) => ({
    files: files.map(({ path, text }) => ({ path, mode: 0o644, content: render(text, version) })),
    notes: [],
  });
}

/** The func.yaml that a runtime's template has, for files that come without one. */
export async function templateFuncFile(runtime: Runtime): Promise<(names: VersionNames) => string> {
  const text = await readFile(join(FOLDER, runtime, 'func.yaml'), 'utf8');
  return (names) => render(text, names);
}

/** The runtime whose main file is among these, plain Go before the FDK's. */
export function runtimeOf(paths: readonly string[]): Runtime | undefined {
  return RUNTIMES.find((runtime) => paths.includes(TEMPLATES[runtime].main));
}

/** Whether the file is one that a template's version line can be in. */
export function isMainFile(path: string): boolean {
  return RUNTIMES.some((runtime) => TEMPLATES[runtime].main === path);
}

/**
 * Writes another version into a template's version line.
 * @returns undefined where no line is exactly a template's: then the source is its owner's to change.
 */
export function withVersion(path: string, text: string, version: string): string | undefined {
  const template = Object.values(TEMPLATES).find(({ main }) => main === path);
  if (template === undefined) return undefined;
  const lines = text.split('\n');
  const at = lines.findIndex((line) => {
    const found = /\bv\d[-a-z0-9]*/.exec(line)?.[0];
    return found !== undefined && line === template.versionLine(found);
  });
  return at === -1 ? undefined : lines.with(at, template.versionLine(version)).join('\n');
}

function render(text: string, names: VersionNames): string {
  return text.replace(
    /\{\{(app|function|version|fn|source)\}\}/g,
    (_match, name: keyof VersionNames) => names[name],
  );
}
