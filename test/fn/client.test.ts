import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PROTOCOL } from '../../src/control/protocol.js';
import { FnClient } from '../../src/fn/client.js';
import type { Fn, Trigger } from '../../src/fn/model.js';
import { apiServer } from '../helpers/api-server.js';

/** An id that nothing has. */
const ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

async function realApi() {
  const api = await apiServer();
  onTestFinished(api.close);
  return new FnClient(api.base);
}

/** A server that answers as the test says, and the requests that it got. */
async function staged(listener: RequestListener) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close(() => server.closeAllConnections()));
  return { server, requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const answering = (status: number, body: string) => (_: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(status).end(body);

describe('against the embedded Fn API', () => {
  test('apps, fns and triggers: made, found by name, changed, removed', async () => {
    const client = await realApi();
    const app = await client.createApp({ name: 'shop', config: { A: '1' } });
    expect(await client.app('shop')).toMatchObject({ id: app.id, config: { A: '1' } });
    expect(await client.app('other')).toBeUndefined();
    await client.updateApp(app.id, { config: { A: '', B: '2' } });
    expect((await client.apps()).map(({ config }) => config)).toEqual([{ B: '2' }]);
    const fn = await client.createFn({ app_id: app.id, name: 'cart-v1', image: 'x', memory: 64 });
    expect(fn).toMatchObject({ memory: 64, timeout: 30, config: {} });
    expect(await client.updateFn(fn.id, { timeout: 5 })).toMatchObject({ memory: 64, timeout: 5 });
    expect((await client.fn(app.id, 'cart-v1'))?.timeout).toBe(5);
    expect(await client.fnById(fn.id)).toMatchObject({ name: 'cart-v1', timeout: 5 });
    expect([await client.fnById(ID), await client.fnById('x')]).toEqual([undefined, undefined]);
    const trigger = await client.createTrigger({ app_id: app.id, fn_id: fn.id, name: 't', source: '/t' });
    await client.updateTrigger(trigger.id, { source: '/u', annotations: { note: 1 } });
    expect(await client.triggers(app.id, fn.id)).toMatchObject([{ source: '/u', annotations: { note: 1 } }]);
    await client.deleteTrigger(trigger.id);
    await client.deleteFn(fn.id);
    await client.deleteApp(app.id);
    expect(await client.apps()).toEqual([]);
  });

  test('the server says what it is', async () => {
    const info = await (await realApi()).info();
    expect(info).toMatchObject({ embedded: { version: '0.0.0-test', protocol: PROTOCOL } });
    expect(info.version).toMatch(/^\d/);
  });

  test('errors are the server’s own words', async () => {
    const client = await realApi();
    const { id } = await client.createApp({ name: 'shop' });
    await expect(client.createApp({ name: 'shop' })).rejects.toMatchObject({
      code: 'conflict',
      message: 'App already exists (POST /v2/apps)',
    });
    await expect(client.createApp({ name: 'a b' })).rejects.toMatchObject({ code: 'config' });
    await expect(client.deleteFn(ID)).rejects.toMatchObject({
      code: 'not_found',
      message: `Fn not found (DELETE /v2/fns/${ID})`,
    });
    await expect(client.createFn({ app_id: id, name: 'f', image: 'x', memory: -1 })).rejects.toMatchObject({
      code: 'config',
    });
  });

  test.each([99, 100, 101, 200])('a list of %i is read to its end', async (count) => {
    const client = await realApi();
    const app = await client.createApp({ name: 'shop' });
    await Promise.all(
      Array.from({ length: count }, (_, n) => client.createFn({ app_id: app.id, name: `f${n}`, image: 'x' })),
    );
    expect(new Set((await client.fns(app.id)).map(({ name }) => name)).size).toBe(count);
  });

  test('triggers of one name, of several fns, are all found where a page ends between them', async () => {
    const client = await realApi();
    const app = await client.createApp({ name: 'shop' });
    const fns = await Promise.all(
      ['a', 'b', 'c'].map((name) => client.createFn({ app_id: app.id, name, image: 'x' })),
    );
    const add = (fn: Fn | undefined, name: string, source: string) =>
      client.createTrigger({ app_id: app.id, fn_id: fn!.id, name, source });
    for (let n = 0; n < 99; n++) await add(fns[0], `a${String(n).padStart(3, '0')}`, `/${n}`);
    for (const fn of fns) await add(fn, 'same', `/same/${fn.name}`);
    await add(fns[0], 'z', '/z');
    expect(await client.triggers(app.id)).toHaveLength(103);
  });

  test('the server’s own annotations are never sent back', async () => {
    const client = await realApi();
    const app = await client.createApp({ name: 'shop' });
    const { id } = await client.createFn({ app_id: app.id, name: 'f', image: 'x' });
    const read = (await client.fn(app.id, 'f')) as Fn;
    expect(Object.keys(read.annotations ?? {})).toEqual(['fnproject.io/fn/invokeEndpoint']);
    const { annotations } = await client.updateFn(id, { annotations: { ...read.annotations, mine: true } });
    expect(annotations).toEqual({ mine: true });
  });
});

describe('against a server that is not well', () => {
  test('nobody there on this machine: said at once, with the way out', async () => {
    const { server, url } = await staged(answering(200, ''));
    await new Promise((resolve) => server.close(resolve));
    const said: string[] = [];
    const client = new FnClient(url, { onRetry: (text) => said.push(text) });
    await expect(client.apps()).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(`no Fn server answers at ${url}: connect ECONNREFUSED`) as string,
      try: 'fnmesh start',
    });
    expect(said).toEqual([]);
  });

  test('a server that was there and is gone is waited for', async () => {
    const { server, url } = await staged(answering(200, '{"items":[]}'));
    const said: string[] = [];
    const client = new FnClient(url, { backoffMs: 1, onRetry: (text) => said.push(text) });
    await client.apps();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(client.apps()).rejects.toMatchObject({ code: 'unreachable' });
    expect(said.at(-1)).toMatch(/^the Fn server refuses the connection; again (at once|in 0\.\d s)$/);
  });

  test('silence is limited in time, also in the middle of a body', async () => {
    const silent = await staged(() => undefined);
    const half = await staged(
      (_, response) => void response.writeHead(200, { 'content-length': 99 }).write('{'),
    );
    const cut = await staged((_, response) => {
      response.writeHead(200, { 'content-length': 99 }).write('{');
      setTimeout(() => response.destroy(), 20);
    });
    for (const { url, requests } of [silent, half, cut]) {
      const client = new FnClient(url, { timeoutMs: 100, backoffMs: 1 });
      await expect(client.apps()).rejects.toMatchObject({ code: 'unreachable' });
      expect(requests).toHaveLength(4);
    }
  });

  test('a kept connection that was closed meanwhile is opened again, and nothing is said', async () => {
    let calls = 0;
    const { url, requests } = await staged((request, response) => {
      // The second request of the connection meets a closed door.
      if (++calls === 2) request.socket.resetAndDestroy();
      else response.end('{"items":[]}');
    });
    const said: string[] = [];
    const client = new FnClient(url, { onRetry: (text) => said.push(text) });
    await client.apps();
    expect(await client.apps()).toEqual([]);
    expect([requests.length, said]).toEqual([3, []]);
  });

  test('lists that have no end, or no items, end', async () => {
    const { url, requests } = await staged(answering(200, '{"items":null,"next_cursor":"x"}'));
    expect(await new FnClient(url).apps()).toEqual([]);
    expect(requests).toHaveLength(2);
  });

  test('config null is an empty one, and a URL may lack its scheme', async () => {
    const { url } = await staged(answering(200, '{"items":[{"id":"1","name":"f","config":null}]}'));
    expect((await new FnClient(url.slice('http://'.length)).fns(ID))[0]?.config).toEqual({});
  });

  test('a token is sent', async () => {
    let sent: string | undefined;
    const { url } = await staged((request, response) => {
      sent = request.headers.authorization;
      response.end('{"items":[]}');
    });
    await new FnClient(url, { token: 'abc' }).apps();
    expect(sent).toBe('Bearer abc');
  });

  test.each(['http://', 'ftp://host', 'http://a b', '', 'http://me:secret@host'])('no URL: %j', (url) => {
    expect(() => new FnClient(url)).toThrowError(
      expect.objectContaining({
        code: 'usage',
        message: expect.not.stringMatching(/secret/) as string,
      }) as Error,
    );
  });
});

test('a trigger’s type is http', async () => {
  let body = '';
  const { url } = await staged((request, response) => {
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => response.end('{"id":"1"}'));
  });
  const made: Trigger = await new FnClient(url).createTrigger({
    app_id: ID,
    fn_id: ID,
    name: 't',
    source: '/t',
  });
  expect([made.id, JSON.parse(body)]).toEqual([
    '1',
    { type: 'http', app_id: ID, fn_id: ID, name: 't', source: '/t' },
  ]);
});
