// What users are told when the server is not there, is not Fn, is too old, is another node, or wants a token.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { FnClient } from '../../src/fn/client.js';
import { NoAnswer } from '../../src/fn/http.js';
import { unreachable } from '../../src/fn/refusal.js';
import { startStrictFn } from '../helpers/strict-fn.js';

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close(() => server.closeAllConnections()));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that answers by path, else with 404. */
async function answering(answers: Record<string, string | RequestListener>): Promise<string> {
  return `http://${await listening(
    createServer((request, response) => {
      const answer = answers[(request.url ?? '').replace(/\?.*/, '')] ?? '404 page not found';
      if (typeof answer === 'function') return answer(request, response);
      const [, status = '200', body = ''] = /^(\d{3}) (.*)$/s.exec(answer) ?? [];
      response.writeHead(Number(status)).end(body);
    }),
  )}`;
}

async function problem(url: string, token?: string): Promise<FnmeshError> {
  const client = new FnClient(url, { backoffMs: 1, timeoutMs: 2000, ...(token !== undefined && { token }) });
  const error = await client.checkServer().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FnmeshError);
  return error as FnmeshError;
}

const redirect: RequestListener = (request, response) => {
  response.writeHead(301, { location: `https://fn.example.org/api${request.url}` }).end();
};
const FN_404 = '404 {"message":"Path not found: GET /v2/apps"}\n';
const VERSION = '200 {"version":"0.3.500"}';

describe('a server that is not what is wanted', () => {
  test.each<[string, Record<string, string | RequestListener>, string, string]>([
    [
      'a web site',
      { '/v2/apps': '200 <!doctype html>' },
      '<U> is no Fn server: GET /v2/apps gives a web page',
      'curl <U>/version',
    ],
    [
      'a web site without that page',
      { '/v2/apps': '404 <html>' },
      '<U> is no Fn server: GET /v2/apps gives a web page (status 404)',
      'curl <U>/version',
    ],
    [
      'another server',
      {},
      '<U> is no Fn server: GET /v2/apps gives page not found (status 404)',
      'curl <U>/version',
    ],
    [
      'JSON of another kind',
      { '/v2/apps': '200 {"status":"ok"}' },
      '<U> is no Fn server: GET /v2/apps gives JSON of another kind',
      'curl <U>/version',
    ],
    [
      'JSON of another kind',
      { '/v2/apps': '200 []' },
      '<U> is no Fn server: GET /v2/apps gives JSON of another kind',
      'curl <U>/version',
    ],
    [
      'an old server',
      { '/v2/apps': FN_404, '/v1/apps': '200 {"apps":[]}', '/version': VERSION },
      'the Fn server <U> predates API v2, which came with 0.3.563 in 2018 (it is 0.3.500)',
      'upgrade it: docker pull fnproject/fnserver:latest',
    ],
    [
      'a redirect to https',
      { '/v2/apps': redirect },
      '<U> redirects to https://fn.example.org/api: use that URL, as what is sent on a redirect may get lost',
      'export FN_API_URL=https://fn.example.org/api',
    ],
    [
      'https wanted',
      { '/v2/apps': '400 Client sent an HTTP request to an HTTPS server.' },
      '<U> wants https',
      'export FN_API_URL=<S>',
    ],
    [
      'an error of its own',
      { '/v2/apps': '400 {"message":"one"}\n{"message":"two"}\n' },
      'one (GET /v2/apps)',
      '',
    ],
    [
      'a gateway without a server',
      { '/v2/apps': '502 <html>' },
      'the Fn server <U> cannot answer just now: status 502 (GET /v2/apps)',
      'run the command again later',
    ],
  ])('%s', async (_, answers, message, way) => {
    const url = await answering(answers);
    const error = await problem(url);
    expect(error.message).toBe(message.replace('<U>', url));
    expect(error.try ?? '').toContain(way.replace('<U>', url).replace('<S>', url.replace('http:', 'https:')));
  });

  test('a load balancer node', async () => {
    const strict = await startStrictFn({ nodes: 'api' });
    onTestFinished(() => strict.close());
    const { code, message } = await problem(strict.callUrl);
    expect([code, message]).toEqual([
      'unreachable',
      `${strict.callUrl} is an Fn node without API v2, by its looks a load balancer (FN_NODE_TYPE=lb): fnmesh needs the URL of the API node`,
    ]);
  });

  test('all is well: one request', async () => {
    const strict = await startStrictFn();
    onTestFinished(() => strict.close());
    expect(await new FnClient(strict.url).checkServer()).toEqual({ version: null, embedded: null });
    expect(strict.requests).toEqual(['GET /v2/apps?per_page=1']);
  });
});

