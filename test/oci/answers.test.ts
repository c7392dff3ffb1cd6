import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { parseChallenge } from '../../src/oci/distribution/auth.js';
import { limitTo } from '../../src/oci/limit.js';
import { parseReference } from '../../src/oci/reference.js';
import { Registry } from '../../src/oci/registry.js';
import { failure, push, testImage } from './images.js';
import type { Said, Seen } from './stand-in.js';
import { StandIn } from './stand-in.js';

const dir = mkdtempSync(join(tmpdir(), 'fnmesh-answers-'));
afterAll(() => rmSync(dir, { recursive: true }));

const open: StandIn[] = [];
async function standIn(before?: StandIn['before']): Promise<StandIn> {
  const registry = await StandIn.start(before);
  open.push(registry);
  return registry;
}
afterEach(() => {
  for (const registry of open.splice(0)) registry.close();
});

const nobody = { credentials: () => Promise.resolve(null) };
const me = { credentials: () => Promise.resolve({ username: 'me', password: 's3cret' }) };

/** Answers the first `times` requests that match with the same; the later ones are left to the registry. */
function first(times: number, matches: RegExp, said: Said): StandIn['before'] {
  let left = times;
  return ({ method, url }) => (matches.test(`${method} ${url.pathname}`) && left-- > 0 ? said : null);
}

describe('what passes is tried again', () => {
  test.each<[string, RegExp, Said]>([
    ['503 on the first look', /GET \/v2\/$/, { status: 503 }],
    ['429 with Retry-After', /HEAD .*manifests/, { status: 429, headers: { 'retry-after': '0' } }],
    ['a broken connection', /HEAD .*blobs/, { status: 0, cut: true }],
    ['500 when an upload begins', /POST/, { status: 500 }],
    ['502 at its end', /PUT .*uploads/, { status: 502 }],
    ['a connection that breaks at its end', /PUT .*uploads/, { status: 0, cut: true }],
    ['an upload that is lost', /PUT .*uploads/, { status: 404 }],
    ['504 on the manifest', /PUT .*manifests/, { status: 504 }],
  ])('%s', async (_what, matches, said) => {
    const registry = await standIn(first(2, matches, said));
    const image = await testImage(dir);
    await push(image, `${registry.host}/team/a:1`, { ...nobody, attempts: 3, uploads: 1 });
    expect(registry.manifests.get('team/a@1')).toBe(image.digest);
    expect(registry.blobs.size).toBe(3);
  });

  test('not for ever, and the end says what the registry said', async () => {
    const body = JSON.stringify({ errors: [{ code: 'UNKNOWN', message: 'disk\nfull' }] });
    const registry = await standIn(first(Infinity, /PUT .*uploads/, { status: 503, body }));
    const error = await failure(push(await testImage(dir), `${registry.host}/a:1`, nobody));
    expect(error.code).toBe('failed');
    expect(error.message).toMatch(/fails with status 503 on a blob of .* MB: UNKNOWN disk full$/);
    // Two attempts for each of three blobs.
    expect(registry.asked.filter((line) => line.startsWith('PUT'))).toHaveLength(6);
    expect(registry.manifests.size).toBe(0);
  });

  test.each<[string, Said, RegExp]>([
    ['breaks off each time', { status: 0, cut: true }, /keeps breaking off: .*(hang up|ECONNRESET|EPIPE)/],
    ['loses each upload', { status: 404 }, /keeps breaking off: .* lost an upload/],
  ])('a registry that %s', async (_what, said, message) => {
    const registry = await standIn(first(Infinity, /PUT .*uploads/, said));
    const error = await failure(push(await testImage(dir), `${registry.host}/a:1`, nobody));
    expect(error.message).toMatch(message);
    expect(error.try).toMatch(/try again/);
  });

  test('an upload that fails for one push is taken up by the next that needs it', async () => {
    const registry = await standIn();
    const [a, b] = [await testImage(dir), await testImage(dir)];
    const base = a.layers[0]!.digest;
    let refused = 0;
    registry.before = ({ method, url }) =>
      method === 'PUT' && url.searchParams.get('digest') === base && refused++ === 0 ? { status: 403 } : null;
    const run = new Registry({ ...nobody, attempts: 1 });
    const done = await Promise.allSettled([
      run.push(a, parseReference(`${registry.host}/a:1`)),
      run.push(b, parseReference(`${registry.host}/b:1`)),
    ]);
    expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const again = await Promise.all([
      run.push(a, parseReference(`${registry.host}/a:1`)),
      run.push(b, parseReference(`${registry.host}/b:1`)),
    ]);
    expect(again.map(({ digest }) => digest)).toEqual([a.digest, b.digest]);
    expect(registry.manifests.size).toBe(2);
  });
});

