// A real registry (Debian's docker-registry) as a process of its own, on a free port of this machine.
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether docker-registry is installed; in CI it must be. */
export const hasRegistry = ((): boolean => {
  const found = spawnSync('docker-registry', ['--version']).status === 0;
  if (!found && process.env['CI']) {
    throw new Error('docker-registry is not installed: apt-get install docker-registry');
  }
  return found;
})();

/** One line of the registry's access log. */
type Logged = { method: string; path: string; status: number };

/** A running registry. */
export type DockerRegistry = {
  /** `127.0.0.1:PORT`. */
  host: string;
  url: string;
  /** Where it keeps what was pushed. */
  storage: string;
  /** What it has answered so far, in order; plain http only. */
  requests(): Promise<Logged[]>;
  /** kill -9; its storage stays. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port. */
  restart(): Promise<void>;
  /** Ends it and removes its storage. */
  stop(): Promise<void>;
};

/** What a registry is started with. */
export type RegistrySettings = {
  /** Lines of an htpasswd file, bcrypt only. */
  htpasswd?: string;
  /** PEM files for https. */
  tls?: { certificate: string; key: string };
};

/** Starts a registry with a storage of its own. */
export async function startDockerRegistry(settings: RegistrySettings = {}): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-registry-'));
  const storage = join(dir, 'storage');
  const port = await freePort();
  const { htpasswd, tls } = settings;
  if (htpasswd !== undefined) writeFileSync(join(dir, 'htpasswd'), htpasswd);
  const config = {
    version: '0.1',
    log: { level: 'info', formatter: 'json', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, ...(tls && { tls }) },
    ...(htpasswd !== undefined && { auth: { htpasswd: { realm: 'test', path: join(dir, 'htpasswd') } } }),
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'config.yml'), JSON.stringify(config));

  let log = '';
  let marks = 0;
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    const own = spawn('docker-registry', ['serve', join(dir, 'config.yml')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = own;
    for (const stream of [own.stdout, own.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (log += text));
    }
    const begun = log.length;
    for (let waited = 0; !log.slice(begun).includes('listening on'); waited += 20) {
      if (own.exitCode !== null || waited > 20_000) throw new Error(`docker-registry does not start: ${log}`);
      await sleep(20);
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await ended;
  };
  await start();
  const host = `127.0.0.1:${port}`;
  return {
    host,
    url: `${tls ? 'https' : 'http'}://${host}`,
    storage,
    // A line can reach the pipe after its answer has reached the caller: one more request is asked and its line awaited.
    requests: async () => {
      const mark = `/v2/?mark=${++marks}`;
      await (await fetch(`http://${host}${mark}`)).arrayBuffer();
      for (let waited = 0; !log.includes(`${mark} `); waited += 5) {
        if (waited > 20_000) throw new Error(`docker-registry does not log ${mark}: ${log.slice(-2_000)}`);
        await sleep(5);
      }
      return accesses(log).filter(({ path }) => !path.includes('?mark='));
    },
    kill: () => end('SIGKILL'),
    restart: start,
    stop: async () => {
      await end('SIGTERM');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Apache's combined format: `… "PUT /v2/… HTTP/1.1" 201 …`. */
function accesses(log: string): Logged[] {
  return [...log.matchAll(/"([A-Z]+) (\/v2\/\S*) HTTP\/1\.1" (\d{3})/g)].map(([, method, path, status]) => ({
    method: method!,
    path: path!,
    status: Number(status),
  }));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
