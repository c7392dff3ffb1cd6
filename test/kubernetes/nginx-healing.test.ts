// What happens around a proxy's life: the Fn server absent, back, moved, or behind https, and one proxy after another.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { ask, until } from '../helpers/data-plane.js';
import type { Answer } from '../helpers/data-plane.js';
import { freePort, hasNginx, startNginx } from '../helpers/nginx.js';
import { FN_HOST, startProxies } from './proxies.js';
import type { Proxies } from './proxies.js';

const running: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function proxiesBefore(...args: Parameters<typeof startProxies>): Promise<Proxies> {
  const proxies = await startProxies(...args);
  running.push(() => proxies.stop());
  return proxies;
}

/** A server that says where it is. */
async function serverOn(address: string, port: number, handler = (text: string) => text): Promise<Server> {
  const server = createServer((_, res) => res.end(handler(address)));
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  running.push(() => server.close());
  return server;
}

const call = (proxies: Proxies): Promise<Answer> => {
  const { port, headers } = proxies.door('cart/v1');
  return ask(port, '/cart', { headers });
};

/** Calls until answers have held for longer than a worker keeps an address (each has its own); gives all that came. */
async function callUntil(proxies: Proxies, holds: (answer: Answer) => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let held = 0; held < 60; held = holds(answers.at(-1)!) ? held + 1 : 0) {
    if (answers.length > 300) throw new Error(`never: ${answers.at(-1)!.status} ${answers.at(-1)!.text}`);
    await pause(100);
    answers.push(await call(proxies));
  }
  return answers;
}

describe.runIf(hasNginx).each(['dedicated', 'shared'] as const)('a %s proxy', (mode) => {
  test('starts without a Fn server, says that there is none, and finds it when it comes', async () => {
    const port = await freePort();
    const proxies = await proxiesBefore(mode, port);
    const said = async (): Promise<[number, string]> => {
      const { status, text } = await call(proxies);
      return [status, (JSON.parse(text) as { message: string }).message];
    };
    proxies.dns.records.clear();
    expect(await said()).toEqual([
      502,
      `The Fn server at ${FN_HOST}:${port} was not found by the DNS server 10.0.0.10`,
    ]);
    proxies.dns.records.set(FN_HOST, ['127.0.0.1']);
    expect(await said()).toEqual([
      502,
      `The Fn server at ${FN_HOST}:${port} cannot be reached (127.0.0.1:${port})`,
    ]);
    await serverOn('127.0.0.1', port);
    expect(await call(proxies)).toMatchObject({ status: 200, text: '127.0.0.1' });
    await until(() => proxies.door('cart/v1').nginx.errors().includes('could not be resolved'));
  });
});

describe.runIf(hasNginx)('a proxy', () => {
  test('follows the Fn server to another address, by itself', async () => {
    const port = await freePort();
    const server = await serverOn('127.0.0.1', port);
    const proxies = await proxiesBefore('shared', port);
    expect(await call(proxies)).toMatchObject({ text: '127.0.0.1' });
    await serverOn('127.0.0.2', port);
    proxies.dns.records.set(FN_HOST, ['127.0.0.2']);
    server.close();
    const answers = await callUntil(proxies, ({ text }) => text === '127.0.0.2');
    // Until the name is looked up again it is the old address, which nobody answers on.
    expect(answers.filter(({ status, text }) => status !== 502 && text !== '127.0.0.2')).toEqual([]);
  });
});

describe.runIf(hasNginx)('a Fn server that does not answer', () => {
  test('is waited for until its time is over', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    running.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const proxies = await proxiesBefore('dedicated', port);
    // The one test of another text than the shipped: nobody waits for as long as that says.
    const impatient = proxies.texts[0]!.replace('proxy_read_timeout 330s', 'proxy_read_timeout 1s');
    expect(impatient).not.toBe(proxies.texts[0]);
    const nginx = await startNginx(impatient, { dns: proxies.dns.address });
    running.push(() => nginx.stop());
    const { status, text, headers } = await ask(nginx.port, '/cart');
    expect([status, JSON.parse(text), headers['fnmesh-version']]).toEqual([
      504,
      { message: `The Fn server at ${FN_HOST}:${port} did not answer in time (127.0.0.1:${port})` },
      'v1',
    ]);
  });
});

