// Where bin/ enters: runs oclif and turns whatever is thrown outside a command into a message and an exit code.
import { Config, run } from '@oclif/core';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { report } from './report.js';

/**
 * Runs the command line in process.argv. Never throws; sets process.exitCode as the README's table says.
 * @param url import.meta.url of the bin script
 */
export async function main(url: string): Promise<void> {
  // `fnmesh status | head -1` closes the pipe early: what is left is not shown, but what is being done is done.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = 1;
    // What goes on until Ctrl-C has nobody left to go on for.
    process.emit('SIGINT');
  });
  try {
    const ignoreManifest = process.env['FNMESH_IGNORE_MANIFEST'] === '1';
    const config = await Config.load({ root: fileURLToPath(new URL('..', url)), ignoreManifest });
    // kubectl finds plugins by such names; the help then shows what was typed.
    if (basename(process.argv[1] ?? '') === 'kubectl-fnmesh') config.bin = 'kubectl fnmesh';
    await run(spelled(process.argv.slice(2)), config);
  } catch (error) {
    report(error, process.argv.includes('--json'), process.argv[2] ?? '');
  }
}

/** `fnmesh help shift` is `fnmesh shift --help`, and `--json` may come before the command. */
function spelled(argv: string[]): string[] {
  const [first, ...rest] = argv;
  if (first === 'help') return [...rest, '--help'];
  return first === '--json' && rest.length > 0 ? [...rest, first] : argv;
}
