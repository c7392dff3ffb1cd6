// The real command line on real folders: every test gets a state folder, an app folder and a server of its own.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export const BIN = resolve(import.meta.dirname, '../../bin/run.js');

/** What a command printed and how it ended. */
export type Ran = { code: number; stdout: string; stderr: string };

/** The envelope that `--json` prints. */
export type Answer<T> = {
  schemaVersion: number;
  command: string;
  ok: boolean;
  result: T;
  error: { code: string; message: string; try?: string; exit: number };
};

/** A folder to work in, with the command line set up for it. */
export class Workplace {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'fnmesh-cli-')));
  readonly home = join(this.dir, 'state');
  readonly env: Record<string, string>;

  constructor(env: Record<string, string> = {}) {
    const own = Object.entries(process.env).filter(
      ([name]) => !name.startsWith('FN_') && !name.startsWith('FNMESH_'),
    );
    this.env = {
      ...(Object.fromEntries(own) as Record<string, string>),
      HOME: join(this.dir, 'home'),
      CI: 'true',
      NO_COLOR: '1',
      FNMESH_HOME: this.home,
      FNMESH_FN_PORT: '0',
      FNMESH_GATEWAY_PORT: '0',
      ...env,
    };
    // Go's caches are where the user has them: each test would else compile the standard library anew.
    for (const [name, folder] of [
      ['GOCACHE', '.cache/go-build'],
      ['GOPATH', 'go'],
      ['npm_config_cache', '.npm'],
    ] as const) {
      this.env[name] ??= join(process.env['HOME'] ?? this.dir, folder);
    }
    mkdirSync(this.env['HOME']!);
  }

  /** Writes files, by paths relative to the folder. */
  write(files: Record<string, string>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.dir, path)), { recursive: true });
      writeFileSync(join(this.dir, path), text);
    }
  }

  /** Runs `fnmesh ARGS` in a folder below. */
  run(args: string[], options: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ran> {
    return new Promise((done, reject) => {
      const child = spawn(process.execPath, [BIN, ...args], {
        cwd: join(this.dir, options.cwd ?? ''),
        env: { ...this.env, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code) => done({ code: code ?? -1, stdout, stderr }));
    });
  }

  /** Runs `fnmesh ARGS --json` and gives the envelope. */
  async json<T>(
    args: string[],
    options: { cwd?: string; env?: Record<string, string> } = {},
  ): Promise<Answer<T> & { code: number }> {
    const ran = await this.run([...args, '--json'], options);
    try {
      return { ...(JSON.parse(ran.stdout) as Answer<T>), code: ran.code };
    } catch {
      throw new Error(
        `no JSON from fnmesh ${args.join(' ')} (exit ${ran.code}): ${ran.stdout}\n${ran.stderr}`,
      );
    }
  }

  /** The running server's addresses. */
  async server(): Promise<{ fnUrl: string; gatewayUrl: string; pid: number }> {
    const { result } = await this.json<{ server: { fnUrl: string; gatewayUrl: string; pid: number } }>([
      'status',
    ]);
    return result.server;
  }

  /** Ends the server and removes the folder. */
  async close(): Promise<void> {
    await this.run(['stop']);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Files of a version that needs nothing but Node: it replies with its text, and writes a line for each call. */
function nodeVersion(
  app: string,
  fn: string,
  version: string,
  text = version,
  more = '',
): Record<string, string> {
  const source = fn === app ? `/${version}` : `/${fn}/${version}`;
  return {
    'func.yaml': `schema_version: 20180708\nname: ${fn}-${version}\nversion: 0.0.1\nruntime: node\nentrypoint: node func.js\n${more}triggers:\n- name: ${fn}-${version}\n  type: http\n  source: ${source}\n`,
    'func.js': NODE_FUNCTION.replaceAll('TEXT', JSON.stringify(text)),
  };
}

/** An app whose functions are `nodeVersion`s: `{ cart: ['v1', 'v2'] }`; the one named like the app lies beside app.yaml. */
export function nodeApp(app: string, functions: Record<string, string[]>): Record<string, string> {
  const files: Record<string, string> = { [`${app}/app.yaml`]: `name: ${app}\n` };
  for (const [fn, versions] of Object.entries(functions)) {
    for (const version of versions) {
      const folder = fn === app ? `${app}/${version}` : `${app}/${fn}/${version}`;
      for (const [name, text] of Object.entries(nodeVersion(app, fn, version)))
        files[`${folder}/${name}`] = text;
    }
  }
  return files;
}

const NODE_FUNCTION = `const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const listener = process.env.FN_LISTENER.replace('unix:', '');
const own = path.join(path.dirname(listener), 'own.sock');
let calls = 0;
http
  .createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      console.error('call ' + ++calls);
      const body = Buffer.concat(chunks);
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ text: TEXT, calls, pid: process.pid, bytes: body.length, config: process.env.GREETING, memory: process.env.FN_MEMORY, method: request.headers['fn-http-method'], url: request.headers['fn-http-request-url'] }));
    });
  })
  .listen(own, () => {
    fs.chmodSync(own, 0o666);
    fs.symlinkSync('own.sock', listener);
  });
`;