describe('limitTo', () => {
  test('runs at most so many at a time, in their order, and goes on after failures', async () => {
    const limit = limitTo(3);
    const started: number[] = [];
    let [running, most] = [0, 0];
    const work = (index: number) =>
      limit(async () => {
        started.push(index);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, index % 3));
        running--;
        if (index % 4 === 0) throw new Error(String(index));
        return index;
      });
    const done = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => work(index)));
    expect(most).toBe(3);
    expect(started).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(done.filter(({ status }) => status === 'rejected')).toHaveLength(5);
  });
});

describe('mounts', () => {
  test('a registry that mounts nothing gets the blob by the upload that it began', async () => {
    const registry = await standIn(({ method, url }) =>
      method === 'POST' && url.searchParams.has('mount')
        ? { status: 202, headers: { location: '/v2/b/blobs/uploads/mine' } }
        : null,
    );
    const image = await testImage(dir);
    const run = new Registry({ ...nobody });
    await run.push(image, parseReference(`${registry.host}/a:1`));
    const result = await run.push(image, parseReference(`${registry.host}/b:1`));
    expect(result).toMatchObject({ mounted: 0, skippedBlobs: 0 });
    expect(registry.asked.filter((line) => line === 'PUT /v2/b/blobs/uploads/mine')).toHaveLength(3);
    expect(registry.blobs.size).toBe(6);
  });

  test('a registry that refuses mounts gets plain uploads', async () => {
    const registry = await standIn(({ url }) => (url.searchParams.has('mount') ? { status: 405 } : null));
    const image = await testImage(dir);
    const run = new Registry({ ...nobody });
    await run.push(image, parseReference(`${registry.host}/a:1`));
    await run.push(image, parseReference(`${registry.host}/b:1`));
    expect(registry.blobs.size).toBe(6);
  });
});

