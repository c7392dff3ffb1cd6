// What this machine has, and what that means for fnmesh.
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { FnmeshError, messageOf } from '../errors.js';
import { findServer } from '../control/start.js';
import { run, which } from '../process/run.js';

/** One thing that was looked at. `fail` = fnmesh cannot do its main job; `warn` = some of it. */
type Check = { name: string; state: 'ok' | 'warn' | 'fail'; found: string; means: string };

/** All checks, in the order they are shown. */
export type DoctorResult = { checks: Check[] };

const OLDEST_NODE = [20, 19] as const;

/**
 * Looks at node, go, python, git, the state folder, the ports and the embedded server. Changes nothing but
 * making the state folder.
 */
export async function doctor(home: string, ports: { fn: number; gateway: number }): Promise<DoctorResult> {
  const server = await serverCheck(home);
  const checks = await Promise.all([
    tool(
      'go',
      ['version'],
      'Go functions build here',
      'Go functions cannot be built; `init` writes Node functions (https://go.dev/dl)',
    ),
    tool('npm', ['--version'], 'Node functions build here', 'Node functions cannot be built'),
    tool('python3', ['--version'], 'Python functions build here', 'Python functions cannot be built'),
    tool(
      'git',
      ['--version'],
      '`init` makes a repository',
      '`init` makes no repository, and --template takes folders only',
    ),
    stateFolder(home),
  ]);
  // A running server has its ports already.
  const free = server.running
    ? []
    : await Promise.all([
        port('Fn API port', ports.fn, 'FNMESH_FN_PORT'),
        port('gateway port', ports.gateway, 'FNMESH_GATEWAY_PORT'),
      ]);
  return { checks: [node(), ...checks, ...free, server.check] };
}

function node(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fine = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const means = fine ? 'fnmesh runs' : `too old: fnmesh needs ${OLDEST_NODE.join('.')} or newer`;
  return { name: 'node', state: fine ? 'ok' : 'fail', found: process.version, means };
}

async function tool(name: string, args: string[], there: string, absent: string): Promise<Check> {
  if (!(await which(name))) return { name, state: 'warn', found: 'not found', means: absent };
  try {
    const { stdout, stderr } = await run(name, args, { timeoutMs: 20_000 });
    return { name, state: 'ok', found: (stdout || stderr).trim().split('\n')[0] ?? '', means: there };
  } catch (error) {
    return { name, state: 'warn', found: messageOf(error).split('\n')[0] ?? 'does not run', means: absent };
  }
}

async function stateFolder(home: string): Promise<Check> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK);
    return {
      name: 'state folder',
      state: 'ok',
      found: home,
      means: 'apps, routes and history are kept there',
    };
  } catch (error) {
    const means = 'the embedded server cannot keep its state; point FNMESH_HOME at a folder of yours';
    return { name: 'state folder', state: 'fail', found: messageOf(error), means };
  }
}

async function port(name: string, number: number, variable: string): Promise<Check> {
  const free = await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(number, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  return {
    name,
    state: free ? 'ok' : 'warn',
    found: number === 0 ? 'any free port' : `${number} ${free ? 'is free' : 'is taken'}`,
    means: free
      ? 'the embedded server will use it'
      : `the embedded server will take a free one instead; ${variable} chooses`,
  };
}

async function serverCheck(home: string): Promise<{ running: boolean; check: Check }> {
  const name = 'embedded server';
  try {
    const info = await findServer(home);
    if (!info)
      return {
        running: false,
        check: { name, state: 'ok', found: 'not running', means: '`fnmesh deploy` starts it' },
      };
    const found = `running, ${info.version}, pid ${info.pid}`;
    return {
      running: true,
      check: { name, state: 'ok', found, means: `Fn API ${info.fnUrl}, gateway ${info.gatewayUrl}` },
    };
  } catch (error) {
    const means = error instanceof FnmeshError && error.try ? error.try : '`fnmesh stop`, then start again';
    return { running: true, check: { name, state: 'fail', found: messageOf(error), means } };
  }
}
