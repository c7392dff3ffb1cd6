// Debian's nginx with the very text that is shipped, on a free port of this machine.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccessLine } from '../../src/kubernetes/render/access-log.js';

/** Whether nginx is installed; in CI it must be. */
export const hasNginx = ((): boolean => {
  const found = spawnSync('nginx', ['-v']).status === 0;
  if (!found && process.env['CI']) throw new Error('nginx is not installed: apt-get install nginx-light');
  return found;
})();

/** What of a configuration is of this machine. Nothing else of the text is touched. */
export type NginxPlace = {
  /** Instead of the cluster's DNS server: `127.0.0.1:5353`. */
  dns?: string;
  /** Instead of the machine's certificate authorities. */
  authorities?: string;
  /** To take over from another; by default a free one. */
  port?: number;
};

/** A running nginx. */
export type Nginx = {
  port: number;
  /** The access log so far. @throws SyntaxError for a line that is no JSON. */
  accesses(): AccessLine[];
  /** What it has said on stderr. */
  errors(): string;
  /** SIGQUIT, as the images' stop signal: ends when requests under way have. Gives the exit code. */
  quit(): Promise<number | null>;
  /** Ends it at once, and removes its folder. */
  stop(): Promise<void>;
};

/** As in the images. */
const USER = 101;

/**
 * Starts it, and waits until it listens. The port it listens on, the DNS server, the authorities and the folder /tmp are
 * those of `place`; as root it runs under the images' user id.
 */
export async function startNginx(text: string, place: NginxPlace = {}): Promise<Nginx> {
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-nginx-'));
  const port = place.port ?? (await freePort());
  const file = join(dir, 'nginx.conf');
  const log = join(dir, 'access.log');
  writeFileSync(file, placed(text, dir, `127.0.0.1:${port}`, place));
  writeFileSync(log, '');
  const asRoot = process.getuid?.() === 0;
  if (asRoot) for (const path of [dir, log]) chownSync(path, USER, USER);
  chmodSync(dir, 0o755);

  const out = openSync(log, 'a');
  const child = spawn('nginx', ['-e', 'stderr', '-c', file], {
    stdio: ['ignore', out, 'pipe'],
    ...(asRoot && { uid: USER, gid: USER }),
  });
  closeSync(out);
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (part: string) => (errors += part));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const lives = (): boolean => child.exitCode === null && child.signalCode === null;
  for (let waited = 0; !(await listens(port)); waited += 10) {
    if (!lives() || waited > 20_000) throw new Error(`nginx does not start: ${errors}`);
    await sleep(10);
  }
  return {
    port,
    accesses: () => {
      const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as AccessLine);
    },
    errors: () => errors,
    quit: () => {
      child.kill('SIGQUIT');
      return ended;
    },
    stop: async () => {
      if (lives()) child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function placed(text: string, dir: string, listen: string, { dns, authorities }: NginxPlace): string {
  const once = (from: RegExp, to: string): void => {
    if (!from.test(text)) throw new Error(`the configuration has no ${from.source}`);
    text = text.replace(from, to);
  };
  text = text.replaceAll(' /tmp/', ` ${dir}/`);
  once(/^( +listen) \S+ /m, `$1 ${listen} `);
  if (dns !== undefined) once(/^( +resolver) \S+ /m, `$1 ${dns} `);
  if (authorities !== undefined) once(/^( +proxy_ssl_trusted_certificate) \S+;/m, `$1 ${authorities};`);
  return text;
}

async function listens(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/.fnmesh/ready`).then(
    (answer) => answer.ok,
    () => false,
  );
}

/** A port of 127.0.0.1 that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
