import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { Credentials } from '../../src/oci/docker-config.js';
import { credentialsFor } from '../../src/oci/docker-config.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fnmesh-login-'));
  mkdirSync(join(dir, 'bin'));
  mkdirSync(join(dir, 'containers'));
  vi.stubEnv('DOCKER_CONFIG', dir);
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  vi.stubEnv('PATH', `${join(dir, 'bin')}${delimiter}${process.env['PATH']}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

const encoded = (text: string): string => Buffer.from(text).toString('base64');
const config = (value: unknown): void => writeFileSync(join(dir, 'config.json'), JSON.stringify(value));

/** A credential helper that notes what it is asked for. */
function helper(name: string, script: string): void {
  const path = join(dir, 'bin', `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\necho "$1 $(cat)" >> '${join(dir, 'asked')}'\n${script}\n`);
  chmodSync(path, 0o755);
}
const asked = (): string => (existsSync(join(dir, 'asked')) ? readFileSync(join(dir, 'asked'), 'utf8') : '');

async function failure(host: string): Promise<FnmeshError> {
  const error: unknown = await credentialsFor(host).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FnmeshError);
  return error as FnmeshError;
}

describe('credentialsFor: files', () => {
  const me = { auth: encoded('me:pass:word') };
  const cases: [string, object, string, Credentials | null][] = [
    ['a host', { 'reg.example.com': me }, 'reg.example.com', { username: 'me', password: 'pass:word' }],
    ['a host with port', { 'r:5000': me }, 'r:5000', { username: 'me', password: 'pass:word' }],
    ['another port is another registry', { 'r:5000': me }, 'r:5001', null],
    [
      'a URL, as older Dockers wrote',
      { 'https://r.io/v1/': me },
      'r.io',
      { username: 'me', password: 'pass:word' },
    ],
    [
      'Docker Hub',
      { 'https://index.docker.io/v1/': me },
      'docker.io',
      { username: 'me', password: 'pass:word' },
    ],
    ['an identity token', { 'r.io': { ...me, identitytoken: 'tok' } }, 'r.io', { identityToken: 'tok' }],
    ['plain fields', { 'r.io': { username: 'a', password: 'b' } }, 'r.io', { username: 'a', password: 'b' }],
    ['an entry that only says where the login is', { 'r.io': {} }, 'r.io', null],
    ['nothing', {}, 'r.io', null],
  ];
  test.each(cases)('%s', async (_what, auths, host, expected) => {
    config({ auths });
    expect(await credentialsFor(host)).toEqual(expected);
  });

  test('no file: no login', async () => {
    expect(await credentialsFor('r.io')).toBeNull();
  });

  test('~/.docker without DOCKER_CONFIG', async () => {
    mkdirSync(join(dir, '.docker'));
    writeFileSync(join(dir, '.docker', 'config.json'), JSON.stringify({ auths: { 'r.io': me } }));
    vi.stubEnv('DOCKER_CONFIG', '');
    vi.stubEnv('HOME', dir);
    expect(await credentialsFor('r.io')).toEqual({ username: 'me', password: 'pass:word' });
  });

  test('Podman’s logins count where Docker has none', async () => {
    vi.stubEnv('XDG_RUNTIME_DIR', dir);
    const podman = { auths: { 'r.io': { auth: encoded('pod:man') }, 'q.io': { auth: encoded('pod:man') } } };
    writeFileSync(join(dir, 'containers', 'auth.json'), JSON.stringify(podman));
    config({ auths: { 'r.io': me } });
    expect(await credentialsFor('r.io')).toEqual({ username: 'me', password: 'pass:word' });
    expect(await credentialsFor('q.io')).toEqual({ username: 'pod', password: 'man' });
  });

  test.each([
    ['{"auths": {"r.io": {"auth": "c2VjcmV0"', /not valid JSON/],
    ['[]', /not a JSON object/],
    ['{"auths":{"r.io":{"auth":"c2VjcmV0"}}}', /cannot be read/],
  ])('a file that is broken: %s', async (text, message) => {
    writeFileSync(join(dir, 'config.json'), text);
    const error = await failure('r.io');
    expect(error.code).toBe('config');
    expect(error.message).toMatch(message);
    expect(error.message).toContain(join(dir, 'config.json'));
    expect(error.message).not.toMatch(/c2VjcmV0|secret/);
  });
});

describe('credentialsFor: helpers', () => {
  const answer = `echo '{"ServerURL":"x","Username":"me","Secret":"s3cret"}'`;

  test('the common store', async () => {
    config({ credsStore: 'test-store', auths: { 'r.io': {} } });
    helper('test-store', answer);
    expect(await credentialsFor('r.io')).toEqual({ username: 'me', password: 's3cret' });
    expect(asked()).toBe('get r.io\n');
  });

  test('a host’s own helper counts over the store', async () => {
    config({ credsStore: 'test-store', credHelpers: { 'r.io': 'own' } });
    helper('test-store', 'exit 1');
    helper('own', `echo '{"Username":"<token>","Secret":"s3cret"}'`);
    expect(await credentialsFor('r.io')).toEqual({ identityToken: 's3cret' });
  });

  test('Docker Hub is asked for by its old URL', async () => {
    config({ credsStore: 'test-store' });
    helper('test-store', answer);
    await credentialsFor('docker.io');
    expect(asked()).toBe('get https://index.docker.io/v1/\n');
  });

  test('what a helper does not know may stand in the file', async () => {
    config({ credsStore: 'test-store', auths: { 'r.io': { auth: encoded('a:b') } } });
    helper('test-store', 'echo credentials not found in native keychain; exit 1');
    expect(await credentialsFor('r.io')).toEqual({ username: 'a', password: 'b' });
    expect(await credentialsFor('q.io')).toBeNull();
  });

  test('a helper that is not installed', async () => {
    config({ credsStore: 'nowhere' });
    const error = await failure('r.io');
    expect(error.message).toMatch(/docker-credential-nowhere, which is not on the PATH/);
    expect(error.try).toMatch(/docker login r\.io/);
  });

  test.each(['../evil', 'a b', '', 'a;b', 'a/b', '-x', 7, null])('a name that is none: %j', async (name) => {
    config({ credHelpers: { 'r.io': name } });
    if (name === '' || name === null) expect(await credentialsFor('r.io')).toBeNull();
    else expect((await failure('r.io')).message).toMatch(/names a credential helper that is none/);
    expect(asked()).toBe('');
  });

  test.each([
    ['says why it fails', 'echo gpg: decryption failed; exit 2', /r\.io: gpg: decryption failed/],
    ['fails silently', 'exit 2', /exited with 2/],
    ['fails with a login', `${answer}; exit 2`, /exited with 2/],
    ['gives no JSON', 'echo s3cret', /no Username and Secret/],
    ['gives half of it', `echo '{"Username":"s3cret"}'`, /no Username and Secret/],
    ['is killed', `echo s3cret; kill -9 $$`, /was killed/],
  ])('a helper that %s', async (_what, script, message) => {
    config({ credsStore: 'test-store' });
    helper('test-store', script);
    const error = await failure('r.io');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('s3cret');
    expect(error.cause).toBeUndefined();
    expect(error.try).toBe('docker login r.io');
  });
});