describe('refusals say what helps', () => {
  const errors = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });
  test.each<[string, RegExp, Said, RegExp, RegExp]>([
    [
      'rights',
      /POST/,
      { status: 403, body: errors('DENIED', 'not yours') },
      /does not let you push to team\/a: DENIED not yours/,
      /docker login/,
    ],
    [
      'an unknown name',
      /POST/,
      { status: 404, body: errors('NAME_UNKNOWN', 'no such project') },
      /has no repository team\/a.*no such project/,
      /create it/,
    ],
    ['size', /PUT .*uploads/, { status: 413, body: '<html>nginx' }, /too large/, /client_max_body_size/],
    ['a mirror', /POST/, { status: 405 }, /takes no pushes/, /--registry/],
    [
      'a manifest',
      /PUT .*manifests/,
      { status: 400, body: errors('MANIFEST_INVALID', 'bad \u001b[31mcolour') },
      /refuses the manifest of team\/a with status 400: MANIFEST_INVALID bad {2}\[31mcolour/,
      /curl/,
    ],
    [
      'another server',
      /GET \/v2\/$/,
      { status: 404 },
      /is not a container registry.*status 404/,
      /--registry/,
    ],
    [
      'a web page',
      /GET \/v2\/$/,
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
      /is not a container registry.*a web page/,
      /--registry/,
    ],
    [
      'another digest',
      /PUT .*manifests/,
      { status: 201, headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } },
      /stored sha256:.* as sha256:000/,
      /proxy/,
    ],
  ])('%s', async (_what, matches, said, message, help) => {
    const registry = await standIn(first(Infinity, matches, said));
    const error = await failure(push(await testImage(dir), `${registry.host}/team/a:1`, nobody));
    expect(error.message).toMatch(message);
    expect(error.message).toContain(registry.host);
    expect(error.try).toMatch(help);
  });

  test('413 from a server that does not read the upload to its end', async () => {
    const big = randomBytes(8_000_000);
    const server = createServer((socket) => {
      let head = '';
      let answered = false;
      socket.on('error', () => undefined);
      socket.on('data', (piece: Buffer) => {
        if (answered) return;
        head += piece.toString('latin1');
        if (!head.includes('\r\n\r\n')) return;
        const [line = ''] = head.split('\r\n');
        head = '';
        if (line.startsWith('PUT')) {
          answered = true;
          socket.pause();
          socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        } else if (line.startsWith('POST')) {
          socket.write(
            'HTTP/1.1 202 Accepted\r\nLocation: /v2/a/blobs/uploads/1\r\nContent-Length: 0\r\n\r\n',
          );
        } else if (line.startsWith('GET')) {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        } else socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const error = await failure(push(await testImage(dir, big), `127.0.0.1:${port}/a:1`, nobody));
    server.close();
    expect(error.message).toMatch(/too large/);
  });

  test('nothing there', async () => {
    const registry = await StandIn.start();
    const { host } = registry;
    registry.close();
    const error = await failure(push(await testImage(dir), `${host}/a:1`, nobody));
    expect(error).toMatchObject({ code: 'unreachable', try: `curl -i http://${host}/v2/` });
    expect(error.message).toMatch(/no registry answers at 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  });

  // 0.0.0.0 leads to this machine, but is not one of its own names: as a registry elsewhere.
  test('plain http elsewhere is not spoken to unless insecure says so', async () => {
    const registry = await standIn();
    const image = await testImage(dir);
    const name = `0.0.0.0:${registry.port}/a:1`;
    const error = await failure(push(image, name, me));
    expect(error.message).toMatch(/speaks plain http/);
    expect(error.try).toMatch(/--insecure/);
    expect(registry.seen).toEqual([]);
    await push(image, name, { ...me, insecure: true });
    expect(registry.manifests.get('a@1')).toBe(image.digest);
  });
});

describe('parseChallenge', () => {
  const bearer = { scheme: 'bearer', realm: 'https://t/', service: 's' };
  test.each<[string | undefined, unknown]>([
    [undefined, null],
    ['Negotiate', null],
    ['Basic realm="x"', { scheme: 'basic' }],
    ['basic', { scheme: 'basic' }],
    ['Bearer realm="https://t/",service="s",scope="a:b:c"', bearer],
    ['bearer service=s, realm="https://t/"', bearer],
    ['Basic realm="x", Bearer realm="https://t/",service="s"', bearer],
    ['Bearer realm="https://t/",service="s", Basic realm="x"', bearer],
    [String.raw`Bearer realm="https://t/",service="a\"b"`, { ...bearer, service: 'a"b' }],
    ['Bearer service="s"', null],
    ['Bearer', null],
  ])('%j', (header, expected) => {
    expect(parseChallenge(header)).toEqual(expected);
  });
});

describe('tokens', () => {
  /** A registry that takes only the tokens of its token server; both are one process. */
  async function withTokens(allow: (seen: Seen) => Said | null = () => null): Promise<StandIn> {
    const registry = await standIn();
    const given = new Set<string>();
    registry.before = (seen) => {
      const { url, headers, body } = seen;
      if (url.pathname === '/token') {
        const refused = allow(seen);
        if (refused) return refused;
        const form = body.length > 0 ? new URLSearchParams(body.toString()) : url.searchParams;
        const token = `token ${given.size} ${form.getAll('scope').join(' ')}`.replaceAll(' ', '_');
        given.add(token);
        return { status: 200, body: JSON.stringify({ [body.length > 0 ? 'access_token' : 'token']: token }) };
      }
      const [, name] = /^\/v2\/(.+?)\/(?:blobs|manifests)\//.exec(url.pathname) ?? [];
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      const from = url.searchParams.get('from');
      const fits =
        given.has(token) &&
        (name === undefined || token.includes(`repository:${name}:pull,push`)) &&
        (from === null || token.includes(`repository:${from}:pull`));
      if (fits) return null;
      const realm = `http://${registry.host}/token`;
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="stand in"` } };
    };
    return registry;
  }
  const tokens = (registry: StandIn): Seen[] => registry.seen.filter(({ url }) => url.pathname === '/token');

  test('one for each set of scopes, with the login only at the token server', async () => {
    const registry = await withTokens();
    const image = await testImage(dir);
    const run = new Registry({ ...me });
    await run.push(image, parseReference(`${registry.host}/team/a:1`));
    const second = await run.push(image, parseReference(`${registry.host}/team/b:1`));
    expect(second.mounted).toBe(3);
    const asked = tokens(registry);
    expect(new Set(asked.map(({ url }) => url.searchParams.getAll('scope').join(' ')))).toEqual(
      new Set([
        'repository:team/a:pull,push',
        'repository:team/b:pull,push',
        'repository:team/b:pull,push repository:team/a:pull',
      ]),
    );
    expect(asked).toHaveLength(3);
    for (const { url, headers } of asked) {
      expect(url.searchParams.get('service')).toBe('stand in');
      expect(headers.authorization).toBe(`Basic ${Buffer.from('me:s3cret').toString('base64')}`);
    }
    const others = registry.seen.filter(({ url }) => url.pathname !== '/token');
    expect(others.some(({ headers }) => headers.authorization?.startsWith('Basic'))).toBe(false);
  });

  test('without a login, anonymously', async () => {
    const registry = await withTokens();
    await push(await testImage(dir), `${registry.host}/a:1`, nobody);
    expect(tokens(registry).map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('an identity token is exchanged', async () => {
    const registry = await withTokens();
    const credentials = () => Promise.resolve({ identityToken: 'r3fresh' });
    await push(await testImage(dir), `${registry.host}/a:1`, { credentials });
    expect(tokens(registry).map(({ method }) => method)).toEqual(['POST']);
    expect(Object.fromEntries(new URLSearchParams(tokens(registry)[0]!.body.toString()))).toEqual({
      grant_type: 'refresh_token',
      client_id: 'fnmesh',
      refresh_token: 'r3fresh',
      service: 'stand in',
      scope: 'repository:a:pull,push',
    });
  });

  test('a token that the registry takes no longer is renewed', async () => {
    const registry = await withTokens();
    const image = await testImage(dir);
    const run = new Registry({ ...me });
    const reference = parseReference(`${registry.host}/a:1`);
    await run.push(image, reference);
    const { before } = registry;
    let expired = false;
    registry.before = (seen) => {
      if (expired || seen.url.pathname === '/token') return before(seen);
      expired = true;
      return before({ ...seen, headers: {} });
    };
    expect((await run.push(image, reference)).pushedBytes).toBe(0);
    expect(tokens(registry)).toHaveLength(2);
  });

  test('a token server that is busy is asked again', async () => {
    let busy = 1;
    const registry = await withTokens(() => (busy-- > 0 ? { status: 503 } : null));
    await push(await testImage(dir), `${registry.host}/a:1`, me);
    expect(tokens(registry)).toHaveLength(2);
  });

  test.each([401, 403])('a login that the token server refuses with %d', async (status) => {
    const registry = await withTokens(() => ({ status, body: '{"details":"s3cret"}' }));
    const error = await failure(push(await testImage(dir), `${registry.host}/a:1`, me));
    expect(error).toMatchObject({ code: 'failed', try: `docker login ${registry.host}` });
    expect(`${error.message}`).not.toContain('s3cret');
  });

  test.each(['null', '{}', 'no json', '{"token":7}'])('no token in the answer: %s', async (body) => {
    const registry = await withTokens(() => ({ status: 200, body }));
    const error = await failure(push(await testImage(dir), `${registry.host}/a:1`, me));
    expect(error.message).toMatch(/gives out the tokens of .* gave none/);
  });

  test.each(['http://0.0.0.0:1/token', 'ftp://127.0.0.1/', '/token', 'http://evil.example/'])(
    'the login is not sent to %s',
    async (realm) => {
      const registry = await standIn(() => ({
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="${realm}",service="x"` },
      }));
      let asked = 0;
      const credentials = () => {
        asked++;
        return Promise.resolve({ username: 'me', password: 's3cret' });
      };
      const error = await failure(push(await testImage(dir), `${registry.host}/a:1`, { credentials }));
      expect(error.message).toMatch(/not over https/);
      expect(asked).toBe(0);
    },
  );
});

