// Which server and registry count, in a line. Pure.
import type { ChosenTarget } from './target.js';

/** Which Fn server and registry count, and where each was said. */
export function whereText({ name, fn, registry }: Pick<ChosenTarget, 'name' | 'fn' | 'registry'>): string {
  const server = fn.kind === 'server' ? `${fn.api.value} (${fn.api.from})` : 'embedded';
  const images = registry === null ? 'none named' : `${registry.value} (${registry.from})`;
  return `target ${name.value} (${name.from}): Fn server ${server}, registry ${images}`;
}