describe('tokens', () => {
  test('none, a wrong one, the right one; none is ever shown', async () => {
    const strict = await startStrictFn({ token: 'right-secret' });
    onTestFinished(() => strict.close());
    expect(await problem(strict.url)).toMatchObject({
      code: 'failed',
      message: `${strict.url} wants a token: no access with no token`,
      try: 'export FN_TOKEN=…',
    });
    // The server says it back.
    expect((await problem(strict.url, 'wrong-secret')).message).toBe(
      `${strict.url} does not take the token that it was sent (FN_TOKEN): no access with Bearer …`,
    );
    expect(await new FnClient(strict.url, { token: 'right-secret' }).apps()).toEqual([]);
  });
});

describe('no connection', () => {
  const connection = { url: 'https://fn.example.org', timeoutMs: 30_000, token: 'secret' };

  test.each([
    ['ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:443', 'curl https://fn.example.org/version'],
    ['ECONNRESET', 'x', 'curl https://fn.example.org/version'],
    [
      'ENOTFOUND',
      'the name fn.example.org is not known (ENOTFOUND)',
      'correct --api-url, FN_API_URL or the Fn context',
    ],
    ['TIMEOUT', 'x', 'curl -m 30 https://fn.example.org/version'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'signed by itself or by an authority', 'export NODE_EXTRA_CA_CERTS=FILE'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'signed by itself or by an authority', 'export NODE_EXTRA_CA_CERTS=FILE'],
    [
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'signed by itself or by an authority',
      'export NODE_EXTRA_CA_CERTS=FILE',
    ],
    ['CERT_HAS_EXPIRED', 'has expired', 'openssl s_client -connect fn.example.org:443'],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'is for another host name: DNS:other',
      'a name that is in the certificate',
    ],
    ['EPROTO', 'does not speak https', 'export FN_API_URL=http://fn.example.org'],
  ])('%s', (code, message, way) => {
    const words = code.endsWith('ALTNAME_INVALID')
      ? "Hostname/IP does not match certificate's altnames: Host: fn.example.org. is not in the cert's altnames: DNS:other"
      : message;
    const error = unreachable(
      connection,
      new NoAnswer(Object.assign(new Error(words), { code }), { arrived: false }),
    );
    expect(error.code).toBe('unreachable');
    expect(error.message).toContain('https://fn.example.org');
    expect(error.message).toContain(message);
    expect(error.try).toContain(way);
    expect(`${error.message} ${error.try}`).not.toContain('secret');
  });

  test('a certificate that signs itself, and https where there is none', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'fnmesh-tls-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    execFileSync(
      'openssl',
      `req -x509 -newkey rsa:2048 -nodes -keyout ${key} -out ${cert} -days 1 -subj /CN=127.0.0.1`.split(' '),
      { stdio: 'pipe' },
    );
    const tls = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
    expect((await problem(`https://${await listening(tls)}`)).message).toContain('signed by itself');
    const plain = await listening(createServer((_, response) => void response.end()));
    expect((await problem(`https://${plain}`)).message).toBe(`https://${plain} does not speak https`);
  });

  test('a name that nobody has', async () => {
    const { message } = await problem('http://nobody.invalid:8080');
    expect(message).toMatch(
      /^no Fn server answers at http:\/\/nobody\.invalid:8080: the name nobody\.invalid is not known/,
    );
  });
});
