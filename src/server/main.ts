// The embedded server as a process in the background: says on file descriptor 3 whether it serves, then lets go of it.
import { closeSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { askedPorts } from '../control/ports.js';
import type { StartReport } from '../control/start.js';
import { FnmeshError, messageOf } from '../errors.js';
import { StateHeldError } from './lock.js';
import { serve } from './serve.js';

const { values } = parseArgs({
  options: { home: { type: 'string' }, 'fn-port': { type: 'string' }, 'gateway-port': { type: 'string' } },
});

// A full disk takes no lines of the log either: that must not end the server.
process.stderr.on('error', () => {});

function report(what: StartReport): void {
  try {
    writeSync(3, JSON.stringify(what));
    closeSync(3);
  } catch {
    // Whoever started it no longer waits.
  }
}

try {
  const { info, closed } = await serve({ home: values.home!, ports: askedPorts(values) });
  report({ info });
  await closed;
  process.exit(0);
} catch (error) {
  const known =
    error instanceof FnmeshError ? error : new FnmeshError('failed', messageOf(error), { cause: error });
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  report({
    error: { code: known.code, message: known.message, try: known.try },
    held: error instanceof StateHeldError,
  });
  process.exit(1);
}
