// What must hold between the files of an app, each of them being right on its own.
import type { FoundFunction } from './discover.js';
import { fnName } from './fn-name.js';
import type { Loaded } from './load.js';
import type { Problem } from './problems.js';
import type { FuncFile } from './project.js';

/** One version with its checked file. */
export type LoadedVersion = { function: string; version: string; loaded: Loaded<FuncFile> };

/** Functions of the same name in two folders, and func.yaml both beside and inside version folders. */
export function checkLayout(functions: readonly FoundFunction[]): Problem[] {
  const problems: Problem[] = [];
  const byName = new Map<string, FoundFunction>();
  for (const one of functions) {
    const other = byName.get(one.name);
    if (other !== undefined) {
      problems.push({
        file: one.dir,
        text: `there is another function ${one.name}, in ${other.dir}`,
        try: 'rename one of the two folders',
      });
    }
    byName.set(one.name, one);
    if (one.loose !== undefined && one.versions.length > 0) {
      problems.push({
        file: one.loose,
        text: `${one.name} has version folders (${one.versions.map(({ version }) => version).join(', ')}) and a func file beside them`,
        try: `fnmesh add ${one.name}/${freeVersion(one)} (moves the files beside them into that folder)`,
      });
    }
  }
  return problems;
}

/** The version that a function's loose files can become: v1, else the number after its highest. */
export function freeVersion(one: FoundFunction): string {
  const numbers = one.versions.map(({ version }) => Number.parseInt(version.slice(1), 10));
  return numbers.includes(1) ? `v${Math.max(...numbers) + 1}` : 'v1';
}

/** Names and sources that two versions of the app share although Fn or fnmesh needs them apart. */
export function checkNames(versions: readonly LoadedVersion[]): Problem[] {
  const problems: Problem[] = [];
  const names = new Map<string, LoadedVersion>();
  const made = new Map<string, LoadedVersion>();
  const sources = new Map<string, LoadedVersion>();
  for (const one of versions) {
    const func = one.loaded.content;
    if (func === undefined) continue;
    const report = (path: (string | number)[], text: string, wayOut: string): void => {
      problems.push({ file: one.loaded.file, ...one.loaded.place(path), text, try: wayOut });
    };

    const sameName = claim(names, fnName(func), one);
    if (sameName !== undefined) {
      const other = sameName.loaded.content?.name;
      const text =
        other === func.name
          ? `name ${func.name} is also the name of ${label(sameName)}`
          : `name ${func.name} makes the fn ${fnName(func)}, and so does ${other} in ${sameName.loaded.file}`;
      report(['name'], text, `name it ${one.function}-${one.version}`);
    }
    const sameMade = claim(made, `${one.function}-${one.version}`, one);
    if (sameMade !== undefined) {
      const text = `${label(one)} and ${label(sameMade)} would both be called ${one.function}-${one.version}`;
      report([], text, 'rename one of the two folders');
    }

    const own = new Set<string>();
    for (const [index, trigger] of func.triggers.entries()) {
      if (own.has(trigger.name)) {
        report(
          ['triggers', index, 'name'],
          `a second trigger named ${trigger.name}`,
          'give each trigger a name of its own',
        );
      }
      own.add(trigger.name);
      const sameSource = claim(sources, trigger.source, one);
      if (sameSource !== undefined) {
        const text = `source ${trigger.source} is also a source of ${label(sameSource)}`;
        report(['triggers', index, 'source'], text, 'give each trigger of the app a source of its own');
      }
    }
  }
  return problems;
}

function claim(taken: Map<string, LoadedVersion>, key: string, by: LoadedVersion): LoadedVersion | undefined {
  const other = taken.get(key);
  if (other === undefined) taken.set(key, by);
  return other;
}

function label(one: LoadedVersion): string {
  return `${one.function}/${one.version}`;
}
