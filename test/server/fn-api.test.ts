// What the recorded contract does not hold: who is refused, limits, races, restarts.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROTOCOL } from '../../src/control/protocol.js';
import { State } from '../../src/server/state.js';
import { apiServer, type ApiServer } from '../helpers/api-server.js';
import { send, type ContractRequest } from '../helpers/contract.js';
import { exchange, headerValues } from '../helpers/raw-http.js';

let server: ApiServer;

beforeEach(async () => {
  server = await apiServer();
});
afterEach(() => server.close());

async function call(method: string, path: string, more: Partial<ContractRequest> = {}) {
  const answer = await send({ method, path, ...more }, server.base);
  const text = answer?.body.toString('utf8') ?? '';
  return {
    status: answer?.status,
    answer: answer!,
    json: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>,
  };
}

const create = async (path: string, body: ContractRequest['body']) => {
  const { status, json } = await call('POST', path, { body: body! });
  expect([status, json]).toEqual([200, json]);
  return json['id'] as string;
};

describe('who may manage', () => {
  test.each([
    ['a page’s Origin', { Origin: 'http://evil.test' }],
    ['an Origin of this machine', { Origin: 'http://localhost:3000' }],
    ['a cross-site request', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a rebound name', { Host: 'evil.test:8080' }],
    ['a name that only the contract allows', { Host: 'fn.example.test' }],
  ])('%s is refused on every path of /v2', async (_, headers) => {
    for (const [method, path] of [
      ['POST', '/v2/apps'],
      ['GET', '/v2/apps'],
      ['GET', '/v2/apps/'],
      ['GET', '/v2'],
      ['GET', '/v2%2Fapps'],
      ['DELETE', '/v2/fns/x'],
      ['GET', '/v2/nope'],
    ] as const) {
      const { status, json } = await call(method, path, { headers });
      expect([method, path, status]).toEqual([method, path, 403]);
      expect(json['message']).toMatch(/refused/);
    }
    expect(server.state.objects.listApps({}).items).toEqual([]);
  });

  test('health and version are for all', async () => {
    for (const path of ['/', '/version']) {
      expect(
        (await call('GET', path, { headers: { Host: 'evil.test', Origin: 'http://evil.test' } })).status,
      ).toBe(200);
    }
  });

  test('two Hosts are refused', async () => {
    const bytes = Buffer.from('GET /v2/apps HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n');
    const answer = await exchange({ host: '127.0.0.1', port: server.port }, bytes, 'GET');
    expect([400, 403]).toContain(answer?.status);
  });
});

test('every answer names the embedded server', async () => {
  for (const path of ['/', '/version', '/v2/apps', '/nope', '/v2/apps/', '/v2/apps/x']) {
    const { answer } = await call('GET', path);
    expect(headerValues(answer, 'fnmesh-server')).toEqual([`0.0.0-test; protocol=${PROTOCOL}`]);
  }
});

describe('bodies and paths', () => {
  test('a body over 1 MiB is 413, sent whole or in chunks', async () => {
    for (const chunked of [false, true]) {
      const { status, json } = await call('POST', '/v2/apps', {
        rawBody: `{"name":"${'n'.repeat(1024 * 1024)}"}`,
        chunked,
      });
      expect([status, json['message']]).toEqual([413, expect.stringMatching(/larger than 1048576 bytes/)]);
    }
  });

  test('JSON that nests deeper than the stack is refused or ignored', async () => {
    const deep = '['.repeat(400_000) + ']'.repeat(400_000);
    expect((await call('POST', '/v2/apps', { rawBody: `{"name":"a","x":${deep}}` })).status).toBe(200);
    expect(
      (await call('POST', '/v2/apps', { rawBody: `{"name":"b","annotations":{"k":${deep}}}` })).status,
    ).toBe(400);
  });

  test('keys that mean something to JavaScript are keys like others', async () => {
    const rawBody = '{"name":"a","config":{"__proto__":"p","constructor":"c"},"annotations":{"__proto__":1}}';
    const { json } = await call('POST', '/v2/apps', { rawBody });
    const { answer } = await call('GET', `/v2/apps/${json['id'] as string}`);
    expect(answer.body.toString()).toContain(
      '"config":{"__proto__":"p","constructor":"c"},"annotations":{"__proto__":1}',
    );
    const after = await call('PUT', `/v2/apps/${json['id'] as string}`, {
      rawBody: '{"config":{"__proto__":""}}',
    });
    expect(after.json['config']).toEqual({ constructor: 'c' });
  });

  test.each([
    ['/v2/apps/%', 400],
    ['/v2/apps/%ff', 400],
    ['/v2/apps/a%2Fb', 404],
    ['/v2/fns/__proto__', 404],
    ['/v2/apps/%00', 404],
    ['//v2/apps', 404],
  ])('GET %s is %i', async (path, status) => {
    expect((await call('GET', path)).status).toBe(status);
  });
});

describe('races', () => {
  test('of two creations of the same name one succeeds', async () => {
    const apps = await Promise.all(
      Array.from({ length: 8 }, () => call('POST', '/v2/apps', { body: { name: 'a' } })),
    );
    expect(apps.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409]);
    const app_id = server.state.appByName('a')!.id;
    const fns = await Promise.all(
      Array.from({ length: 8 }, () => call('POST', '/v2/fns', { body: { app_id, name: 'f', image: 'i' } })),
    );
    expect(fns.filter(({ status }) => status === 200)).toHaveLength(1);
    const fn_id = server.state.fnsOf(app_id)[0]!.id;
    const triggers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        call('POST', '/v2/triggers', { body: { app_id, fn_id, name: `t${i}`, type: 'http', source: '/s' } }),
      ),
    );
    expect(triggers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('a fn is not left behind in an app that is being deleted', async () => {
    const app_id = await create('/v2/apps', { name: 'a' });
    const [, made] = await Promise.all([
      call('DELETE', `/v2/apps/${app_id}`),
      call('POST', '/v2/fns', { body: { app_id, name: 'f', image: 'i' } }),
    ]);
    if (made.status === 200)
      expect((await call('GET', `/v2/fns/${made.json['id'] as string}`)).status).toBe(404);
    else expect(made.status).toBe(404);
  });
});

test('an empty per_page, a huge one and a cursor beyond the end', async () => {
  for (const name of ['b', 'a', '𝒜', '\uFA0E']) await create('/v2/apps', { name });
  const names = (json: Record<string, unknown>) =>
    (json['items'] as { name: string }[]).map(({ name }) => name);
  // By bytes of UTF-8, where U+FA0E comes before U+1D49C.
  expect(names((await call('GET', '/v2/apps?per_page=99999999999999999999')).json)).toEqual([
    'a',
    'b',
    '\uFA0E',
    '𝒜',
  ]);
  const { json } = await call('GET', '/v2/apps?per_page=3');
  expect(names((await call('GET', `/v2/apps?cursor=${json['next_cursor'] as string}`)).json)).toEqual(['𝒜']);
});

test('everything is there after a restart, ids included', async () => {
  const app_id = await create('/v2/apps', { name: 'a', config: { A: '1' } });
  const fn_id = await create('/v2/fns', { app_id, name: 'f', image: 'i' });
  await create('/v2/triggers', { app_id, fn_id, name: 't', type: 'http', source: '/s' });
  const before = [
    server.state.app(app_id),
    server.state.fn(fn_id),
    server.state.triggerBySource(app_id, '/s'),
    server.state.objects.listTriggers(app_id, fn_id, {}),
  ];
  await server.state.close();
  const again = await State.open(server.dir);
  expect([
    again.app(app_id),
    again.fn(fn_id),
    again.triggerBySource(app_id, '/s'),
    again.objects.listTriggers(app_id, fn_id, {}),
  ]).toEqual(before);
  await again.close();
  server.state.close = () => Promise.resolve(); // afterEach need not close it twice.
});

test('a disk that fails is a 500 that says so, and nothing has changed', async () => {
  const faulty = await apiServer(
    {},
    {
      open: async (path, flags, mode) => {
        const { open } = await import('node:fs/promises');
        const handle = await open(path, flags, mode);
        let writes = 0;
        return new Proxy(handle, {
          get(target, key) {
            const value: unknown = Reflect.get(target, key);
            if (key === 'write' && ++writes === 2) {
              return () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
            }
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        });
      },
    },
  );
  try {
    const post = () => send({ method: 'POST', path: '/v2/apps', body: { name: 'a' } }, faulty.base);
    const refused = await post();
    expect(refused?.status).toBe(500);
    expect(refused?.body.toString()).toMatch(/no space is left on its disk/);
    expect(faulty.state.appByName('a')).toBeUndefined();
    expect((await post())?.status).toBe(200);
  } finally {
    await faulty.close();
  }
});
