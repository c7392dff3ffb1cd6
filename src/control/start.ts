// Finds the embedded server of a state folder, and starts it in the background when there is none.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FnmeshError, messageOf, type ErrorCode } from '../errors.js';
import type { Emit } from '../events.js';
import { ControlClient } from './client.js';
import { cannot, controlSocket, lockFile } from './home.js';
import { PROTOCOL, type ServerInfo } from './protocol.js';

/**
 * V8 would let its young generation grow to 48 MiB under load; the server's requests are short-lived and small. And
 * where it need not save memory, V8 of Node 22 and 24 clears the old one only after 200,000 requests and 30 MiB.
 */
const NODE_FLAGS = ['--max-semi-space-size=4', '--optimize-for-size'];

/** How long a command waits for a server that is about to end, in milliseconds. */
const STOPPING_MS = 10_000;

/** Ports asked for; undefined = the default, or a free one where that is taken. */
export type Ports = { fnPort: number | undefined; gatewayPort: number | undefined };

/**
 * What a server that was started in the background says over its pipe: it serves, or why it does not. `held`: another
 * server has the state folder.
 */
export type StartReport =
  | { info: ServerInfo }
  | { error: { code: ErrorCode; message: string; try?: string | undefined }; held: boolean };

/**
 * The running server's info, or null when none runs.
 * @throws FnmeshError when one runs that speaks another protocol, or the socket is not ours to open.
 */
export async function findServer(home: string): Promise<ServerInfo | null> {
  try {
    const info = await new ControlClient(controlSocket(home)).call<'info'>('GET /', {}, undefined, 5_000);
    if (info.protocol === PROTOCOL) return info;
    throw new FnmeshError(
      'conflict',
      `the running embedded server (${info.version}, protocol ${info.protocol}) does not speak protocol ${PROTOCOL} of this fnmesh`,
      { try: 'fnmesh stop && fnmesh start -d' },
    );
  } catch (error) {
    const cause =
      error instanceof FnmeshError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
    if (cause === 'ENOENT' || cause === 'ENOTDIR' || cause === 'ECONNREFUSED') return null;
    throw error;
  }
}

/**
 * Starts the server in a process of its own that outlives this one, and waits until it serves.
 * @throws FnmeshError with what the server said when it ended instead.
 */
async function startServer(home: string, ports: Ports, emit: Emit): Promise<ServerInfo> {
  emit({ type: 'server', state: 'starting', text: 'starting the embedded server' });
  const logFile = join(home, 'server.log');
  const log = await openLog(home, logFile);
  const main = fileURLToPath(new URL('../server/main.js', import.meta.url));
  const args = [...NODE_FLAGS, main, '--home', home];
  if (ports.fnPort !== undefined) args.push('--fn-port', String(ports.fnPort));
  if (ports.gatewayPort !== undefined) args.push('--gateway-port', String(ports.gatewayPort));
  let report: StartReport | undefined;
  try {
    const child = spawn(process.execPath, args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
      cwd: home,
    });
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    report = await Promise.race([reportOf(child.stdio[3] as NodeJS.ReadableStream), failed]);
    child.unref();
  } catch (error) {
    throw new FnmeshError('failed', `the embedded server cannot be started: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await log.close();
  }
  if (report === undefined) {
    const tail = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-5).join('\n');
    // Two commands may start a server at the same moment: the other one's is as good as ours.
    const other = await findServer(home);
    if (other) return other;
    throw new FnmeshError('failed', `the embedded server ended while starting:\n${tail}`, {
      try: `less ${logFile}`,
    });
  }
  if ('error' in report) {
    const other = report.held ? await waitForOther(home) : null;
    if (other) return other;
    throw new FnmeshError(
      report.error.code,
      report.error.message,
      report.error.try ? { try: report.error.try } : {},
    );
  }
  for (const text of report.info.warnings) emit({ type: 'warning', text });
  emit({
    type: 'server',
    state: 'started',
    text: `embedded server: Fn API ${report.info.fnUrl}, gateway ${report.info.gatewayUrl} (end it with \`fnmesh stop\`)`,
  });
  return report.info;
}

/**
 * The running server, started first when there is none. One that is about to end is waited for.
 * @throws FnmeshError as `startServer`; `not_ready` when calls keep the one before from ending.
 */
export async function ensureServer(home: string, ports: Ports, emit: Emit): Promise<ServerInfo> {
  const running = await findServer(home);
  if (running && !running.stopping) return running;
  if (running && !(await serverEnded(home, running.pid, STOPPING_MS))) {
    throw new FnmeshError(
      'not_ready',
      'the embedded server is stopping, and still answers calls that are under way',
      {
        try: 'fnmesh status',
      },
    );
  }
  return startServer(home, ports, emit);
}

/**
 * Waits until the server has given up the state folder.
 * @param pid Its process; null when it is not known.
 * @param timeoutMs How long at most, in milliseconds.
 * @returns false when it still has the folder then.
 */
export async function serverEnded(home: string, pid: number | null, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  // A server that is killed while it ends leaves its lock behind.
  while (existsSync(lockFile(home)) && (pid === null || isAlive(pid))) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits up to five seconds for the server that another command is starting. */
async function waitForOther(home: string): Promise<ServerInfo | null> {
  for (let tries = 0; tries < 50; tries++) {
    const info = await findServer(home);
    if (info) return info;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return null;
}

async function openLog(home: string, logFile: string): Promise<FileHandle> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    return await open(logFile, 'a', 0o600);
  } catch (error) {
    throw cannot('write to', home, error);
  }
}

async function reportOf(pipe: NodeJS.ReadableStream): Promise<StartReport | undefined> {
  let text = '';
  for await (const chunk of pipe) text += String(chunk);
  return text ? (JSON.parse(text) as StartReport) : undefined;
}
