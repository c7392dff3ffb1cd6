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

/** How many registrations of a repository stay that no fn runs: what was deployed last can be gone back to. */
const KEPT_UNUSED = 5;

/**
 * The registrations that may go, of the repositories that these images are in: all that are not `used` but the newest.
 * @param builds By image, the oldest first.
 * @param keep How many of a repository that are not used stay.
 */
export function staleBuilds(
  builds: ReadonlyMap<string, unknown>,
  images: Iterable<string>,
  used: ReadonlySet<string>,
  keep = KEPT_UNUSED,
): string[] {
  const unused = new Map([...images].map((image) => [repositoryOf(image), [] as string[]]));
  for (const image of builds.keys()) if (!used.has(image)) unused.get(repositoryOf(image))?.push(image);
  return [...unused.values()].flatMap((found) => found.slice(0, Math.max(0, found.length - keep)));
}

/** An image's name without its tag: `fnmesh.local/<app>/<fn>`. */
export function repositoryOf(image: string): string {
  const tag = image.lastIndexOf(':');
  return tag > image.lastIndexOf('/') ? image.slice(0, tag) : image;
}
