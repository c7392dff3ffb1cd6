import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ControlClient } from '../../src/control/client.js';
import { controlSocket } from '../../src/control/home.js';
import { EmbeddedRouter } from '../../src/router/embedded.js';
import { serve } from '../../src/server/serve.js';
import { put, REASON } from '../helpers/routes.js';
import { routerContract } from './contract.js';

routerContract('the embedded gateway', async () => {
  const home = mkdtempSync(join(tmpdir(), 'fnmesh-router-'));
  const { closed } = await serve({ home, ports: { fnPort: 0, gatewayPort: 0 } });
  const control = new ControlClient(controlSocket(home));
  return {
    router: new EmbeddedRouter(control),
    close: async () => {
      await control.call<'stop'>('POST /stop');
      await closed;
      rmSync(home, { recursive: true });
    },
  };
});

describe('a version on another Fn server', () => {
  const V1 = { app: 'shop', function: 'cart', version: 'v1' };
  let home: string;
  let control: ControlClient;
  let closed: Promise<void>;
  let server: Server;
  let seen: string[];
  let answer: { status: number; message: string };

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'fnmesh-router-'));
    ({ closed } = await serve({ home, ports: { fnPort: 0, gatewayPort: 0 } }));
    control = new ControlClient(controlSocket(home));
    seen = [];
    answer = { status: 200, message: 'hello' };
    server = createServer((req, res) => {
      const { 'fnmesh-probe': probe, 'x-a': other } = req.headers;
      seen.push([req.method, req.url, probe ?? '-', other ?? '-'].join(' '));
      res.writeHead(answer.status, { 'Fn-Call-Id': 'x' }).end(JSON.stringify({ message: answer.message }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/t/shop/cart`;
    const destinations = { v1: { fn: 'cart-v1', source: '/cart', endpoint } };
    await new EmbeddedRouter(control).write([put('cart', { v1: 10_000 }, null, { destinations })], REASON);
  });
  afterEach(async () => {
    server.close();
    await control.call<'stop'>('POST /stop');
    await closed;
    rmSync(home, { recursive: true });
  });

  test('is called once to see whether it is ready', async () => {
    expect(await new EmbeddedRouter(control).ready(V1)).toEqual({ ready: true });
    expect(seen).toEqual(['GET /t/shop/cart 1 -']);
  });

  test('is called as the probe says', async () => {
    const probe = { method: 'OPTIONS', headers: { 'X-A': 'b' } };
    expect(await new EmbeddedRouter(control, { probe }).ready(V1)).toEqual({ ready: true });
    expect(seen).toEqual(['OPTIONS /t/shop/cart - b']);
  });

  test('is not called where the probe is none', async () => {
    answer.status = 502;
    expect(await new EmbeddedRouter(control, { probe: 'none' }).ready(V1)).toEqual({ ready: true });
    expect(seen).toEqual([]);
  });

  test('is not ready when Fn cannot start it, with what helps', async () => {
    answer = { status: 502, message: 'Container failed to initialize, please ensure …' };
    expect(await new EmbeddedRouter(control).ready(V1)).toEqual({
      ready: false,
      why: expect.stringMatching(/^"Container failed to initialize/) as unknown,
      try: expect.stringMatching(/syslog_url/) as unknown,
    });
  });

  test('takes traffic through the gateway, and is counted there', async () => {
    const { gatewayUrl } = await control.call<'info'>('GET /');
    const reply = await fetch(`${gatewayUrl}/.app/shop/cart?x=1`);
    expect([reply.status, reply.headers.get('fnmesh-version')]).toEqual([200, 'v1']);
    expect(seen).toEqual(['GET /t/shop/cart?x=1 - -']);
    const router = new EmbeddedRouter(control);
    expect(await router.drained(V1, 1000)).toBe(true);
    expect(await router.traffic('shop')).toMatchObject({ cart: [{ version: 'v1', requests: 1, errors: 0 }] });
  });
});
