import type { WrittenFile } from '../../kubernetes/render/write-files.js';

/** `fnmesh render -o DIR`: what became of each file, and what is in none of them. */
export function renderView(
  folder: string,
  files: readonly WrittenFile[],
  leftOut: readonly string[],
): string {
  return [
    ...files.map(({ path, state }) => `${folder}/${path} ${state}`),
    ...leftOut.map((name) => `Secret ${name} is in none of them: \`fnmesh wire\` makes it`),
  ].join('\n');
}
