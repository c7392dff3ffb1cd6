// Functions that misbehave, deployed and called as users do: what the caller is told, that the next call is answered
// and by itself, and that nothing is left behind.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workplace } from '../helpers/cli.js';
import { ask, lives, until, type Answer } from '../helpers/data-plane.js';
import { killed, started } from './stage.js';

const place = new Workplace();
const at = { cwd: 'shop' };
const SOURCE = readFileSync(join(import.meta.dirname, '../fixtures/functions/func.mjs'), 'utf8');
const modeFile = join(place.dir, 'mode');
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let port = 0;
let pid = 0;

/** Files of a version of the misbehaving function. */
function version(fn: string, name: string, config: Record<string, string> = {}): Record<string, string> {
  const values = Object.entries(config).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
  return {
    [`shop/${fn}/${name}/func.mjs`]: SOURCE,
    [`shop/${fn}/${name}/func.yaml`]:
      `schema_version: 20180708\nname: ${fn}-${name}\nversion: 0.0.1\nruntime: node\nentrypoint: node func.mjs\ntimeout: 1\n` +
      (values.length > 0 ? `config:\n${values.join('')}` : '') +
      `triggers:\n- name: ${fn}-${name}\n  type: http\n  source: /${fn}/${name}\n`,
  };
}

const call = (what: string, options: { body?: string; path?: string } = {}): Promise<Answer> =>
  ask(port, options.path ?? '/bad', {
    method: 'POST',
    body: options.body ?? '',
    headers: { 'X-Do': what },
    agent,
  });
/** A call that the function answers with exactly these bytes. */
const bytes = (text: string) => call('bytes', { body: text });
const message = ({ text }: Answer) => (JSON.parse(text) as { message: string }).message;
const pidOf = ({ text }: Answer) => Number(text.split(' ')[1]);

let asked = 0;
/** A call that must be answered, by its own answer and no other's. */
async function expectWell(): Promise<void> {
  const body = `call ${++asked}`;
  const answer = await call('echo', { body });
  expect([answer.status, answer.text]).toEqual([200, body]);
}

async function serve(): Promise<void> {
  const info = await started(place);
  port = Number(new URL(info.gatewayUrl).port);
  pid = info.pid;
}

beforeAll(async () => {
  writeFileSync(modeFile, '');
  place.write({
    'shop/app.yaml': 'name: shop\n',
    ...version('bad', 'v1', { MODE_FILE: modeFile }),
    ...version('good', 'v1'),
  });
  await serve();
  expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
});
afterAll(async () => {
  agent.destroy();
  await place.close();
});

