// Which fn a func.yaml is of.
import { LOCK_NAME, parseReleaseName } from '../fn/releases.js';
import type { FuncFile } from './project.js';

/** The fn's name: func.yaml's may hold a registry path before it (fnproject/cli 0.6.63, commands/deploy.go). */
export function fnName(func: Pick<FuncFile, 'name'>): string {
  return func.name.slice(func.name.lastIndexOf('/') + 1);
}

/** Whether fnmesh has fns of such names beside the deployed ones: kept releases (`cart-v1~3`), and the deploy lock. */
export function isTaken(name: string): boolean {
  return name === LOCK_NAME || parseReleaseName(name) !== undefined;
}
