import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, mkdtempSync, readlinkSync, statSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A function as Fn runs it: a process that listens on a socket. */
export type FunctionProcess = {
  socket: string;
  /** What it wrote so far, both streams. */
  output: () => string;
  call: (headers?: Record<string, string | string[]>, body?: string | Buffer) => Promise<Answer>;
  /** Ends it with a signal and gives its exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>;
};

export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer };

/** Starts a function's program and waits until it is ready: until its socket has its public name. */
export async function startFunction(
  command: string,
  args: string[],
  cwd: string,
  env: Record<string, string> = {},
  socket = join(mkdtempSync(join(tmpdir(), 'fn-')), 'lsnr.sock'),
): Promise<FunctionProcess> {
  const child = spawn(command, args, {
    cwd,
    env: {
      ...process.env,
      FN_FORMAT: 'http-stream',
      FN_LISTENER: `unix:${socket}`,
      FN_MEMORY: '128',
      FN_APP_ID: 'a',
      FN_FN_ID: 'f',
      ...env,
    },
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  await ready(child, socket, () => output);
  return {
    socket,
    output: () => output,
    call: (headers, body) => call(socket, headers, body),
    stop: (signal) => stop(child, signal),
  };
}

/** The headers that Fn adds to a call that came over an http trigger. */
export function overHttp(
  method: string,
  url: string,
  headers: Record<string, string> = {},
): Record<string, string> {
  const prefixed = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [`Fn-Http-H-${name}`, value]),
  );
  return {
    'Fn-Intent': 'httprequest',
    'Fn-Http-Method': method,
    'Fn-Http-Request-Url': url,
    'Fn-Call-Id': 'CALL1',
    ...prefixed,
  };
}

async function ready(child: ChildProcess, socket: string, output: () => string): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    if (child.exitCode !== null) throw new Error(`the function exited with ${child.exitCode}: ${output()}`);
    // A link that an earlier process left has no socket behind it.
    if (statSync(socket, { throwIfNoEntry: false }) !== undefined && (await answers(socket))) break;
    await sleep(10);
  }
  // Fn's own check: a link to a socket in the same folder.
  if (!lstatSync(socket).isSymbolicLink() || readlinkSync(socket).includes('/'))
    throw new Error('no relative link');
  if (!statSync(socket).isSocket()) throw new Error('no socket');
}

/** Whether somebody listens: a socket's file outlives its process. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function call(
  socketPath: string,
  headers: Record<string, string | string[]> = {},
  body: string | Buffer = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method: 'POST', path: '/call', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  child.kill(signal);
  return exited;
}
