// A relay to a port of 127.0.0.1, which Pods cannot reach, from an address of the lab, which they can.
import { connect, createServer, type Socket } from 'node:net';

/** Listens on `address:from` and leads to `127.0.0.1:to`. Gives what ends it, with all connections through it. */
export async function relay(address: string, from: number, to: number): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (outer) => {
    const inner = connect({ host: '127.0.0.1', port: to, allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        if (socket.errored) other.destroy();
      });
      // The other end hears of it by its own connection's end.
      socket.on('error', () => other.destroy());
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(from, address, resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
}
