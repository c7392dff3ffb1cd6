// Programs that tests run as functions: the reference function of the contract, and the fixtures.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildRegistration } from '../../src/control/protocol.js';

/** The image of the reference function. */
export const CONTRACT_IMAGE = 'fnmesh.local/contract/func:0123456789ab';
/** Folder of the fixture functions. */
const FIXTURES = fileURLToPath(new URL('../fixtures/functions/', import.meta.url));

/** Whether Go is there, for tests to be skipped by name; in CI it has to be. */
export const hasGo = process.env.CI !== undefined || spawnSync('go', ['version']).status === 0;

let built: BuildRegistration | undefined;

/** The contract's reference function, built once per test process. */
export function contractBuild(): BuildRegistration {
  if (built) return built;
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-contract-'));
  const source = fileURLToPath(new URL('../fixtures/contract/func', import.meta.url));
  const env = { ...process.env, CGO_ENABLED: '0' };
  execFileSync('go', ['build', '-o', join(dir, 'func'), '.'], { cwd: source, env, stdio: 'pipe' });
  built = { image: CONTRACT_IMAGE, dir, command: ['./func'] };
  return built;
}

/** A fixture function as a build; its image is `fnmesh.local/fixture/NAME:000000000000`. */
export function fixtureBuild(name: string): BuildRegistration {
  return {
    image: `fnmesh.local/fixture/${name}:000000000000`,
    dir: FIXTURES,
    command: [process.execPath, `${name}.mjs`],
  };
}
