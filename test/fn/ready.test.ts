// What a version's answer to one call says of it, over a real server that answers as each case has it.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { readyCall, type ReadyCall, type ReadyResult } from '../../src/fn/ready.js';

const GET: ReadyCall = { method: 'GET', headers: { 'Fnmesh-Probe': '1' } };

const opened: Server[] = [];
afterEach(() => {
  for (const server of opened.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serving(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/t/shop/cart`;
}

/** The result for an answer of this status and body, with or without an Fn-Call-Id. */
async function told(status: number, body: string, callId = true, call = GET): Promise<ReadyResult> {
  const endpoint = await serving((req, res) => {
    req.resume();
    res.writeHead(status, callId ? { 'Fn-Call-Id': '01KB0000000000000000000000' } : {});
    res.end(body);
  });
  return readyCall(endpoint, call, 5000);
}

const says = (message: string) => `${JSON.stringify({ message })}\n`;

describe('ready', () => {
  test.each([
    [200, 'hello'],
    [200, ''],
    [404, 'no such item'],
    [404, says('Trigger not found')],
    [405, ''],
    [500, says('internal server error')],
    [502, says('function failed')],
    [502, says('error receiving function response')],
    [502, says('invalid function response')],
    [503, 'closed on Sundays'],
    [504, 'the function’s own'],
    [302, ''],
    [200, says('Failed to pull image')],
  ])('an answer of a call: %i %j', async (status, body) => {
    const result = await told(status, body);
    expect(result).toEqual({ ready: true, status, ms: expect.any(Number) as unknown });
  });

  test('a body is not read to its end', async () => {
    const endpoint = await serving((_, res) => {
      res.writeHead(200, { 'Fn-Call-Id': 'x' });
      const timer = setInterval(() => res.write(Buffer.alloc(16 * 1024)), 1);
      res.on('close', () => clearInterval(timer));
    });
    expect(await readyCall(endpoint, GET, 5000)).toMatchObject({ ready: true });
  });
});

describe('not ready', () => {
  const image = "Failed to pull image '10.0.0.1:5000/shop/cart@sha256:0': ";

  test.each<[number, string, string, RegExp, RegExp]>([
    [
      502,
      `${image}no basic auth credentials`,
      'pull',
      /registry is private/,
      /^FN_DOCKER_AUTH on the Fn server/,
    ],
    [401, `${image}unauthorized: authentication required`, 'pull', /registry is private/, /FN_DOCKER_AUTH/],
    [
      404,
      `${image}pull access denied for cart, repository does not exist or may require 'docker login'`,
      'pull',
      /private, or there is no such image/,
      /FN_DOCKER_AUTH/,
    ],
    [
      404,
      `${image}manifest for cart:1 not found: manifest unknown`,
      'pull',
      /no such image/,
      /^fnmesh deploy$/,
    ],
    [
      502,
      `${image}no matching manifest for linux/arm64/v8 in the manifest list`,
      'pull',
      /platform/,
      /--platform/,
    ],
    [
      502,
      `${image}dial tcp 10.0.0.1:5000: connect: connection refused`,
      'pull',
      /cannot reach/,
      /docker pull/,
    ],
    [502, `${image}http: server gave HTTP response to HTTPS client`, 'pull', /does not trust/, /docker pull/],
    [
      502,
      `${image}something else`,
      'pull',
      /private registry, a wrong name, or .* platform/,
      /FN_DOCKER_AUTH/,
    ],
    [504, 'Image pull timed out', 'pull', /large/, /^fnmesh deploy$/],
    [
      502,
      'Container failed to initialize, please ensure you are using the latest fdk and check the logs',
      'init',
      /another platform, its program ends or does not listen on FN_LISTENER, or its FDK is old/,
      /^syslog_url: /,
    ],
    [
      504,
      'Container initialization timed out, please ensure you are using the latest fdk and check the logs',
      'init',
      /does not listen/,
      /^syslog_url: /,
    ],
    [400, 'Requested CPU/Memory cannot be allocated', 'init', /memory/, /func\.yaml/],
    [504, 'Timed out', 'timeout', /timeout/, /func\.yaml/],
    [503, 'Timed out - server too busy', 'timeout', /no room/, /^fnmesh deploy$/],
  ])('%i %j: %s', async (status, message, kind, cause, way) => {
    for (const callId of [true, false]) {
      const result = await told(status, says(message), callId);
      expect(result).toMatchObject({ ready: false, kind });
      if (result.ready) continue;
      expect(result.why).toContain(`"${message}"`);
      expect(result.why).toMatch(cause);
      expect(result.try).toMatch(way);
    }
  });

  test.each([
    ['Trigger not found', /its trigger is not on this server/],
    ['App not found', /its trigger is not on this server/],
    ['Path not found: GET /t/shop/cart', /this node of Fn calls no functions/],
  ])('404 %j without a call: missing', async (message, why) => {
    const result = await told(404, says(message), false);
    expect(result).toMatchObject({ kind: 'missing', why: expect.stringMatching(why) as unknown });
  });

  test.each([
    [200, '<html>\n<body>Welcome to nginx</body></html>', '<html>'],
    [502, '<html><h1>502 Bad Gateway</h1>', '502 Bad Gateway'],
    [404, '', 'answered 404 without an Fn-Call-Id'],
    [200, says('hello'), 'hello'],
    [301, '', 'answered 301'],
  ])('%i %j of something that is not Fn: odd', async (status, body, part) => {
    const result = await told(status, body, false);
    expect(result).toMatchObject({ kind: 'odd', why: expect.stringContaining(part) as unknown });
    expect(result).toMatchObject({ try: expect.stringMatching(/^curl -i http:/) as unknown });
  });

  test('a body with two errors, as Fn sends some: the first counts', async () => {
    const body = says('Timed out') + says('internal server error');
    expect(await told(504, body)).toMatchObject({ kind: 'timeout' });
  });

  test('HEAD, to which Fn gives no reason', async () => {
    const head: ReadyCall = { ...GET, method: 'HEAD' };
    expect(await told(502, says('x'), true, head)).toMatchObject({ kind: 'odd' });
    expect(await told(404, says('x'), true, head)).toMatchObject({ ready: true, status: 404 });
  });

  test('what the server says is cut, and cannot speak to the terminal', async () => {
    const message = `${image}\u001b[2J\u001b]0;x\u0007\r\nline\u202e\u2028${'x'.repeat(100_000)}`;
    for (const [status, body, callId] of [
      [502, says(message), true],
      [200, message, false],
    ] as const) {
      const result = await told(status, body, callId);
      if (result.ready) throw new Error('ready');
      expect(result.why.length).toBeLessThan(600);
      expect(result.why).not.toMatch(/[\p{Cc}\u202e\u2028]/u);
    }
  });
});

describe('the call', () => {
  test.each<[ReadyCall, string, RegExp]>([
    [GET, 'GET ', /^1$/],
    [{ method: 'POST', headers: { 'X-A': 'b' }, body: '{"é":1}' }, 'POST {"é":1}', /^undefined$/],
    [{ method: 'DELETE', headers: {}, body: 'x' }, 'DELETE x', /^undefined$/],
    [{ method: 'PUT', headers: {} }, 'PUT ', /^undefined$/],
  ])('%j is made once, as it stands', async (call, expected, probe) => {
    const seen: string[] = [];
    const endpoint = await serving((req, res) => {
      let body = '';
      req.setEncoding('utf8').on('data', (part: string) => (body += part));
      req.on('end', () => {
        seen.push(`${req.method} ${body}`);
        expect(String(req.headers['fnmesh-probe'])).toMatch(probe);
        expect(req.url).toBe('/t/shop/cart');
        res.writeHead(200, { 'Fn-Call-Id': 'x' }).end();
      });
    });
    expect(await readyCall(endpoint, call, 5000)).toMatchObject({ ready: true });
    expect(seen).toEqual([expected]);
  });

  test('no answer in time', async () => {
    const calls: string[] = [];
    const endpoint = await serving((req) => void calls.push(req.url!));
    expect(await readyCall(endpoint, GET, 200)).toEqual({
      ready: false,
      kind: 'timeout',
      why: `no answer from ${new URL(endpoint).host} within 0.2 s`,
      try: `curl -i ${endpoint}`,
    });
    expect(calls).toHaveLength(1);
  });

  test.each([
    ['nothing listens', null, /connect ECONNREFUSED/],
    ['it hangs up', '', /socket hang up/],
    ['it speaks no HTTP', 'hello\r\n\r\n', /Parse Error/],
    ['it breaks off', 'HTTP/1.1 200 OK\r\nFn-Call-Id: x\r\nContent-Length: 9\r\n\r\nabc', /closed|aborted/],
    ['it changes the protocol', 'HTTP/1.1 101 Odd\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', /closed/],
  ])('%s: unreachable', async (_, answer, why) => {
    let calls = 0;
    const server = createTcpServer((socket) => {
      calls++;
      socket.on('error', () => {});
      socket.once('data', () => socket.end(answer ?? ''));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/t/shop/cart`;
    if (answer === null) server.close();
    const result = await readyCall(endpoint, GET, 5000);
    server.close();
    expect(result).toMatchObject({ kind: 'unreachable', why: expect.stringMatching(why) as unknown });
    expect(calls).toBe(answer === null ? 0 : 1);
  });

  test('an unknown host is unreachable, and no password is shown', async () => {
    const result = await readyCall('http://ann:secret@nosuch.invalid/t/shop/cart', GET, 5000);
    expect(result).toMatchObject({ kind: 'unreachable', try: 'curl -i http://nosuch.invalid/t/shop/cart' });
    expect(JSON.stringify(result)).not.toContain('secret');
  });
});
