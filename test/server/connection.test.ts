// What became of a request when the function's side of the connection ends without an answer: over real sockets.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Connection } from '../../src/server/functions/connection.js';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const SMALL = Buffer.from('x');
/** More than Linux and macOS keep of a unix socket's bytes. */
const BIG = Buffer.alloc(4 * 1024 * 1024);

let dir: string;
let server: Server;
let connection: Connection;
/** What the function does with each of its connections. */
let accept: (socket: Socket) => void;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'fnmesh-connection-'));
  // Nothing is read unless a test does.
  server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    accept(socket);
  });
  const path = join(dir, 's');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  connection = new Connection(path, { head: 1000, body: 1000 });
});
afterEach(() => {
  connection.close();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const send = (body: Buffer) =>
  new Promise<string>((resolve) =>
    connection.send({ head: 'POST /call HTTP/1.1\r\nHost: localhost\r\n', body }, resolve),
  );
const readAndHangUp = (socket: Socket) => {
  socket.once('data', () => socket.destroy());
  socket.resume();
};

describe('on a connection that', () => {
  test.each([
    ['is closed, a short request unread', false, SMALL, 'not sent'],
    // Of a large one some may have been read, and acted upon.
    ['is closed, a large request unread', false, BIG, 'broken'],
    ['is closed, a short request read', true, SMALL, 'broken'],
    ['is closed, a large request read in part', true, BIG, 'broken'],
  ] as const)('is new and %s', async (_, reads, body, outcome) => {
    accept = reads ? readAndHangUp : (socket) => setTimeout(() => socket.destroy(), 20);
    expect(await send(body)).toBe(outcome);
  });

  test.each([
    ['a short request unread', false, SMALL, 'not sent'],
    ['a large request unread', false, BIG, 'reset'],
    ['a short request read', true, SMALL, 'reset'],
    ['a large request read in part', true, BIG, 'reset'],
  ] as const)('was used and is closed, %s', async (_, reads, body, outcome) => {
    const accepted = new Promise<Socket>((resolve) => (accept = resolve));
    const first = send(SMALL);
    const socket = await accepted;
    socket.once('data', () => socket.write(ANSWER));
    socket.resume();
    expect(await first).toBe('answered');
    if (reads) readAndHangUp(socket);
    const second = send(body);
    // Before it can have read what was written just now.
    if (!reads) socket.destroy();
    expect(await second).toBe(outcome);
  });

  test.each([
    ['a request that goes at once', SMALL, 'not sent'],
    ['a large request', BIG, 'reset'],
  ] as const)('was closed before %s', async (_, body, outcome) => {
    const accepted = new Promise<Socket>((resolve) => (accept = resolve));
    const first = send(SMALL);
    const socket = await accepted;
    socket.once('data', () => socket.write(ANSWER));
    socket.resume();
    expect(await first).toBe('answered');
    socket.destroy();
    expect(await send(body)).toBe(outcome);
  });

  test('nobody accepts', async () => {
    await new Promise((resolve) => server.close(resolve));
    expect(await send(BIG)).toBe('not sent');
  });
});
