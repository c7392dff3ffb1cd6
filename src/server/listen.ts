import type { Server } from 'node:http';
import { FnmeshError } from '../errors.js';

/** Only this machine can reach the server. */
const LOOPBACK = '127.0.0.1';

/**
 * Binds a server to loopback. A port that was asked for must be free; the default one is replaced by a free one,
 * which the warning says. Gives the port that was bound.
 * @throws FnmeshError `conflict` when the asked port is taken, `failed` when it may not be bound.
 */
export async function listen(
  server: Server,
  what: string,
  asked: number | undefined,
  standard: number,
): Promise<{ port: number; warning?: string }> {
  try {
    return { port: await bind(server, what, asked ?? standard) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' && asked === undefined) {
      const port = await bind(server, what, 0);
      return { port, warning: `port ${standard} is taken, so the ${what} listens on ${port}` };
    }
    if (code === 'EADDRINUSE') {
      throw new FnmeshError('conflict', `port ${asked} for the ${what} is taken`, {
        try: `another port, or 0 for a free one`,
        cause: error,
      });
    }
    throw new FnmeshError('failed', `the ${what} cannot listen on port ${asked ?? standard}: ${message}`, {
      try: 'a port above 1023',
      cause: error,
    });
  }
}

function bind(server: Server, what: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(error);
    server.once('error', failed);
    server.listen({ port, host: LOOPBACK, backlog: 4096 }, () => {
      server.off('error', failed);
      // From here on an error is one connection's that could not be accepted: too many open files.
      server.on('error', (error) => process.stderr.write(`${what}: ${error.message}\n`));
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
