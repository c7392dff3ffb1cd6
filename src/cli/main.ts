// Where bin/ enters: runs oclif and turns whatever is thrown outside a command into a message and an exit code.
import { Config, run } from '@oclif/core';
import { fileURLToPath } from 'node:url';
import { report } from './report.js';

/**
 * Runs the command line in process.argv. Never throws; sets process.exitCode as the README's table says.
 * @param url import.meta.url of the bin script
 */
export async function main(url: string): Promise<void> {
  // `fnmesh status | head -1` closes the pipe early: that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    const ignoreManifest = process.env['FNMESH_IGNORE_MANIFEST'] === '1';
    const config = await Config.load({ root: fileURLToPath(new URL('..', url)), ignoreManifest });
    await run(process.argv.slice(2), config);
  } catch (error) {
    report(error, process.argv.includes('--json'), process.argv[2] ?? '');
  }
}
