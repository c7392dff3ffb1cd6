import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FnmeshEvent } from '../../src/events.js';
import { connectCluster } from '../../src/kubernetes/client.js';
import { findAccess } from '../../src/kubernetes/client-kubeconfig.js';
import { proxyFor } from '../../src/kubernetes/client-proxy.js';
import { withoutSecrets } from '../../src/kubernetes/client-secrets.js';
import type { KubeStandIn } from '../helpers/kube-stand-in.js';
import { startKubeStandIn } from '../helpers/kube-stand-in.js';

const folder = mkdtempSync(join(tmpdir(), 'fnmesh-kubeconfig-'));
/** Where a folder has the name of the file. */
const odd = join(folder, 'odd');
mkdirSync(join(odd, '.kube', 'config'), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NONE = { kubeconfig: null, context: null, namespace: null };
const setting = (value: string): { value: string; from: string } => ({ value, from: '--flag' });

/** Writes a kubeconfig with a context for each name, its cluster at `https://NAME:6443`. */
function write(file: string, names: string[], current = '', user = '{ token: secret }'): string {
  const path = join(folder, file);
  mkdirSync(join(path, '..'), { recursive: true });
  const lines = [
    'apiVersion: v1',
    'kind: Config',
    `current-context: "${current}"`,
    'clusters:',
    ...names.map((name) => `- { name: ${name}-cluster, cluster: { server: "https://${name}:6443/" } }`),
    'users:',
    ...names.map((name) => `- { name: ${name}-user, user: ${user} }`),
    'contexts:',
    ...names.map(
      (name) =>
        `- { name: ${name}, context: { cluster: ${name}-cluster, user: ${name}-user, namespace: ${name}-ns } }`,
    ),
  ];
  writeFileSync(path, lines.join('\n'));
  return path;
}

describe('which cluster', () => {
  const a = write('a', ['one', 'two'], 'one');
  const b = write('b', ['two', 'three'], 'three');
  write('home/.kube/config', ['four'], 'four');
  const home = join(folder, 'home');

  test.each([
    ['the file that was named', { ...NONE, kubeconfig: setting(b) }, { KUBECONFIG: a, HOME: home }, 'three'],
    [
      'the first of KUBECONFIG that has a current context',
      NONE,
      { KUBECONFIG: `${a}:${b}`, HOME: home },
      'one',
    ],
    ['files of KUBECONFIG that are not there passed over', NONE, { KUBECONFIG: `/not/there:${b}` }, 'three'],
    [
      'a context of a later file',
      { ...NONE, context: setting('three') },
      { KUBECONFIG: `${a}:${b}` },
      'three',
    ],
    ["the home folder's", NONE, { HOME: home }, 'four'],
  ])('%s', async (_, settings, env, expected) => {
    const { context, server, namespace, user } = await findAccess(settings, env);
    expect({ context, server, namespace, user }).toEqual({
      context: expected,
      server: `https://${expected}:6443`,
      namespace: `${expected}-ns`,
      user: `${expected}-user`,
    });
  });

  test('a namespace that was said counts over the context', async () => {
    expect((await findAccess({ ...NONE, namespace: setting('mine') }, { KUBECONFIG: a })).namespace).toBe(
      'mine',
    );
  });

  test('inside a Pod its service account, when there is no kubeconfig', async () => {
    const account = join(folder, 'account');
    mkdirSync(account);
    for (const [name, text] of [
      ['token', 'secret'],
      ['ca.crt', 'PEM'],
      ['namespace', 'pod-ns\n'],
    ] as const) {
      writeFileSync(join(account, name), text);
    }
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443', HOME: folder };
    expect(await findAccess(NONE, env, account)).toMatchObject({
      context: 'in-cluster',
      server: 'https://[fd00::1]:443',
      namespace: 'pod-ns',
      login: { kind: 'token-file' },
    });
    expect((await findAccess(NONE, { ...env, KUBECONFIG: a }, account)).context).toBe('one');
  });

  test.each([
    ['no kubeconfig', NONE, { HOME: '/not/there' }, /there is no kubeconfig/, /--kubeconfig/],
    [
      'a file that is not there',
      { ...NONE, kubeconfig: { value: '/not/there', from: '--kubeconfig' } },
      {},
      /^the kubeconfig \/not\/there \(--kubeconfig\) is not there$/,
      /^--kubeconfig with/,
    ],
    [
      'a file of fnmesh.yaml that is not there',
      { ...NONE, kubeconfig: { value: '/not/there', from: 'fnmesh.yaml:4' } },
      {},
      /^the kubeconfig \/not\/there \(fnmesh.yaml:4\) is not there$/,
      /^kubeconfig: \(fnmesh.yaml:4\) with/,
    ],
    ['a folder', NONE, { KUBECONFIG: folder }, /\(KUBECONFIG\) is a folder$/, /^KUBECONFIG with/],
    [
      'KUBECONFIG without any',
      NONE,
      { KUBECONFIG: '/not/there' },
      /names no file that is there: \/not\/there/,
      /KUBECONFIG/,
    ],
    [
      'an unknown context',
      { ...NONE, context: setting('tow') },
      { KUBECONFIG: a },
      /has no context tow \(--flag\); there is one, two$/,
      /--context one/,
    ],
    [
      'no current context',
      NONE,
      { KUBECONFIG: write('c', ['five']) },
      /names no current context; there is five$/,
      /--context five/,
    ],
  ])('%s is said, with a way out', async (_, settings, env, message, way) => {
    await expect(findAccess(settings, env)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringMatching(message) as string,
      try: expect.stringMatching(way) as string,
    });
  });

  test.each([
    ['no YAML', 'users:\n- name: a\n  user: { token: very-secret\n', /:\d+: the kubeconfig is no YAML/],
    ['no mapping', 'just a text', /is no kubeconfig/],
    [
      'a cluster that is missing',
      'current-context: a\ncontexts: [{ name: a, context: { cluster: b } }]',
      /names the cluster b, which is not there/,
    ],
    [
      'a server without scheme',
      'current-context: a\ncontexts: [{ name: a, context: { cluster: b } }]\nclusters: [{ name: b, cluster: { server: "host:6443" } }]',
      /no server with http/,
    ],
  ])('%s is said, without any of its secrets', async (_, text, message) => {
    const file = join(folder, 'broken');
    writeFileSync(file, text);
    const error = await findAccess({ ...NONE, kubeconfig: setting(file) }, {}).catch(
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: 'config', message: expect.stringMatching(message) as string });
    expect((error as Error).message).not.toContain('very-secret');
  });
});

