import { isAbsolute } from 'node:path';
import type { BuildRegistration } from '../../control/protocol.js';
import { FnmeshError } from '../../errors.js';

/**
 * Checks a build that the control socket was sent.
 * @throws FnmeshError `usage` when it cannot be one.
 */
export function checkBuild({ image, dir, command, cannotRun }: BuildRegistration): void {
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!isText(image) || /\s/.test(image))
    throw new FnmeshError('usage', 'a build needs the name of its image');
  if (!isText(dir) || !isAbsolute(dir))
    throw new FnmeshError('usage', `${image}: dir must be an absolute path`);
  const isCommand = Array.isArray(command) && command.every((word) => typeof word === 'string');
  if (!isCommand || (!isText(command[0]) && !isText(cannotRun))) {
    throw new FnmeshError('usage', `${image}: command must be a program and its arguments`);
  }
}
