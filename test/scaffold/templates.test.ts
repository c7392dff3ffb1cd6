import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { which } from '../../src/process/run.js';
import { applyScaffold } from '../../src/scaffold/apply.js';
import { planInit } from '../../src/scaffold/init.js';
import { RUNTIMES, type Runtime, TEMPLATES, withVersion } from '../../src/scaffold/templates.js';
import { folderWith, listener } from '../project/folder.js';
import { type Answer, type FunctionProcess, overHttp, startFunction } from './function-process.js';

const has = async (program: string): Promise<boolean> =>
  process.env['CI'] !== undefined || (await which(program)) !== undefined;
const [hasGo, hasPython] = [await has('go'), await has('python3')];

async function rendered(runtime: Runtime): Promise<string> {
  const cwd = folderWith({});
  await applyScaffold(await planInit({ name: 'hello-app', cwd, runtime, git: false }), listener().emit);
  return join(cwd, 'hello-app', 'v2');
}

const run = (cwd: string, command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, GOFLAGS: '-buildvcs=false' } });
const message = ({ body }: Answer): unknown => (JSON.parse(body.toString()) as { message: unknown }).message;

/** What every template's function answers: Fn's own intent, and calls over an http trigger. */
async function greets(fn: FunctionProcess): Promise<void> {
  const json = { 'Content-Type': 'application/json' };
  expect(message(await fn.call(json, '{"name": "Ada"}'))).toBe('Hello Ada from hello-app v2');
  expect(message(await fn.call())).toBe('Hello World from hello-app v2');
  expect(message(await fn.call(json, 'no JSON'))).toBe('Hello World from hello-app v2');
  const get = await fn.call(
    overHttp('GET', 'http://hello-app.localhost:8080/t/hello-app/v2?name=Ad%C3%A4&x=1'),
  );
  expect(message(get)).toBe('Hello Adä from hello-app v2');
  expect(get.headers['content-type']).toMatch(/^application\/json/);
  const post = await fn.call(
    { ...overHttp('POST', 'http://localhost/t/hello-app/v2'), ...json },
    '{"name": "Bo"}',
  );
  expect(message(post)).toBe('Hello Bo from hello-app v2');
  expect([get.status, post.status]).toEqual([200, 200]);
}

