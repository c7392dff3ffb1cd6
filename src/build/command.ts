// How func.yaml's entrypoint, written for a container, runs as a plain process in a build folder.
import type { FuncFile } from '../project/project.js';

/** The words of an entrypoint or cmd as Fn splits them (fnproject/cli 0.6.63, common/common.go): quotes mean nothing. */
export function wordsOf(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}

/**
 * The words of entrypoint and cmd, or `otherwise` where func.yaml has neither. What lies in the image's /function lies
 * in the build folder.
 */
export function containerCommand(func: FuncFile, otherwise: readonly string[]): string[] {
  const words = [func.entrypoint, func.cmd].flatMap(wordsOf);
  return (words.length === 0 ? [...otherwise] : words).map((word) => word.replace(/^\/function\//, './'));
}
