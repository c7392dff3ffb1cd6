// Hot functions with real processes: how many there are, what ends them, what a caller is told.
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { newId } from '../../src/fn/id.js';
import { openRecords } from '../../src/server/functions/records.js';
import { ask, invoke, lives, testPlane, until, type TestPlane } from '../helpers/data-plane.js';

let plane: TestPlane;
afterEach(() => plane.close());

const message = (text: string) => (JSON.parse(text) as { message: string }).message;
const pidOf = (text: string) => Number(text.split(' ')[1]);

describe('processes', () => {
  test('one process answers call after call; its environment has nothing of ours', async () => {
    plane = await testPlane();
    process.env.SECRET_OF_THE_USER = 'x';
    plane.catalog.addApp('other');
    const fn = plane.add('f', { A: '1', FN_TYPE: 'mine', PATH_X: 'y' });
    const first = await invoke(plane, fn, 'hello');
    const second = await invoke(plane, fn, 'hello');
    expect([first.text.split(' ')[2], second.text.split(' ')[2]]).toEqual(['1', '2']);
    expect(pidOf(first.text)).toBe(pidOf(second.text));
    const env = JSON.parse((await invoke(plane, fn, 'env')).text) as Record<string, string>;
    delete process.env.SECRET_OF_THE_USER;
    expect(env).toMatchObject({
      A: '1',
      FN_TYPE: 'sync',
      FN_APP_NAME: 'shop',
      FN_FN_NAME: 'f',
      FN_FN_ID: fn.id,
    });
    expect(env).toMatchObject({
      FN_MEMORY: '128',
      FN_FORMAT: 'http-stream',
      FN_LOGFRAME_HDR: 'Fn-Call-Id',
      GOMAXPROCS: '1',
    });
    expect(env).not.toHaveProperty('SECRET_OF_THE_USER');
    expect(plane.functions.state(fn.id)?.processes).toEqual({ starting: 0, idle: 1, busy: 0 });
  });

  test('each process has one call at a time; there are no more than the limit', async () => {
    plane = await testPlane({ perSlot: 3 });
    const fn = plane.add('f');
    const pids = new Set<number>();
    // A busy machine may be done with the first calls before the third process is there.
    for (let round = 0; round < 20 && pids.size < 3; round++) {
      const calls = Array.from({ length: 9 }, () => invoke(plane, fn, 'together 100'));
      const answers = await Promise.all(calls);
      expect(answers.map(({ status }) => status)).toEqual(Array(9).fill(200));
      expect(answers.every(({ text }) => text.startsWith('1 '))).toBe(true);
      for (const { text } of answers) pids.add(pidOf(text));
    }
    expect(pids.size).toBe(3);
  });

  test('calls that wait are taken in the order they came', async () => {
    plane = await testPlane({ perSlot: 1 });
    const fn = plane.add('f');
    const done: number[] = [];
    const asked: Promise<unknown>[] = [];
    for (let i = 0; i < 6; i++) {
      asked.push(invoke(plane, fn, 'sleep 30').then(() => done.push(i)));
      await pause(5);
    }
    await Promise.all(asked);
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('the cap over all: an idle process makes room, and nobody starves', async () => {
    plane = await testPlane({ perSlot: 2, maxProcesses: 2 });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => plane.add(name));
    expect((await invoke(plane, a!, 'hello')).status).toBe(200);
    expect((await invoke(plane, b!, 'hello')).status).toBe(200);
    expect((await invoke(plane, c!, 'hello')).status).toBe(200);
    const busy = Array.from({ length: 40 }, () => invoke(plane, a!, 'sleep 20'));
    await pause(50);
    const other = await invoke(plane, b!, 'hello');
    expect(other.status).toBe(200);
    expect((await Promise.all(busy)).every(({ status }) => status === 200)).toBe(true);
    const total = [a, b, c].map((fn) => plane.functions.state(fn!.id)!.processes);
    expect(
      total.reduce((sum, { starting, idle, busy: some }) => sum + starting + idle + some, 0),
    ).toBeLessThan(3);
  });

  test('an idle process ends after idle_timeout, with its directory', async () => {
    plane = await testPlane();
    const fn = plane.add('f', {}, { idle_timeout: 1 });
    const env = JSON.parse((await invoke(plane, fn, 'env')).text) as { FN_LISTENER: string };
    const pid = pidOf((await invoke(plane, fn, 'hello')).text);
    expect(lives(pid)).toBe(true);
    await until(() => !lives(pid), 4000);
    await until(() => plane.functions.state(fn.id)!.processes.idle === 0);
    const dir = env.FN_LISTENER.slice('unix:'.length).replace(/\/lsnr\.sock$/, '');
    await until(() => !readdirSync(tmpdir()).includes(dir.slice(tmpdir().length + 1)));
    expect(readdirSync(join(plane.stateDir, 'processes'))).toEqual([]);
    expect((await invoke(plane, fn, 'hello')).status).toBe(200);
  });

  test('a process that dies while idle is replaced without a failed call', async () => {
    plane = await testPlane();
    const fn = plane.add('f');
    const pid = Number((await invoke(plane, fn, 'exit-later 1')).text);
    await until(() => !lives(pid));
    const next = await invoke(plane, fn, 'hello');
    expect(next.status).toBe(200);
    expect(pidOf(next.text)).not.toBe(pid);
  });

  test('a call that a process did not read before its end is made by another', async () => {
    plane = await testPlane();
    const fn = plane.add('f');
    const pid = pidOf((await invoke(plane, fn, 'hello')).text);
    process.kill(pid, 'SIGKILL');
    const end = performance.now() + 5000;
    while (lives(pid) && performance.now() < end);
    // The server, which is this process, has noticed nothing yet: so the call comes before all news of that end.
    const answer = await new Promise<string>((resolve) => {
      plane.functions.call(plane.app, fn, {
        id: newId(),
        headers: 'X-Do: hello\r\n',
        body: undefined,
        idempotent: false,
        retried: false,
        unread: 0,
        queued: 0,
        gone: () => false,
        answer: (_, body) => resolve(body.toString()),
        fail: ({ message }) => resolve(message),
      });
    });
    expect(answer).toMatch(/^hello \d+ 1$/);
    expect(pidOf(answer)).not.toBe(pid);
  });

  test('a process that hangs up on each connection, unread, is replaced without a failed call', async () => {
    plane = await testPlane();
    const fn = plane.add('f');
    for (let i = 0; i < 10; i++) {
      const pid = Number((await invoke(plane, fn, 'deaf')).text);
      const next = await invoke(plane, fn, 'hello');
      expect([next.status, pidOf(next.text)]).toEqual([200, expect.any(Number)]);
      expect(pidOf(next.text)).not.toBe(pid);
      await until(() => !lives(pid));
    }
  });

  test('connections that the function closes when idle do not fail calls', async () => {
    plane = await testPlane({ perSlot: 1 });
    const fn = plane.add('f', { KEEP_ALIVE_MS: '20' });
    for (let i = 0; i < 60; i++) {
      expect((await invoke(plane, fn, 'hello')).status).toBe(200);
      await pause(10 + (i % 20));
    }
  });
});

describe('what fails', () => {
  test.each([
    ['crash', 502, /^Container failed to initialize/],
    ['mute', 504, /^Container initialization timed out/],
    ['mute-child', 504, /^Container initialization timed out/],
  ])('start: %s', async (mode, status, text) => {
    plane = await testPlane({ startTimeoutMs: 500 });
    const fn = plane.add('f', { MODE: mode });
    const answers = await Promise.all([1, 2, 3].map(() => invoke(plane, fn, 'hello')));
    for (const answer of answers) {
      expect(answer.status).toBe(status);
      expect(message(answer.text)).toMatch(text);
      expect(answer.headers['fn-call-id']).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    }
    const lines = plane.logs.tail([fn.id], 50).map((line) => line.text);
    if (mode === 'crash') expect(lines).toContain('I cannot go on');
    if (mode === 'mute-child') await until(() => lines.filter(Number).every((pid) => !lives(Number(pid))));
  });

  test.each([
    ['exit', 502, 'error receiving function response'],
    ['reset', 502, 'error receiving function response'],
    ['no-http', 502, 'error receiving function response'],
    ['bad-name', 502, 'error receiving function response'],
    ['bad-value', 502, 'error receiving function response'],
    ['two-lengths', 502, 'error receiving function response'],
    ['short', 502, 'error receiving function response'],
    ['sleep 5000', 504, 'Timed out'],
    ['big-head 70000', 502, 'function response header too large'],
    ['big-body 70000', 502, 'function response body too large'],
  ])('call: %s', async (what, status, text) => {
    const env = { FN_MAX_RESPONSE_SIZE: '65536', FN_MAX_HDR_RESPONSE_SIZE: '65536' };
    plane = await testPlane({}, env);
    const fn = plane.add('f', {}, { timeout: 1 });
    const answer = await invoke(plane, fn, what);
    expect([answer.status, message(answer.text)]).toEqual([status, text]);
    expect((await invoke(plane, fn, 'hello')).status).toBe(200);
  });

  test.each([
    ['chunked', 'one two'],
    ['close', 'closed'],
    ['until-close', 'to the end'],
  ])('is no failure: %s', async (what, text) => {
    plane = await testPlane();
    const fn = plane.add('f');
    for (let i = 0; i < 3; i++) expect((await invoke(plane, fn, what)).text).toBe(text);
  });

  test('a reset without a byte is tried once more when the method allows it', async () => {
    plane = await testPlane({ perSlot: 1 });
    plane.add('f');
    const headers = { 'X-Do': 'reset-second' };
    expect((await ask(plane.fnPort, '/t/shop/f', { headers })).text).toBe('answered 1');
    expect((await ask(plane.fnPort, '/t/shop/f', { headers })).text).toBe('answered 3');
    plane.add('g');
    await ask(plane.fnPort, '/t/shop/g', { headers });
    expect((await ask(plane.fnPort, '/t/shop/g', { headers, body: 'x' })).status).toBe(502);
  });

  test('an image that cannot run here says why', async () => {
    plane = await testPlane();
    plane.catalog.addBuild({ image: 'j', dir: '/', command: [], cannotRun: 'Java needs its own image' });
    const java = plane.add('java', {}, { image: 'j' });
    const none = plane.add('none', {}, { image: 'docker.io/me/hello:1' });
    expect(message((await invoke(plane, java, 'x')).text)).toBe(
      "Failed to pull image 'j': Java needs its own image",
    );
    expect(message((await invoke(plane, none, 'x')).text)).toMatch(
      /^Failed to pull image 'docker.io\/me\/hello:1': /,
    );
    const warmth = await plane.functions.warm(java.id);
    expect(warmth).toEqual({
      ready: false,
      why: "Failed to pull image 'j': Java needs its own image",
      logs: [],
    });
    plane.catalog.addBuild({ image: 'gone', dir: '/nonexistent/dir', command: ['./func'] });
    const gone = plane.add('gone', {}, { image: 'gone' });
    const pruned = await invoke(plane, gone, 'x');
    expect([pruned.status, message(pruned.text)]).toEqual([
      502,
      "Failed to pull image 'gone': its build /nonexistent/dir is gone; fnmesh deploy makes it anew",
    ]);
    expect(plane.logs.tail([gone.id], 1)[0]?.text).toMatch(/could not be started: spawn .* ENOENT/);
  });

  test('bodies over the limit', async () => {
    plane = await testPlane({}, { FN_MAX_REQUEST_SIZE: '1000' });
    const fn = plane.add('f');
    const tooLarge = await invoke(plane, fn, 'echo', 'x'.repeat(1001));
    expect([tooLarge.status, message(tooLarge.text)]).toEqual([
      413,
      'Content-Length too large for this server, 1001 > max 1000',
    ]);
    expect((await invoke(plane, fn, 'echo', 'x'.repeat(1000))).text).toHaveLength(1000);
  });
});

describe('nothing is left behind', () => {
  test('children end with the process that started them, on timeout and at the end', async () => {
    plane = await testPlane();
    const fn = plane.add('f', {}, { timeout: 1 });
    const child = Number((await invoke(plane, fn, 'child')).text);
    expect(lives(child)).toBe(true);
    expect((await invoke(plane, fn, 'sleep 3000')).status).toBe(504);
    await until(() => !lives(child));
    const other = Number((await invoke(plane, fn, 'child')).text);
    await plane.functions.close();
    await until(() => !lives(other));
    expect((await invoke(plane, fn, 'hello')).status).toBe(503);
  });

  test('a process that ignores SIGTERM is ended all the same', async () => {
    plane = await testPlane();
    const fn = plane.add('f', { MODE: 'deaf-to-term' });
    const pid = pidOf((await invoke(plane, fn, 'hello')).text);
    await plane.functions.close();
    expect(lives(pid)).toBe(false);
  });

  test('what a killed server left behind is ended by the next; what is not ours is not', async () => {
    plane = await testPlane();
    const stateDir = mkdtempSync(join(tmpdir(), 'fnmesh-left-'));
    const records = openRecords(stateDir);
    const ours = mkdtempSync(join(tmpdir(), 'fnmesh-'));
    const theirs = mkdtempSync(join(tmpdir(), 'fnmesh-'));
    const idle = ['-e', 'setInterval(() => {}, 1000)'];
    const env = { FN_LISTENER: `unix:${ours}/lsnr.sock` };
    const left = spawn(process.execPath, idle, { env, detached: true, stdio: 'ignore' });
    const stranger = spawn(process.execPath, idle, { env: {}, detached: true, stdio: 'ignore' });
    await Promise.all([left, stranger].map((one) => new Promise((resolve) => one.once('spawn', resolve))));
    await pause(50);
    records.add(ours);
    // As if the process id had been used again.
    records.add(theirs);
    writeFileSync(join(stateDir, 'processes', 'torn'), '{"pid":');
    const ended = new Promise((resolve) => left.once('exit', (_code, signal) => resolve(signal)));
    openRecords(stateDir);
    expect(await ended).toBe('SIGKILL');
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
    stranger.kill('SIGKILL');
    expect(readdirSync(join(stateDir, 'processes'))).toEqual([]);
  });
});

describe('changes', () => {
  test('a change under load: no call fails, and the old process ends', async () => {
    plane = await testPlane({ perSlot: 2 });
    const fn = plane.add('f', { GREETING: 'g0' });
    let stop = false;
    const seen: string[] = [];
    const failed: string[] = [];
    const caller = async () => {
      while (!stop) {
        const answer = await invoke(plane, fn, 'hello');
        if (answer.status === 200) seen.push(answer.text);
        else failed.push(answer.text);
      }
    };
    const callers = [caller(), caller(), caller(), caller()];
    for (let i = 1; i <= 5; i++) {
      await pause(150);
      plane.catalog.changeFn(fn.id, { config: { GREETING: `g${i}` } });
      expect((await invoke(plane, fn, 'hello')).text).toMatch(new RegExp(`^g${i} `));
    }
    stop = true;
    await Promise.all(callers);
    expect(failed).toEqual([]);
    const old = new Set(seen.filter((text) => !text.startsWith('g5')).map(pidOf));
    expect(old.size).toBeGreaterThan(4);
    await until(() => [...old].every((pid) => !lives(pid)));
  });

  test('a call under way is finished when its fn changes or goes', async () => {
    plane = await testPlane();
    const fn = plane.add('f');
    const before = invoke(plane, fn, 'sleep 300');
    await pause(150);
    plane.catalog.changeFn(fn.id, { timeout: 20 });
    const during = invoke(plane, fn, 'sleep 300');
    await pause(50);
    plane.catalog.removeFn(fn.id);
    expect([(await before).status, (await during).status]).toEqual([200, 200]);
    expect((await invoke(plane, fn, 'hello')).status).toBe(404);
  });

  test('warm starts what a change will need, and the change adopts it', async () => {
    plane = await testPlane();
    const fn = plane.add('f', { GREETING: 'old', OFF: '1' });
    const before = pidOf((await invoke(plane, fn, 'hello')).text);
    expect(await plane.functions.warm(fn.id, { config: { GREETING: 'new', OFF: '' } })).toEqual({
      ready: true,
    });
    expect(plane.functions.state(fn.id)?.processes).toEqual({ starting: 0, idle: 2, busy: 0 });
    expect((await invoke(plane, fn, 'hello')).text).toMatch(/^old /);
    plane.catalog.changeFn(fn.id, { config: { GREETING: 'new' } });
    await until(() => !lives(before));
    expect(plane.functions.state(fn.id)?.processes).toEqual({ starting: 0, idle: 1, busy: 0 });
    expect((await invoke(plane, fn, 'hello')).text).toMatch(/^new \d+ 1$/);
  });

  test('warm and back again: what was is started anew while its last call is finished', async () => {
    plane = await testPlane();
    const fn = plane.add('f', { GREETING: 'one' });
    const last = invoke(plane, fn, 'sleep 300');
    await pause(150);
    plane.catalog.changeFn(fn.id, { config: { GREETING: 'two' } });
    await invoke(plane, fn, 'hello');
    expect(await plane.functions.warm(fn.id, { config: { GREETING: 'one' } })).toEqual({ ready: true });
    const pid = pidOf((await last).text);
    plane.catalog.changeFn(fn.id, { config: { GREETING: 'one' } });
    const answer = await invoke(plane, fn, 'hello');
    expect([answer.text.split(' ')[0], pidOf(answer.text)]).toEqual(['one', pid]);
  });

  test('warm tells why not, with what the process wrote', async () => {
    plane = await testPlane();
    const fn = plane.add('f');
    const warmth = await plane.functions.warm(fn.id, { config: { MODE: 'crash' } });
    expect(warmth).toMatchObject({ ready: false, why: 'it ended with code 3 before it listened' });
    expect(warmth).toHaveProperty('logs', ['I cannot go on', 'fnmesh: the process ended with code 3']);
    await expect(plane.functions.warm('nosuch')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('what functions write', () => {
  test('lines are attributed to calls, by frames where there are some', async () => {
    plane = await testPlane();
    const fn = plane.add('f');
    const printed = await invoke(plane, fn, 'print hello');
    const framed = await invoke(plane, fn, 'frame');
    await until(() => plane.logs.tail([fn.id], 10).length >= 3);
    const lines = plane.logs.tail([fn.id], 10);
    expect(lines.map(({ stream, text }) => `${stream} ${text}`).sort()).toEqual([
      'stderr err hello',
      'stderr in the frame',
      'stdout out hello',
    ]);
    const callOf = (text: string) => lines.find((line) => line.text === text)?.callId;
    expect(callOf('err hello')).toBe(printed.headers['fn-call-id']);
    expect(callOf('in the frame')).toBe(framed.headers['fn-call-id']);
    expect(lines[0]).toMatchObject({ fn: 'f', app: 'shop', fnId: fn.id });
  });

  test('10 MB on stderr neither blocks a call nor stays in memory', async () => {
    plane = await testPlane();
    const fn = plane.add('f');
    const quiet = plane.add('quiet');
    await invoke(plane, quiet, 'print here');
    expect((await invoke(plane, fn, 'flood 10000000')).text).toBe('flooded');
    await until(() => plane.logs.nextSeq() > 100_000);
    const bytes = plane.logs.tail([fn.id], 1e6).reduce((sum, { text }) => sum + text.length, 0);
    expect(bytes).toBeLessThan(8 * 1024 * 1024);
    expect(plane.logs.tail([quiet.id], 10).map(({ text }) => text)).toContain('err here');
  });
});
