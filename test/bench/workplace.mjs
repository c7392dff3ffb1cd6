// The real command line in a temporary folder, with a state folder and a server of its own on free ports.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { ControlClient } from '../../dist/control/client.js';
import { controlSocket } from '../../dist/control/home.js';

export const BIN = resolve(import.meta.dirname, '../../bin/run.js');

/** What the user's Go has built stays warm: HOME is another one. */
const CACHES = { GOCACHE: '.cache/go-build', GOPATH: 'go', npm_config_cache: '.npm' };

/** A folder in which `fnmesh` runs; its server ends with the scope. */
export class Workplace {
  constructor(scope) {
    this.dir = scope.tempDir();
    this.home = join(this.dir, 'state');
    const own = Object.entries(process.env).filter(([name]) => !/^FN(MESH)?_/.test(name));
    const caches = Object.entries(CACHES).map(([name, dir]) => [
      name,
      join(process.env.HOME ?? this.dir, dir),
    ]);
    this.env = {
      ...Object.fromEntries([...caches, ...own]),
      HOME: join(this.dir, 'home'),
      CI: 'true',
      NO_COLOR: '1',
      FNMESH_HOME: this.home,
      FNMESH_FN_PORT: '0',
      FNMESH_GATEWAY_PORT: '0',
    };
    mkdirSync(this.env.HOME);
    this.control = new ControlClient(controlSocket(this.home));
    scope.defer(() => this.run(['stop']));
  }

  /** Writes files, by paths relative to the folder. */
  write(files) {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.dir, path)), { recursive: true });
      writeFileSync(join(this.dir, path), text);
    }
  }

  /** Runs `fnmesh ARGS` in a folder below. @throws with its output when it fails. */
  run(args, cwd = '') {
    return this.exec(process.execPath, [BIN, ...args], cwd);
  }

  /** Runs any command in a folder below; gives its stdout. @throws with its output when it fails. */
  exec(command, args, cwd = '', env = {}) {
    const options = { cwd: join(this.dir, cwd), env: { ...this.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
    return new Promise((done, reject) => {
      execFile(command, args, options, (error, stdout, stderr) => {
        if (error) reject(new Error(`${command} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
        else done(stdout);
      });
    });
  }

  /** The running server: addresses and process id. */
  server() {
    return this.control.call('GET /');
  }

  /** What runs of an app's fns. */
  functions(app) {
    return this.control.call('GET /functions', { app });
  }

  /** Waits until no process of the app's fns runs any more. */
  async idle(app) {
    while ((await this.functions(app)).some(({ processes }) => sum(Object.values(processes)) > 0))
      await pause(50);
  }

  /** The server's resident memory in MiB. */
  async residentMemory() {
    const { pid } = await this.server();
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(kib) / 1024;
  }
}

export function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

export const CORES = availableParallelism();
