// How func.yaml's entrypoint, written for a container, runs as a plain process in a build folder.
import type { FuncFile } from '../project/project.js';

/**
 * The words of entrypoint and cmd, split on white space as Fn splits them: quotes mean nothing
 * (fnproject/cli 0.6.63, common/common.go), or `otherwise` where func.yaml has neither. What lies in the image's
 * /function lies in the build folder.
 */
export function containerCommand(func: FuncFile, otherwise: readonly string[]): string[] {
  const words = [func.entrypoint, func.cmd].flatMap((text) => (text ?? '').split(/\s+/).filter(Boolean));
  return (words.length === 0 ? [...otherwise] : words).map((word) => word.replace(/^\/function\//, './'));
}
