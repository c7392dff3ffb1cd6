// Debian's docker-registry on a free port: where images are pushed to, and what has reached it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Starts a registry with an empty storage.
 * @returns its `host:port`, and `requests()`: how many requests it has answered.
 */
export async function startRegistry(scope) {
  const dir = scope.tempDir();
  const config = {
    version: '0.1',
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(dir, 'storage') } },
    http: { addr: '127.0.0.1:0' },
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'config.yml'), JSON.stringify(config));
  const child = scope.start('docker-registry', ['serve', join(dir, 'config.yml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let requests = 0;
  // The access log goes to stdout, one line a request.
  child.stdout.setEncoding('latin1').on('data', (text) => (requests += text.split('HTTP/1.1"').length - 1));
  const host = await new Promise((resolve, reject) => {
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      if (log === null) return;
      log += text;
      const [, address] = /listening on (127\.0\.0\.1:\d+)/.exec(log) ?? [];
      if (address === undefined) return;
      log = null;
      resolve(address);
    });
    child.once('exit', (code) => reject(new Error(`docker-registry ended with ${code}: ${log}`)));
  });
  return { host, requests: () => requests };
}
