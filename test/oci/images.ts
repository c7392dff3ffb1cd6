// Images for tests, and pushes of them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FnmeshError } from '../../src/errors.js';
import type { OciImage } from '../../src/oci/blob.js';
import { goImage } from '../../src/oci/image.js';
import { parseReference } from '../../src/oci/reference.js';
import type { Pushed, RegistryOptions } from '../../src/oci/registry.js';
import { Registry } from '../../src/oci/registry.js';

let made = 0;

/** An image of a binary with these bytes (default: of its own), which is written to a folder. */
export function testImage(dir: string, content: string | Buffer = `binary ${made}`): Promise<OciImage> {
  const binary = join(dir, `func${made++}`);
  writeFileSync(binary, content);
  const platform = { os: 'linux', architecture: 'amd64' };
  return goImage({ binary, entrypoint: ['./func'], labels: {}, platform });
}

/** One push as a run of its own. */
export async function push(image: OciImage, name: string, options: RegistryOptions = {}): Promise<Pushed> {
  return new Registry({ attempts: 2, ...options }).push(image, parseReference(name));
}

/** The FnmeshError that something ends with. */
export async function failure(work: Promise<unknown>): Promise<FnmeshError> {
  const error: unknown = await work.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof FnmeshError) return error;
  throw error;
}
