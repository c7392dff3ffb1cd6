import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp, Workplace } from '../helpers/cli.js';

type Split = {
  rows: { function: string; before: Record<string, number>; after: Record<string, number> }[];
  number: number | null;
};
type Status = {
  apps: {
    functions: {
      function: string;
      versions: { version: string; weight: number; state: string; requests: number }[];
    }[];
  }[];
};

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('the main job on one function', () => {
  const place = new Workplace();
  const at = { cwd: 'hello' };
  let gateway = '';
  let fnUrl = '';

  beforeAll(async () => {
    place.write(nodeApp('hello', { hello: ['v1', 'v2'] }));
    const deployed = await place.json<{
      versions: { build: string; deploy: string }[];
      next: { command: string }[];
    }>(['deploy', '--all'], at);
    expect(deployed.result.versions.map(({ build, deploy }) => [build, deploy])).toEqual([
      ['built', 'created'],
      ['built', 'created'],
    ]);
    expect(deployed.result.next.map(({ command }) => command)).toEqual(['fnmesh shift v2=10']);
    ({ gatewayUrl: gateway, fnUrl } = await place.server());
  });
  afterAll(() => place.close());

  const versionOf = async (headers: Record<string, string> = {}) =>
    (await fetch(gateway, { headers })).headers.get('fnmesh-version');

  test('the lowest version answers, and replies name function and version', async () => {
    const reply = await fetch(`${gateway}/?a=1`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('fnmesh-function')).toBe('hello');
    expect(reply.headers.get('fnmesh-version')).toBe('v1');
    expect(await reply.json()).toMatchObject({ text: 'v1', method: 'GET' });
  });

  test("each version has Fn's trigger address, and the article's old one", async () => {
    expect(await (await fetch(`${fnUrl}/t/hello/v2`)).json()).toMatchObject({ text: 'v2' });
    expect(await (await fetch(`${fnUrl}/r/hello/v2`)).json()).toMatchObject({ text: 'v2' });
  });

  test('a header pins one request; an unknown version falls through to the split', async () => {
    expect(await versionOf({ 'Fnmesh-Version': 'v2' })).toBe('v2');
    expect(await versionOf({ 'Fnmesh-Version': 'v9' })).toBe('v1');
  });

  test('pipelined requests are each answered, in order', async () => {
    const one = 'GET / HTTP/1.1\r\nHost: localhost\r\n';
    const socket = connect(Number(new URL(gateway).port), '127.0.0.1');
    socket.write(`${one}\r\n${one}Fnmesh-Version: v2\r\n\r\n${one}Connection: close\r\n\r\n`);
    const text = await readAll(socket);
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '200',
      '200',
      '200',
    ]);
    expect([...text.matchAll(/^Fnmesh-Version: (\S+)/gm)].map(([, version]) => version)).toEqual([
      'v1',
      'v2',
      'v1',
    ]);
  });

  test('config does not decide what code runs', async () => {
    const { items } = (await (await fetch(`${fnUrl}/v2/apps?name=hello`)).json()) as {
      items: { id: string }[];
    };
    const change = { config: { NODE_OPTIONS: '--require /nowhere.js', GREETING: 'hi' } };
    const put = await fetch(`${fnUrl}/v2/apps/${items[0]!.id}`, {
      method: 'PUT',
      body: JSON.stringify(change),
    });
    expect(put.status).toBe(200);
    expect(await (await fetch(gateway)).json()).toMatchObject({ text: 'v1', config: 'hi' });
    expect((await place.run(['logs', 'v1'], at)).stdout).toContain('config NODE_OPTIONS is not passed on');
    const undo = { config: { NODE_OPTIONS: '', GREETING: '' } };
    await fetch(`${fnUrl}/v2/apps/${items[0]!.id}`, { method: 'PUT', body: JSON.stringify(undo) });
  });

  test('large binary bodies pass', async () => {
    const body = Buffer.alloc(5 * 1024 * 1024, 7);
    expect(await (await fetch(gateway, { method: 'PUT', body })).json()).toMatchObject({
      bytes: body.length,
      method: 'PUT',
    });
  });

  test('an unchanged deploy says so and writes nothing', async () => {
    const again = await place.json<{ versions: { build: string; deploy: string }[] }>(
      ['deploy', '--all'],
      at,
    );
    expect(again.result.versions.map(({ build, deploy }) => [build, deploy])).toEqual([
      ['unchanged', 'unchanged'],
      ['unchanged', 'unchanged'],
    ]);
    expect((await place.json<{ changes: unknown[] }>(['history'], at)).result.changes).toHaveLength(1);
  });

  test('shift, probe, undo and history', async () => {
    const dry = await place.json<Split>(['shift', 'v2=50', '--dry-run'], at);
    expect(dry.result.rows[0]!.after).toEqual({ v1: 5000, v2: 5000 });
    // Nobody waited: the embedded gateway has it with the write.
    const half = await place.json<Split>(['shift', 'v2=50', '-m', 'half'], at);
    expect(half.result).toMatchObject({ number: 2, arrivals: null });
    const probed = await place.json<{
      observed: Record<string, number>;
      errors: number;
      verdict: { outcome: string };
    }>(['probe', '-n', '300'], at);
    expect(probed).toMatchObject({ ok: true, code: 0, result: { errors: 0, verdict: { outcome: 'pass' } } });
    expect(Math.abs(probed.result.observed['v1']! - 150)).toBeLessThanOrEqual(2);
    expect((await place.json<Split>(['shift', 'v2=50'], at)).result.number).toBeNull();
    await place.json(['shift', 'v2=12.5'], at);
    const back = await place.json<Split>(['undo'], at);
    expect(back.result).toMatchObject({ rows: [{ after: { v1: 5000, v2: 5000 } }], arrivals: null });
    expect((await place.json<Split>(['rollback'], at)).result.rows[0]!.after).toEqual({ v1: 10_000, v2: 0 });
    const empty = await place.json(['undo'], at);
    expect(empty).toMatchObject({ ok: false, code: 2, error: { code: 'not_found' } });
    expect((await place.json<Split>(['undo', '--to', '3'], at)).result.rows[0]!.after).toEqual({
      v1: 8750,
      v2: 1250,
    });
    const { result } = await place.json<{
      changes: { number: number; verb: string; message: string | null }[];
    }>(['history'], at);
    expect(result.changes.map(({ number, verb }) => `${number} ${verb}`)).toEqual([
      '6 undo',
      '5 undo',
      '4 undo',
      '3 shift',
      '2 shift',
      '1 deploy',
    ]);
    expect(result.changes.at(-2)!.message).toBe('half');
  });

  test('--if-revision refuses what was planned on an older state', async () => {
    expect(await place.json(['shift', 'v2=+1', '--if-revision', '3'], at)).toMatchObject({
      code: 1,
      error: { code: 'conflict' },
    });
  });

  test('call pins a version, passes a body, and gives bytes as they are', async () => {
    const called = await place.json<{ version: string; status: number; callId: string }>(
      ['call', 'v2', '-d', 'hi'],
      at,
    );
    expect(called.result).toMatchObject({ version: 'v2', status: 200 });
    expect((await place.run(['call', 'hello/v1', '-i'], at)).stdout).toMatch(
      /^HTTP 200\n[\s\S]*Fnmesh-Version: v1/,
    );
    const logs = await place.json<{ lines: { text: string; callId: string }[] }>(
      ['logs', '--call', called.result.callId],
      at,
    );
    expect(logs.result.lines.map(({ text }) => text)).toEqual([expect.stringMatching(/^call \d+$/)]);
  });

  test('status shows weights, states and counts', async () => {
    const { result } = await place.json<Status>(['status'], at);
    const [v1, v2] = result.apps[0]!.functions[0]!.versions;
    expect(v1).toMatchObject({ version: 'v1', weight: 8750, state: 'running' });
    expect(v2).toMatchObject({ version: 'v2', weight: 1250 });
    expect(v1!.requests).toBeGreaterThan(100);
    expect((await place.run(['status'], at)).stdout).toMatch(
      /FUNCTION +VERSION +RELEASE +WEIGHT[\s\S]*87\.5 %/,
    );
  });

  test('a changed version is deployed in place without a failed request, and says so', async () => {
    await place.run(['shift', 'v2=50'], at);
    let failed = 0;
    let sent = 0;
    let stop = false;
    const load = Array.from({ length: 4 }, async () => {
      while (!stop) {
        sent++;
        const ok = await fetch(gateway).then(
          (reply) => reply.arrayBuffer().then(() => reply.status === 200),
          () => false,
        );
        if (!ok) failed++;
      }
    });
    for (const text of ['v2 again', 'v2 anew']) {
      const files = nodeApp('hello', { hello: ['v2'] });
      place.write({ 'hello/v2/func.js': files['hello/v2/func.js']!.replace('"v2"', JSON.stringify(text)) });
      const ran = await place.run(['deploy', 'v2'], at);
      expect(ran.stdout).toContain('changed in place, with 50 % of the traffic');
      expect(ran.code).toBe(0);
      expect(await (await fetch(gateway, { headers: { 'Fnmesh-Version': 'v2' } })).json()).toMatchObject({
        text,
      });
    }
    stop = true;
    await Promise.all(load);
    expect({ failed, enough: sent > 50 }).toEqual({ failed: 0, enough: true });
  });

  test('a version that does not start is refused, and the old one goes on', async () => {
    place.write({ 'hello/v2/func.js': "console.error('no such table'); process.exit(3);\n" });
    const ran = await place.run(['deploy', '--all'], at);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('no such table');
    expect(await (await fetch(gateway, { headers: { 'Fnmesh-Version': 'v2' } })).json()).toMatchObject({
      text: 'v2 anew',
    });
  });

  test('a version deleted behind its back keeps its share, with 404, and is shown as missing', async () => {
    const { items } = (await (await fetch(`${fnUrl}/v2/apps?name=hello`)).json()) as {
      items: { id: string }[];
    };
    const fns = (await (await fetch(`${fnUrl}/v2/fns?app_id=${items[0]!.id}&name=hello-v2`)).json()) as {
      items: { id: string }[];
    };
    expect((await fetch(`${fnUrl}/v2/fns/${fns.items[0]!.id}`, { method: 'DELETE' })).status).toBe(204);
    const reply = await fetch(gateway, { headers: { 'Fnmesh-Version': 'v2' } });
    expect([reply.status, reply.headers.get('fnmesh-version')]).toEqual([404, 'v2']);
    expect(await reply.json()).toEqual({ message: 'Trigger not found' });
    const { result } = await place.json<Status>(['status'], at);
    expect(result.apps[0]!.functions[0]!.versions[1]).toMatchObject({
      version: 'v2',
      weight: 5000,
      state: 'missing',
    });
    expect((await place.json(['probe', '-n', '20'], at)).code).toBe(1);
  });

  test('destroy refuses what has weight, then takes all away', async () => {
    expect(await place.json(['destroy', 'v1', '--yes'], at)).toMatchObject({
      code: 1,
      error: { code: 'conflict' },
    });
    expect(await place.json(['destroy', '--all'], at)).toMatchObject({ code: 2, error: { code: 'usage' } });
    expect(
      (await place.json<{ appRemoved: boolean }>(['destroy', '--all', '--yes'], at)).result.appRemoved,
    ).toBe(true);
    expect((await fetch(gateway)).status).toBe(404);
    expect((await place.json<Status>(['status'], at)).result.apps[0]!.functions).toEqual([]);
  });
});

