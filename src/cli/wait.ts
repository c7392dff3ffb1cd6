// `--wait` alone means a probe, `--no-wait` none.

/** The command line with `--wait` in the form that is parsed. */
export function spelledWait(argv: readonly string[]): string[] {
  return argv.map((word) => {
    if (word === '--wait') return '--wait=probe';
    return word === '--no-wait' ? '--wait=none' : word;
  });
}

/** What to wait for when nobody says: a probe where somebody looks on. */
export function usualWait(): 'probe' | 'none' {
  return process.stdout.isTTY && !process.env['CI'] ? 'probe' : 'none';
}
