import { createServer } from 'node:net';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeApp, Workplace } from '../helpers/cli.js';

type Info = { pid: number; fnUrl: string; gatewayUrl: string; started: boolean; warnings: string[] };

let place: Workplace;
beforeEach(() => void (place = new Workplace()));
afterEach(() => place.close());

/** Something else that listens, as a user's own server does. */
async function taken(): Promise<{ port: number; free: () => void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { port: (server.address() as { port: number }).port, free: () => server.close() };
}

describe('the embedded server as a process', () => {
  test('start -d, start again, stop, stop again', async () => {
    const first = await place.json<Info>(['start', '-d']);
    expect(first.result).toMatchObject({ started: true });
    expect((await place.json<Info>(['start', '-d'])).result).toMatchObject({
      started: false,
      pid: first.result.pid,
    });
    expect(statSync(join(place.home, 'control.sock')).mode & 0o777).toBe(0o600);
    expect(statSync(place.home).mode & 0o777).toBe(0o700);
    expect((await place.json(['stop'])).result).toEqual({ stopped: true });
    await expect(fetch(first.result.fnUrl)).rejects.toThrow();
    expect(existsSync(join(place.home, 'server.pid'))).toBe(false);
    expect((await place.json(['stop'])).result).toEqual({ stopped: false });
  });

  test('servers started at the same moment: one serves, all commands find it', async () => {
    const started = await Promise.all(Array.from({ length: 4 }, () => place.json<Info>(['start', '-d'])));
    expect(new Set(started.map(({ result }) => result.pid)).size).toBe(1);
    expect(started.every(({ code }) => code === 0)).toBe(true);
  });

  test('a port that was asked for and is taken is an error', async () => {
    const other = await taken();
    const ran = await place.run(['start', '-d', '--fn-port', String(other.port)]);
    other.free();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`port ${other.port} for the Fn API is taken`);
  });

  test('kill -9 loses nothing: apps, ids, routes and history are there, functions run again', async () => {
    place.write(nodeApp('hello', { hello: ['v1', 'v2'] }));
    const at = { cwd: 'hello' };
    await place.run(['deploy', '--all'], at);
    await place.run(['shift', 'v2=30', '-m', 'kept'], at);
    const before = await place.server();
    const apps = (await (await fetch(`${before.fnUrl}/v2/apps`)).json()) as { items: { id: string }[] };
    process.kill(before.pid, 'SIGKILL');
    // Its sockets are closed when it is gone; the pid may stay as a zombie where nobody reaps it.
    await expect.poll(() => fetch(before.fnUrl).then(Boolean, () => false)).toBe(false);
    expect((await place.json<Info>(['start', '-d'])).result.started).toBe(true);
    const { fnUrl, gatewayUrl } = await place.server();
    expect(((await (await fetch(`${fnUrl}/v2/apps`)).json()) as typeof apps).items[0]!.id).toBe(
      apps.items[0]!.id,
    );
    expect((await fetch(gatewayUrl, { headers: { 'Fnmesh-Version': 'v2' } })).status).toBe(200);
    const { result } = await place.json<{ changes: { message: string | null }[] }>(['history'], at);
    expect(result.changes[0]!.message).toBe('kept');
    const probed = await place.json<{ observed: Record<string, number> }>(['probe', '-n', '100'], at);
    expect(Math.abs(probed.result.observed['v2']! - 30)).toBeLessThanOrEqual(2);
  });

  test('stop lets a call that is under way be answered', async () => {
    place.write(nodeApp('hello', { hello: ['v1'] }));
    const slow =
      'require("node:http").createServer((q, r) => setTimeout(() => r.end("late"), 1500)).listen(process.env.FN_LISTENER.slice(5) + ".own", () => require("node:fs").symlinkSync("lsnr.sock.own", process.env.FN_LISTENER.slice(5)));';
    place.write({ 'hello/v1/func.js': slow });
    await place.run(['deploy', '--all'], { cwd: 'hello' });
    const { gatewayUrl } = await place.server();
    const call = fetch(gatewayUrl).then(async (reply) => [reply.status, await reply.text()]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stopped = await place.run(['stop']);
    expect(stopped.code).toBe(0);
    expect(await call).toEqual([200, 'late']);
  });

  test('start in the foreground ends with Ctrl-C, cleanly', async () => {
    const { spawn } = await import('node:child_process');
    const { BIN } = await import('../helpers/cli.js');
    const child = spawn(process.execPath, [BIN, 'start'], {
      env: place.env,
      cwd: place.dir,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(existsSync(join(place.home, 'server.pid'))).toBe(false);
  });
});