describe('as whom', () => {
  let server: KubeStandIn;
  const opened: (() => unknown)[] = [];
  beforeEach(async () => {
    server = await startKubeStandIn();
    opened.push(() => server.close());
  });
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
  });

  async function ask(
    user: object,
    events: FnmeshEvent[] = [],
    env = process.env,
  ): Promise<() => Promise<string>> {
    const file = server.kubeconfig(folder, { user });
    const cluster = await connectCluster(
      { ...NONE, kubeconfig: setting(file) },
      env,
      (event) => events.push(event),
      { firstWaitMs: 1 },
    );
    opened.push(() => cluster.close());
    return () => cluster.version();
  }

  /** A credential plugin that counts its runs in `NAME.runs`. */
  function plugin(name: string, ...lines: string[]): { command: string; runs: () => number } {
    const file = join(folder, name);
    writeFileSync(file, ['#!/bin/sh', `echo run >> "${file}.runs"`, ...lines].join('\n'));
    chmodSync(file, 0o755);
    return { command: `./${name}`, runs: () => readFileSync(`${file}.runs`, 'utf8').split('\n').length - 1 };
  }
  const exec = (command: string, more: object = {}): object => ({
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never', ...more },
  });
  const credential = (token: string, expires = ''): string =>
    `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"${token}"${expires}}}'`;

  test('with name and password, and acting as another', async () => {
    await (
      await ask({
        username: 'ada',
        password: 'p:w',
        as: 'bob',
        'as-groups': ['a', 'b'],
        'as-user-extra': { 'k/x': ['1'] },
      })
    )();
    expect(server.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('ada:p:w').toString('base64')}`,
      'impersonate-user': 'bob',
      'impersonate-group': 'a, b',
      'impersonate-extra-k%2fx': '1',
    });
  });

  test('with a token of a file, which is read again when it is refused', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, 'first\n');
    const version = await ask({ tokenFile: 'token' });
    server.token = 'first';
    await version();
    writeFileSync(file, 'second\n');
    server.token = 'second';
    expect(await version()).toBe('v1.36.3');
    expect(server.requests).toHaveLength(3);
  });

  test('with a plugin beside the kubeconfig: run once, told of the cluster, its words passed on', async () => {
    const { command, runs } = plugin(
      'plugin',
      'echo "open https://example.com to sign in" >&2',
      'echo "$KUBERNETES_EXEC_INFO" > "$0.info"',
      'test "$WHO" = ada || exit 3',
      'test "$1" = get-token || exit 4',
      credential('of-plugin'),
    );
    const events: FnmeshEvent[] = [];
    const version = await ask(
      exec(command, { args: ['get-token'], env: [{ name: 'WHO', value: 'ada' }], provideClusterInfo: true }),
      events,
    );
    server.token = 'of-plugin';
    await version();
    await version();
    expect(runs()).toBe(1);
    expect(events).toEqual([{ type: 'note', text: 'open https://example.com to sign in' }]);
    expect(JSON.parse(readFileSync(join(folder, 'plugin.info'), 'utf8'))).toMatchObject({
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: server.url } },
    });
  });

  test('a plugin runs again when its token is refused, or has run out, and not for ever', async () => {
    const counted = plugin(
      'counted',
      'n=$(wc -l < "$0.runs" | tr -d " ")',
      `printf '{"kind":"ExecCredential","status":{"token":"token-%s"}}' "$n"`,
    );
    const version = await ask(exec(counted.command));
    server.token = 'token-1';
    await version();
    server.token = 'token-2';
    await version();
    expect(counted.runs()).toBe(2);
    server.token = 'never';
    await expect(version()).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('does not accept the credentials of ada') as string,
    });
    expect(counted.runs()).toBe(3);
    server.token = undefined;
    const old = plugin('old', credential('old', ',"expirationTimestamp":"2020-01-01T00:00:00Z"'));
    const again = await ask(exec(old.command));
    server.token = 'old';
    await again();
    await again();
    expect(old.runs()).toBe(2);
  });

  test.each([
    ['is not there', 'not-there-plugin', [], /is not installed/, /brew install it/],
    [
      'fails',
      './fails',
      ['echo "who are you? eyJhbGciOi.eyJzdWIi.c2ln" >&2', 'exit 7'],
      /failed \(7\): who are you\? …$/,
      /fails get-token/,
    ],
    ['gives something else', './else', ['echo hello'], /gave no ExecCredential/, /newer/],
  ])('a plugin that %s is said', async (_, command, lines, message, way) => {
    if (command.startsWith('./')) plugin(command.slice(2), ...lines);
    const version = await ask(exec(command, { args: ['get-token'], installHint: 'brew install it' }));
    await expect(version()).rejects.toMatchObject({
      code: 'config',
      message: expect.stringMatching(message) as string,
      try: expect.stringMatching(way) as string,
    });
    expect(server.requests).toEqual([]);
  });

  test('with an old auth-provider, by the library', async () => {
    const config = { 'access-token': 'of-gcp', expiry: '2099-01-01T00:00:00Z' };
    const version = await ask({ 'auth-provider': { name: 'gcp', config } });
    server.token = 'of-gcp';
    // The library speaks to plain http only where TLS is not checked anyway.
    await expect(version()).rejects.toMatchObject({ code: 'config' });
  });
});

test.each([
  ['https://a.example:6443', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1'],
  ['https://a.example:6443', { https_proxy: 'p:1' }, 'http://p:1'],
  ['http://a.example', { HTTPS_PROXY: 'http://p:1' }, null],
  ['https://127.0.0.1:6443', { HTTPS_PROXY: 'http://p:1' }, null],
  ['https://localhost:6443', { HTTPS_PROXY: 'http://p:1' }, null],
  ['https://a.example', { HTTPS_PROXY: 'http://p:1', NO_PROXY: '*' }, null],
  ['https://a.example', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'b.example, example' }, null],
  ['https://a.example', { HTTPS_PROXY: 'http://p:1', NO_PROXY: '.example' }, null],
  ['https://example', { HTTPS_PROXY: 'http://p:1', NO_PROXY: '.example' }, 'http://p:1'],
  ['https://xexample', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example' }, 'http://p:1'],
  ['https://a.example:6443', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'a.example:6443' }, null],
  ['https://a.example:6443', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'a.example:443' }, 'http://p:1'],
  ['https://10.1.2.3', { HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8' }, null],
  ['https://11.1.2.3', { HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8' }, 'http://p:1'],
  ['https://[fd00::1]:6443', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'fd00::/8' }, null],
  ['https://[fd00::1]:6443', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'fd00::1' }, null],
  ['https://a.example', {}, null],
])('the proxy for %s of %j is %s', (server, env, expected) => {
  expect(proxyFor(server, env)).toBe(expected);
});

test.each([
  ['a eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl b', 'a … b'],
  ['Authorization: Bearer abcdefghijkl', 'Authorization: Bearer …'],
  ['at https://me:pw@host/x', 'at https://…@host/x'],
  ['-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- left', '… left'],
  ['pods "a" not found', 'pods "a" not found'],
])('%j is shown as %j', (text, expected) => {
  expect(withoutSecrets(text)).toBe(expected);
});
