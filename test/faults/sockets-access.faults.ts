// Who may do what on a running server: web pages may not manage functions, whatever name they reach this machine by;
// calling functions is open to every Host; control and state are the owner's only.
import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIN } from '../helpers/cli.js';
import { Shop, statuses, talk } from './shop.js';

let shop: Shop;
beforeAll(async () => {
  shop = await Shop.open({ FNMESH_ALLOWED_HOSTS: 'fn.example.test:1, *.corp.test,[fd00::1]' });
});
afterAll(() => shop.close());

const request = (method: string, target: string, headers: string, body = ''): string =>
  `${method} ${target} HTTP/1.1\r\n${headers}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** The statuses of a management request of every kind, each of which would change or tell something. */
async function manage(headers: string): Promise<number[]> {
  const requests = [
    request('POST', '/v2/apps', headers, '{"name":"stray"}'),
    request('GET', `/v2/apps/${shop.appId}`, headers),
    request('PUT', `/v2/apps/${shop.appId}`, headers, '{"config":{"A":"1"}}'),
    request('DELETE', `/v2/apps/${shop.appId}`, headers),
    request('DELETE', `/v2/fns/${shop.fnId}`, headers),
    request('OPTIONS', '/v2/apps', `${headers}Access-Control-Request-Method: POST\r\n`),
  ];
  const answers = (await Promise.all(requests.map((bytes) => talk(shop.fnPort, bytes)))).flat();
  expect(answers.map(({ head }) => head).join('\n')).not.toContain('access-control-');
  return statuses(answers);
}

/** Expects that every kind of management request is refused and nothing has changed. */
async function expectRefused(headers: string): Promise<void> {
  expect(await manage(headers)).toEqual(Array(6).fill(403));
  const app = await shop.manage<{ name: string; config?: object }>('GET', `/v2/apps/${shop.appId}`);
  expect([app.name, app.config ?? {}]).toEqual(['shop', {}]);
  expect(await shop.strayApps()).toEqual([]);
  expect(await shop.alive()).toBe(true);
}

describe('the management API refuses', () => {
  test.each([
    'evil.test',
    'evil.test:8080',
    'localhost.evil.com',
    'localhost.evil.com.',
    '127.0.0.1.evil.com',
    '127.0.0.1.nip.io',
    'localhost@evil.test',
    'evil.test@localhost',
    'user:pw@localhost:80',
    'localhost:80:80',
    'localhost:80@evil.test',
    'localhost:-1',
    'localhost:123456',
    'localhost#.evil.test',
    'localhost/.evil.test',
    'localhost\\.evil.test',
    'localhost%00.evil.test',
    'localhost evil.test',
    'localhost;evil.test',
    'localhost..',
    '.localhost',
    'localhost.localdomain',
    'loc\xe9lhost',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '017700000001',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.1',
    '0',
    '0.0.0.0',
    '10.0.0.1',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[fd00::2]',
    '::1',
    '[::1',
    '[::1].evil.test',
    '[::1%25lo]',
    'corp.test',
    'evilcorp.test',
    'x.corp.test.evil.com',
    'fn.example.test.evil.com',
    'x.fn.example.test',
    '',
  ])('Host %j', (host) => expectRefused(`Host: ${host}\r\n`));

  test.each([
    'Origin: http://evil.test',
    'Origin: http://localhost:8080',
    'Origin: null',
    'Origin:',
    'origin: http://127.0.0.1\r\nOrigin: http://evil.test',
    'Sec-Fetch-Site: cross-site',
    'sec-fetch-site:  cross-site ',
  ])('%j', (header) => expectRefused(`Host: localhost\r\n${header}\r\n`));

  test('a name in the target instead of in Host', async () => {
    for (const [target, host] of [
      ['http://localhost/v2/apps', 'evil.test'],
      ['http://evil.test/v2/apps', 'evil.test'],
      ['http://evil.test/v2/apps', 'localhost'],
    ] as const) {
      const answers = await talk(
        shop.fnPort,
        request('POST', target, `Host: ${host}\r\n`, '{"name":"stray"}'),
      );
      expect([403, 404]).toContain(statuses(answers)[0]);
    }
    expect(await shop.strayApps()).toEqual([]);
  });

  test('HTTP/1.0 without a Host', async () => {
    expect(statuses(await talk(shop.fnPort, 'GET /v2/apps HTTP/1.0\r\n\r\n'))).toEqual([403]);
  });
});

describe('the management API takes', () => {
  test.each([
    'localhost',
    'LOCALHOST:1',
    'localhost.',
    '127.0.0.1',
    '127.8.9.10:65535',
    '[::1]:8080',
    'shop.localhost',
    'a.b.localhost.:80',
    'fn.example.test',
    'FN.example.test.:99',
    'x.corp.test',
    'x.y.corp.test:1',
    '[fd00::1]:8080',
  ])('Host %s', async (host) => {
    const answers = await talk(shop.fnPort, request('GET', '/v2/apps', `Host: ${host}\r\n`));
    expect(statuses(answers)).toEqual([200]);
  });
});

test.each(['evil.test', '127.0.0.1.evil.com', '[::ffff:127.0.0.1]', 'user@evil.test', '2130706433'])(
  'functions are called by Host %s, from any page',
  async (host) => {
    const headers = `Host: ${host}\r\nOrigin: http://evil.test\r\nSec-Fetch-Site: cross-site\r\n`;
    for (const name of ['gateway', '/t', '/invoke'] as const) {
      const { port, target } = shop.entry(name);
      expect([name, statuses(await talk(port, request('POST', target, headers, 'x')))]).toEqual([
        name,
        [200],
      ]);
    }
  },
);

describe('control and state', () => {
  /** Paths below a folder that anyone but the owner has a right to. */
  const open = (dir: string): string[] =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .map((name) => join(dir, name))
      .filter((path) => {
        const stat = lstatSync(path);
        return !stat.isSymbolicLink() && (stat.mode & 0o077) !== 0;
      });

  test('are the owner’s only, whatever the umask is', async () => {
    await shop.place.run(['stop']);
    const start = 'umask 000; exec "$0" "$1" start -d';
    const { status } = spawnSync('sh', ['-c', start, process.execPath, BIN], {
      env: shop.place.env,
      cwd: shop.place.dir,
    });
    expect(status).toBe(0);
    Object.assign(shop.info, await shop.place.server());
    expect(await shop.alive()).toBe(true);
    const { home } = shop.place;
    expect(lstatSync(home).mode & 0o777).toBe(0o700);
    const control = lstatSync(join(home, 'control.sock'));
    expect([control.isSocket(), control.mode & 0o777]).toEqual([true, 0o600]);
    expect(open(home)).toEqual([]);
  });

  test('the control socket does not rely on its folder', () => {
    // Only root can become somebody else; others have the mode above.
    if (process.getuid!() !== 0) return;
    const { dir, home } = shop.place;
    for (const path of [dir, home]) chmodSync(path, 0o755);
    try {
      const connect = `require('node:net').connect(process.argv[1]).on('error', (e) => process.exit(e.code === 'EACCES' ? 13 : 1)).on('connect', () => process.exit(0))`;
      const as = (uid: number): number | null =>
        spawnSync(process.execPath, ['-e', connect, join(home, 'control.sock')], { uid, gid: uid }).status;
      expect([as(0), as(65_534)]).toEqual([0, 13]);
    } finally {
      for (const path of [dir, home]) chmodSync(path, 0o700);
    }
  });
});
