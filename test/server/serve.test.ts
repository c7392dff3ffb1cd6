import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ControlClient } from '../../src/control/client.js';
import { controlSocket, lockFile } from '../../src/control/home.js';
import { PROTOCOL } from '../../src/control/protocol.js';
import { findServer } from '../../src/control/start.js';
import { isOlder } from '../../src/control/version.js';
import { serve } from '../../src/server/serve.js';

let home: string;
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'fnmesh-serve-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

test('a server that cannot open everything closes what it opened', async () => {
  const [taken, free] = [await listening(), await listening()];
  free.server.close();
  const signals = process.listenerCount('SIGINT');
  await expect(serve({ home, ports: { fnPort: free.port, gatewayPort: taken.port } })).rejects.toThrow(
    /gateway is taken/,
  );
  await expect(fetch(`http://127.0.0.1:${free.port}/version`)).rejects.toThrow();
  expect(existsSync(lockFile(home))).toBe(false);
  expect(process.listenerCount('SIGINT')).toBe(signals);
  taken.server.close();
  const { info, closed } = await serve({ home, ports: { fnPort: free.port, gatewayPort: taken.port } });
  expect(info.fnUrl).toContain(String(free.port));
  await new ControlClient(controlSocket(home)).call<'stop'>('POST /stop');
  await closed;
  expect(process.listenerCount('SIGINT')).toBe(signals);
});

test('a default port that is taken is replaced by a free one, with a warning', async () => {
  const first = await serve({ home, ports: { fnPort: undefined, gatewayPort: 0 } });
  const other = mkdtempSync(join(tmpdir(), 'fnmesh-serve-'));
  const second = await serve({ home: other, ports: { fnPort: undefined, gatewayPort: 0 } });
  expect(second.info.fnUrl).not.toBe(first.info.fnUrl);
  expect(second.info.warnings).toEqual([
    expect.stringMatching(/^port 8080 is taken, so the Fn API listens on \d+$/),
  ]);
  for (const dir of [home, other]) await new ControlClient(controlSocket(dir)).call<'stop'>('POST /stop');
  await Promise.all([first.closed, second.closed]);
  rmSync(other, { recursive: true });
});

test('a server that is ending says so until it has ended', async () => {
  const { info, closed } = await serve({ home, ports: { fnPort: 0, gatewayPort: 0 } });
  // A request that is under way keeps the server from ending.
  const slow = await import('node:net').then((net) =>
    net.connect(Number(new URL(info.fnUrl).port), '127.0.0.1'),
  );
  slow.write('POST /v2/apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{');
  await new Promise((resolve) => setTimeout(resolve, 100));
  const control = new ControlClient(controlSocket(home));
  await control.call<'stop'>('POST /stop');
  await vi.waitFor(async () => expect((await control.call<'info'>('GET /')).stopping).toBe(true));
  slow.destroy();
  await closed;
  expect(existsSync(controlSocket(home))).toBe(false);
});

test.each([PROTOCOL - 1, PROTOCOL + 1])(
  'a running server of protocol %i is not spoken to',
  async (protocol) => {
    const answer = JSON.stringify({ version: '0.0.9', protocol });
    const server = createHttpServer((_, response) => response.end(answer)).listen(controlSocket(home));
    await new Promise((resolve) => server.once('listening', resolve));
    await expect(findServer(home)).rejects.toMatchObject({
      code: 'conflict',
      message: `the running embedded server (0.0.9, protocol ${protocol}) does not speak protocol ${PROTOCOL} of this fnmesh`,
      try: 'fnmesh stop && fnmesh start -d',
    });
    server.close();
  },
);

test.each([
  ['0.1.0', '0.2.0', true],
  ['0.2.0', '0.1.9', false],
  ['0.1.0', '0.1.0', false],
  ['0.9.9', '0.10.0', true],
  ['1.0.0-beta', '1.0.0', false],
])('isOlder %s than %s: %s', (a, b, older) => expect(isOlder(a, b)).toBe(older));