/** What every template's function does where config names another one: it asks that, as its caller was pinned. */
async function asksNext(
  start: (env: Record<string, string>) => Promise<FunctionProcess>,
  failure = '502',
): Promise<void> {
  const pins: (string | string[] | undefined)[] = [];
  const next = createServer((request, response) => {
    const pin = request.headers['fnmesh-version'];
    pins.push(pin);
    response.statusCode = pin === 'v8' ? 503 : 200;
    response.end(pin === 'v9' ? 'no JSON' : JSON.stringify({ message: `price ${String(pin)}` }));
  });
  await new Promise<void>((resolve) => next.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(next.address() as AddressInfo).port}/price`;
  const fn = await start({ NEXT: address });
  const ask = async (pin?: string): Promise<{ status: unknown; body: unknown }> => {
    const headers = overHttp('GET', 'http://localhost/t/hello-app/v2', pin ? { 'Fnmesh-Version': pin } : {});
    const { status, headers: answered, body } = await fn.call(headers);
    // By any other status Fn is told that the function itself failed, and drops what it says.
    expect(status).toBe(200);
    return { status: answered['fn-http-status'] ?? '200', body: JSON.parse(body.toString()) as unknown };
  };
  const message = 'Hello World from hello-app v2';
  const text = (pattern: RegExp): unknown => ({ message: expect.stringMatching(pattern) as string });
  try {
    expect(await ask('v2')).toEqual({ status: '200', body: { message, next: { message: 'price v2' } } });
    expect(await ask()).toEqual({ status: '200', body: { message, next: { message: 'price undefined' } } });
    expect(pins).toEqual(['v2', undefined]);
    expect(await ask('v8')).toEqual({ status: failure, body: text(/503/) });
    expect(await ask('v9')).toMatchObject({ status: failure, body: text(/\S/) });
    next.closeAllConnections();
    await new Promise((resolve) => next.close(resolve));
    expect(await ask('v2')).toEqual({ status: failure, body: text(/127\.0\.0\.1:\d+\/price.*refused/i) });
  } finally {
    next.close();
    await fn.stop('SIGKILL');
  }
}

describe('templates', () => {
  it.each(RUNTIMES)('%s has its version in exactly one line, which add can rewrite', async (runtime) => {
    const dir = await rendered(runtime);
    const { main, versionLine } = TEMPLATES[runtime];
    const text = readFileSync(join(dir, main), 'utf8');
    expect(text.split('\n').filter((line) => line === versionLine('v2'))).toHaveLength(1);
    expect(withVersion(main, text, 'v3-beta')).toBe(text.replace(versionLine('v2'), versionLine('v3-beta')));
    expect(withVersion(main, text.replace(versionLine('v2'), `${versionLine('v2')} `), 'v3')).toBeUndefined();
    expect(withVersion('other.txt', text, 'v3')).toBeUndefined();
  });

  it('node is JavaScript, installs, listens, greets and asks the next function', async () => {
    const dir = await rendered('node');
    run(dir, process.execPath, '--check', 'func.js');
    run(dir, 'npm', 'install', '--no-audit', '--no-fund', '--loglevel=error');
    const fn = await startFunction(process.execPath, ['func.js'], dir);
    try {
      await greets(fn);
    } finally {
      await fn.stop();
    }
    await asksNext((env) => startFunction(process.execPath, ['func.js'], dir, env));
  });
});

describe.skipIf(!hasPython)('the python template (needs python3)', () => {
  it('compiles, installs, listens, greets and asks the next function', async () => {
    const dir = await rendered('python');
    run(dir, 'python3', '-m', 'py_compile', 'func.py');
    run(dir, 'python3', '-m', 'venv', '.venv');
    run(dir, '.venv/bin/pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'requirements.txt');
    const start = (env: Record<string, string> = {}): Promise<FunctionProcess> =>
      startFunction(join(dir, '.venv/bin/fdk'), ['func.py', 'handler'], dir, env);
    const fn = await start();
    try {
      await greets(fn);
    } finally {
      await fn.stop('SIGKILL');
    }
    await asksNext(start, '503');
  }, 180_000);
});

describe.skipIf(!hasGo)('the go templates (need go)', () => {
  it.each(['go', 'go-fdk'] as const)('%s is formatted', async (runtime) => {
    expect(run(await rendered(runtime), 'gofmt', '-l', '.')).toBe('');
  });

  let dir: string;
  let fn: FunctionProcess;
  beforeAll(async () => {
    dir = await rendered('go');
    run(dir, 'go', 'vet', '.');
    run(dir, 'go', 'test', '.');
    // A handler of its own behind the template's adapter shows what passes it.
    writeFileSync(join(dir, 'probe.go'), PROBE);
    writeFileSync(
      join(dir, 'func.go'),
      readFileSync(join(dir, 'func.go'), 'utf8').replace(
        'http.HandlerFunc(hello)',
        'probe(http.HandlerFunc(hello))',
      ),
    );
    run(dir, 'go', 'build', '-o', 'func', '.');
    fn = await startFunction('./func', [], dir, { FN_LOGFRAME_NAME: 'FRAME', FN_LOGFRAME_HDR: 'Fn-Call-Id' });
  }, 180_000);
  afterAll(async () => {
    await fn?.stop('SIGKILL');
  });

  it('greets', () => greets(fn));

  it('asks the next function', () => asksNext((env) => startFunction('./func', [], dir, env)));

  it('listens on a socket that anybody may use', () => {
    expect(statSync(fn.socket).mode & 0o777).toBe(0o666);
  });

  it('gives the handler the request as the caller made it', async () => {
    const headers = overHttp('PATCH', 'http://hello-app.localhost:8080/t/hello-app/v2/%2Fx?a=1&b=%20', {
      'X-Own': 'yes',
      Host: 'shop.test',
      'User-Agent': 'me',
    });
    const deadline = new Date(Math.ceil(Date.now() / 1000) * 1000 + 60_000)
      .toISOString()
      .replace('.000Z', 'Z');
    const answer = await fn.call(
      {
        ...headers,
        'X-Echo': '1',
        'Fn-Http-H-X-Echo': '1',
        'Fn-Http-H-X-Two': ['a', 'b'],
        'Content-Type': 'text/x',
        'Fn-Deadline': deadline,
      },
      'body',
    );
    expect(JSON.parse(answer.body.toString())).toEqual({
      method: 'PATCH',
      uri: '/t/hello-app/v2/%2Fx?a=1&b=%20',
      path: '/t/hello-app/v2//x',
      host: 'shop.test',
      own: 'yes',
      two: ['a', 'b'],
      type: 'text/x',
      callId: 'CALL1',
      intent: '',
      deadline,
      body: 'body',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'fn-http-status': '418',
      'fn-http-h-x-reply': 'a, b',
      'content-type': 'application/x-echo',
    });
  });

  it('passes a plain invocation as it is', async () => {
    const answer = await fn.call({ 'X-Echo': '1', 'X-Own': 'yes' }, 'body');
    expect(JSON.parse(answer.body.toString())).toMatchObject({ method: 'POST', own: 'yes', body: 'body' });
    expect(answer.headers).toMatchObject({ 'x-reply': 'a, b' });
    expect(answer.headers).not.toHaveProperty('fn-http-status');
  });

  it('answers 502 when the handler panics, and lives on', async () => {
    expect((await fn.call({ 'X-Panic': '1' })).status).toBe(502);
    await expect.poll(fn.output).toMatch(/panic: on purpose/);
    await greets(fn);
  });

  it('passes 4 MiB of any bytes', async () => {
    const body = Buffer.alloc(4 * 1024 * 1024, Buffer.from([0, 255, 13, 10, 128]));
    const answer = await fn.call({ 'X-Bytes': '1' }, body);
    expect(answer.body.equals(body)).toBe(true);
  });

  it('frames its log by call', async () => {
    await fn.call(overHttp('GET', 'http://localhost/'));
    await expect.poll(fn.output).toContain('\nFRAME=CALL1\n');
  });

  it('lets the running call end on SIGTERM, then exits 0 and takes its socket away', async () => {
    const other = await startFunction('./func', [], dir);
    const slow = other.call({ 'X-Slow': '1' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const code = other.stop();
    expect((await slow).status).toBe(200);
    expect(await code).toBe(0);
    expect(existsSync(other.socket)).toBe(false);
  });

  it('starts again where an earlier process left its socket', async () => {
    const first = await startFunction('./func', [], dir);
    await first.stop('SIGKILL');
    const again = await startFunction('./func', [], dir, {}, first.socket);
    await greets(again);
    await again.stop();
  });
});

const PROBE = `package main

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

func probe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Panic") != "":
			panic("on purpose")
		case r.Header.Get("X-Slow") != "":
			time.Sleep(500 * time.Millisecond)
		case r.Header.Get("X-Bytes") != "":
			_, _ = io.Copy(w, r.Body)
			return
		case r.Header.Get("X-Echo") != "":
			echo(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	deadline, _ := r.Context().Deadline()
	w.Header().Set("Content-Type", "application/x-echo")
	w.Header().Add("X-Reply", "a")
	w.Header().Add("X-Reply", "b")
	w.WriteHeader(418)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "uri": r.RequestURI, "path": r.URL.Path, "host": r.Host,
		"own": r.Header.Get("X-Own"), "two": r.Header["X-Two"], "type": r.Header.Get("Content-Type"),
		"callId": r.Header.Get("Fn-Call-Id"), "intent": r.Header.Get("Fn-Intent"),
		"deadline": deadline.UTC().Format(time.RFC3339), "body": string(body),
	})
}
`;