describe('in a call', () => {
  const BROKEN = 'error receiving function response';
  test.each([
    ['it crashes', 'exit', 502, BROKEN],
    ['it hangs, and answers after its deadline', 'sleep 1500', 504, 'Timed out'],
    ['it closes without a byte', 'reset', 502, BROKEN],
    ['it closes in the middle of the body', 'short', 502, BROKEN],
    ['no HTTP', 'no-http', 502, BROKEN],
    ['a header name with a space', 'bad-name', 502, BROKEN],
    ['a header value with a control character', 'bad-value', 502, BROKEN],
    ['two lengths', 'two-lengths', 502, BROKEN],
    ['a head of 2 MB', 'big-head 2000000', 502, 'function response header too large'],
    ['a body over 64 MiB', 'big-body 67108865', 502, 'function response body too large'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n', 502, BROKEN],
    ['HTTP/2 in its first line', 'HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n', 502, BROKEN],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n', 502, BROKEN],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n', 502, BROKEN],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 0\r\n\r\n', 502, BROKEN],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 502, BROKEN],
    ['a length of letters', 'HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nab', 502, BROKEN],
    [
      'a chunk of no size',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n',
      502,
      BROKEN,
    ],
    ['half a head, then nothing', 'HTTP/1.1 200 OK\r\nContent-', 504, 'Timed out'],
    ['half a body, then nothing', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', 504, 'Timed out'],
    ['a protocol to change to', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', 502, BROKEN],
    [
      '100,000 headers',
      `HTTP/1.1 200 OK\r\n${'X-A: 1234567890\r\n'.repeat(100_000)}\r\n`,
      502,
      'function response header too large',
    ],
    [
      'a status that says it failed',
      'HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno',
      502,
      'invalid function response',
    ],
  ])('%s', async (_what, what, status, text) => {
    const answer = await (what.startsWith('HTTP/') ? bytes(what) : call(what));
    expect([answer.status, message(answer)]).toEqual([status, text]);
    expect([answer.headers['fnmesh-function'], answer.headers['fnmesh-version']]).toEqual(['bad', 'v1']);
    await expectWell();
  });

  test('a second response to one call answers nobody', async () => {
    const one = (text: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    for (let round = 0; round < 5; round++) {
      expect((await bytes(one('mine') + one('not asked for'))).text).toBe('mine');
      await expectWell();
    }
  });

  test('10 MB on stderr: the call is answered, and logs has its end', async () => {
    expect((await call('flood 10000000')).text).toBe('flooded');
    await expectWell();
    const ran = await place.run(['logs', 'bad', '-n', '3'], at);
    expect([ran.code, ran.stdout.split('\n').filter((line) => line.includes('xxxxxxxxxx')).length]).toEqual([
      0, 3,
    ]);
  });

  test('many at once, half of them bad: each is answered as it should be, and by itself', async () => {
    const kinds = [
      ['exit', 502],
      ['reset', 502],
      ['no-http', 502],
      ['sleep 1400', 504],
    ] as const;
    const all = Array.from({ length: 64 }, async (_, index) => {
      const [what, status] = kinds[index % 8] ?? ['echo', 200];
      const body = `mixed ${index}`;
      const answer = await call(what, { body });
      return (
        [answer.status, answer.status === 200 ? answer.text : ''].join() ===
        `${status},${status === 200 ? body : ''}`
      );
    });
    expect((await Promise.all(all)).filter((well) => !well)).toEqual([]);
    await expectWell();
  }, 60_000);
});

describe.runIf(process.platform === 'linux')('file descriptors', () => {
  const open = (of: number) => readdirSync(`/proc/${of}/fd`).length;

  test('a function that leaks all it may have is replaced when it can take no call; the server has lost none', async () => {
    await expectWell();
    const before = open(pid);
    for (let round = 0; round < 3; round++) {
      expect((await call('leak')).text).toBe('EMFILE');
      // Its connection works on; once that is closed it takes others only to reset them, and one call may notice.
      await call('close');
      await pause(20);
      expect([200, 502]).toContain((await call('hello')).status);
      await expectWell();
    }
    await expectWell();
    await expect.poll(() => open(pid)).toBeLessThan(before + 10);
  });
});

describe('at its start', () => {
  test.each([
    ['crash', /it ended with code 3 before it listened[\s\S]*I cannot go on/],
    ['mute', /it did not listen within 5 s/],
    ['stray', /lsnr\.sock is no link to a socket/],
  ])('%s: a deploy refuses it and says why, and what ran goes on', async (mode, says) => {
    place.write(version('bad', 'v1', { MODE: mode }));
    const ran = await place.run(['deploy', 'bad'], at);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(says);
    await expectWell();
    place.write(version('bad', 'v1', { MODE_FILE: modeFile }));
  });

  test.each([
    ['crash', 502, /^Container failed to initialize/],
    ['mute', 504, /^Container initialization timed out/],
    ['stray', 502, /^Container failed to initialize/],
  ])(
    '%s, after it ran well: callers are told, others do not wait, and it heals',
    async (mode, status, text) => {
      await expectWell();
      writeFileSync(modeFile, mode);
      await Promise.all(Array.from({ length: 8 }, () => call('exit')));
      const bad = call('hello');
      // Meanwhile the other function answers as ever.
      for (let count = 0; count < 20; count++) {
        const before = performance.now();
        expect((await call('hello', { path: '/good' })).status).toBe(200);
        expect(performance.now() - before).toBeLessThan(2000);
      }
      const answer = await bad;
      expect([answer.status, message(answer)]).toEqual([status, expect.stringMatching(text)]);
      writeFileSync(modeFile, '');
      await expectWell();
    },
  );
});

describe('children', () => {
  const child = async () => {
    const answer = await call('child');
    expect(answer.status).toBe(200);
    const found = Number(answer.text);
    expect(lives(found)).toBe(true);
    return found;
  };

  test('end with a process that crashes, hangs, is replaced by a deploy, or killed from outside', async () => {
    for (const end of ['exit', 'sleep 1400']) {
      const found = await child();
      expect((await call(end)).status).toBeGreaterThanOrEqual(502);
      await until(() => !lives(found));
    }
    const [leader, its] = [pidOf(await call('hello')), await child()];
    process.kill(leader, 'SIGKILL');
    await until(() => !lives(its));
    const replaced = await child();
    place.write(version('bad', 'v1', { MODE_FILE: modeFile, GREETING: 'new' }));
    expect((await place.run(['deploy', 'bad'], at)).code).toBe(0);
    await until(() => !lives(replaced));
    expect((await call('hello')).text).toMatch(/^new /);
  });

  test('end when the server is killed and another starts, and when it is stopped', async () => {
    const [leader, left] = [pidOf(await call('hello')), await child()];
    await killed(pid);
    await serve();
    await until(() => !lives(left) && !lives(leader));
    const last = await child();
    const { FN_LISTENER: listener } = JSON.parse((await call('env')).text) as { FN_LISTENER: string };
    const socketDir = dirname(listener.slice('unix:'.length));
    expect(existsSync(socketDir)).toBe(true);
    expect((await place.run(['stop'])).code).toBe(0);
    expect(lives(last)).toBe(false);
    expect(existsSync(socketDir)).toBe(false);
    expect(readdirSync(join(place.home, 'processes'))).toEqual([]);
    await serve();
    await expectWell();
  });
});