describe('an app of many functions', () => {
  const place = new Workplace();
  const at = { cwd: 'shop' };

  beforeAll(async () => {
    place.write(nodeApp('shop', { cart: ['v1', 'v2'], 'cart-lines': ['v1', 'v2'], price: ['v1', 'v2'] }));
    expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
  });
  afterAll(() => place.close());

  test('a function answers at its path', async () => {
    const { gatewayUrl } = await place.server();
    expect((await fetch(`${gatewayUrl}/cart`)).headers.get('fnmesh-function')).toBe('cart');
    for (const path of ['/', '/cart/', '/cartx', '//cart', '/ca%72t'])
      expect((await fetch(gatewayUrl + path)).status).toBe(404);
  });

  test('several functions move in one change and go back in one', async () => {
    const moved = await place.json<Split>(['shift', 'cart/v2=10', 'price/v2=20'], at);
    expect(moved.result.rows.map((row) => [row.function, row.after['v2']])).toEqual([
      ['cart', 1000],
      ['price', 2000],
    ]);
    const globbed = await place.json<Split>(['shift', 'cart*/v2=30'], at);
    expect(globbed.result.rows.map((row) => row.function)).toEqual(['cart', 'cart-lines']);
    expect(await place.json(['undo', 'price'], at)).toMatchObject({ code: 1, error: { code: 'conflict' } });
    await place.json(['undo'], at);
    const undone = await place.json<Split>(['undo'], at);
    expect(undone.result.rows.map((row) => [row.function, row.after['v2']])).toEqual([
      ['cart', 0],
      ['price', 0],
    ]);
  });

  test('one bad function of a shift keeps all as they were', async () => {
    expect(await place.json(['shift', 'cart/v2=10', 'price/v9=10'], at)).toMatchObject({
      code: 2,
      error: { code: 'not_found' },
    });
    const { result } = await place.json<Status>(['status'], at);
    expect(result.apps[0]!.functions.map((fn) => fn.versions[1]!.weight)).toEqual([0, 0, 0]);
  });

  test('add makes a new version that arrives without traffic', async () => {
    expect((await place.run(['add', 'cart/v3'], at)).code).toBe(0);
    const deployed = await place.json<{ next: { command: string }[] }>(['deploy', 'cart'], at);
    expect(deployed.result.next.map(({ command }) => command)).toEqual(['fnmesh shift cart/v3=10']);
    expect((await place.json(['destroy', 'cart/v3', '--yes'], at)).code).toBe(0);
  });

  test('what cannot run here is stored, says so, and is a failure only when named', async () => {
    place.write({
      'shop/j/func.yaml': 'schema_version: 20180708\nname: j\nversion: 0.0.1\nruntime: java17\n',
    });
    const all = await place.run(['deploy', '--all'], at);
    expect([all.code, all.stdout.includes('cannot run on the embedded server')]).toEqual([0, true]);
    expect((await place.run(['deploy', 'j'], at)).code).toBe(1);
    const called = await place.json(['call', 'j'], at);
    expect(called).toMatchObject({
      code: 2,
      error: { code: 'not_found', message: expect.stringMatching(/cannot run/) as string },
    });
    const { result } = await place.json<Status & { apps: { foreign: string[] }[] }>(['status'], at);
    expect(result.apps[0]!.foreign).toEqual([]);
    expect(result.apps[0]!.functions.find((fn) => fn.function === 'j')!.versions[0]).toMatchObject({
      state: 'cannot run',
    });
    expect((await place.json(['logs', 'j'], at)).code).toBe(0);
    expect((await place.json(['destroy', 'j', '--yes'], at)).code).toBe(0);
  });

  test('a deploy in place stands in the history with its message', async () => {
    place.write({
      'shop/price/v1/func.js': `${nodeApp('shop', { price: ['v1'] })['shop/price/v1/func.js']!}// changed`,
    });
    await place.run(['deploy', 'price', '-m', 'a fix'], at);
    const { result } = await place.json<{ changes: { verb: string; message: string | null }[] }>(
      ['history', 'price', '-n', '1'],
      at,
    );
    expect(result.changes).toMatchObject([{ verb: 'deploy', message: 'a fix' }]);
  });

  test('an app that is not there is an error, not an empty one', async () => {
    expect(await place.json(['status', '--app', 'nosuch'], at)).toMatchObject({
      code: 2,
      error: { code: 'not_found' },
    });
  });
});