describe.runIf(hasNginx)('a Fn server with https', () => {
  /** A certificate of its own for a name. */
  function certificate(dir: string, name: string): { key: string; cert: string; file: string } {
    const [key, file] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-days', '2'];
    const args = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      ...subject,
    ];
    execFileSync('openssl', [...args, '-keyout', key, '-out', file], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
  }

  test('is asked by its name, and answers only if its certificate is good for it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'fnmesh-tls-'));
    running.push(() => rmSync(dir, { recursive: true, force: true }));
    chmodSync(dir, 0o755);
    const good = certificate(dir, FN_HOST);
    const other = certificate(dir, 'other.example');
    const names: (string | false)[] = [];
    const start = async ({ key, cert }: { key: string; cert: string }): Promise<number> => {
      const server = createTlsServer({ key, cert }, (req, res) => {
        names.push((req.socket as unknown as { servername: string | false }).servername);
        res.end(req.url);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      running.push(() => server.close());
      return (server.address() as AddressInfo).port;
    };
    const through = async (port: number, authorities: string): Promise<Answer> => {
      return call(await proxiesBefore('dedicated', port, { cart: ['v1'] }, { scheme: 'https', authorities }));
    };
    const port = await start(good);
    expect(await through(port, good.file)).toMatchObject({ status: 200, text: '/t/shop/cart-v1' });
    expect(names).toEqual([FN_HOST]);
    expect(await through(port, other.file)).toMatchObject({ status: 502 });
    expect(await through(await start(other), other.file)).toMatchObject({ status: 502 });
    expect(names).toHaveLength(1);
  });
});

describe.runIf(hasNginx)('proxies that follow each other', () => {
  test('fail no request, and let the one that is under way end', async () => {
    const held: (() => void)[] = [];
    const server = createServer((req, res) => {
      if (req.headers['x-do'] === 'hold') held.push(() => res.end('held'));
      else res.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    running.push(() => server.close());
    const proxies = await proxiesBefore('dedicated', (server.address() as AddressInfo).port);
    let nginx = await startNginx(proxies.texts[0]!, { dns: proxies.dns.address });
    running.push(() => nginx.stop());

    // Callers that take the proxy that is in the endpoints now, as gateways do.
    let current = nginx.port;
    let over = false;
    const statuses: number[] = [];
    const callers = Array.from({ length: 8 }, async () => {
      while (!over) statuses.push((await ask(current, '/cart', { method: 'POST', body: 'x' })).status);
    });
    for (let round = 0; round < 4; round++) {
      const before = statuses.length;
      await until(() => statuses.length >= before + 50, 20_000);
      const leaving = nginx;
      const slow = ask(leaving.port, '/cart', { headers: { 'x-do': 'hold' } });
      await until(() => held.length === round + 1);
      nginx = await startNginx(proxies.texts[0]!, { dns: proxies.dns.address });
      current = nginx.port;
      // preStop's part: those who took the old one have had their answers.
      const switched = statuses.length;
      await until(() => statuses.length >= switched + 2 * callers.length, 20_000);
      const ended = leaving.quit();
      await expectRefused(leaving.port);
      held[round]!();
      expect(await slow).toMatchObject({ status: 200, text: 'held' });
      expect(await ended).toBe(0);
      await leaving.stop();
    }
    over = true;
    await Promise.all(callers);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(statuses.length).toBeGreaterThan(200);
  });

  async function expectRefused(port: number): Promise<void> {
    let refused = false;
    for (let waited = 0; !refused && waited < 5000; waited += 10) {
      refused = await new Promise((resolve) => {
        const req = request({ host: '127.0.0.1', port, path: '/cart', agent: false }, (res) => {
          res.resume().once('end', () => resolve(false));
        });
        req.once('error', () => resolve(true)).end();
      });
      await pause(10);
    }
    expect(refused).toBe(true);
  }
});