describe('logins stay with their registry', () => {
  const basic = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };

  test('an upload on another host, and redirects to one, get no login', async () => {
    const storage = await standIn(({ method }) =>
      method === 'PUT' ? { status: 201 } : method === 'HEAD' ? { status: 404 } : null,
    );
    const registry = await standIn(({ method, headers, url }) => {
      if (headers.authorization === undefined) return basic;
      if (method === 'POST') {
        return { status: 202, headers: { location: `http://${storage.host}/store?signature=x%2By` } };
      }
      return method === 'HEAD' && url.pathname.includes('/blobs/')
        ? { status: 307, headers: { location: `http://${storage.host}${url.pathname}` } }
        : null;
    });
    await push(await testImage(dir), `${registry.host}/a:1`, me);
    expect(storage.asked.sort()).toEqual([
      ...Array<string>(3).fill('HEAD /v2/a/blobs/DIGEST'),
      ...Array<string>(3).fill('PUT /store'),
    ]);
    expect(storage.seen.map(({ headers }) => headers.authorization)).toEqual(Array(6).fill(undefined));
    const put = storage.seen.find(({ method }) => method === 'PUT')!;
    expect(put.url.search).toMatch(/^\?signature=x%2By&digest=sha256%3A[0-9a-f]{64}$/);
  });

  test('plain http to another machine is not followed', async () => {
    const registry = await standIn(({ method }) =>
      method === 'POST' ? { status: 202, headers: { location: 'http://0.0.0.0:1/store' } } : null,
    );
    const error = await failure(push(await testImage(dir), `${registry.host}/a:1`, nobody));
    expect(error.message).toMatch(/leads to http:\/\/0\.0\.0\.0:1, which is not https/);
  });

  test('what the registry repeats of a login is not shown', async () => {
    const registry = await standIn(({ method, headers }) => {
      if (headers.authorization === undefined) return basic;
      const message = `you are me:s3cret, ${headers.authorization}`;
      const body = JSON.stringify({ errors: [{ code: 'DENIED', message }] });
      return method === 'POST' ? { status: 403, body } : null;
    });
    const error = await failure(push(await testImage(dir), `${registry.host}/a:1`, me));
    expect(error.message).toMatch(/DENIED you are me:\*\*\*, Basic \*\*\*/);
  });
});
