import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DockerRegistry } from '../helpers/docker-registry.js';
import { hasRegistry, startDockerRegistry } from '../helpers/docker-registry.js';
import { failure, push, testImage } from './images.js';

const PASSWORD = 'correct horse';
// bcrypt of the password, as `htpasswd -nB` writes it.
const HTPASSWD = 'fn:$2b$04$bQnxUo88mdD8ElnYLM/Mk.gJqkZxx.O3FIIUo5ps7IkjfZbOrpoe2\n';

const dir = mkdtempSync(join(tmpdir(), 'fnmesh-htpasswd-'));
afterAll(() => rmSync(dir, { recursive: true }));

beforeEach(() => {
  vi.stubEnv('DOCKER_CONFIG', dir);
  vi.stubEnv('XDG_RUNTIME_DIR', '');
});
afterEach(() => vi.unstubAllEnvs());

const config = (value: unknown): void => writeFileSync(join(dir, 'config.json'), JSON.stringify(value));
const auth = (login: string): { auth: string } => ({ auth: Buffer.from(login).toString('base64') });

describe.runIf(hasRegistry)('a registry with htpasswd', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry({ htpasswd: HTPASSWD });
  });
  afterAll(() => registry.stop());

  test('the login of the Docker config', async () => {
    config({ auths: { [registry.host]: auth(`fn:${PASSWORD}`) } });
    const image = await testImage(dir);
    const name = `${registry.host}/config:1`;
    expect((await push(image, name)).skippedBlobs).toBe(0);
    expect((await push(image, name)).pushedBytes).toBe(0);
  });

  test('the login of a credential helper, which is asked once a run', async () => {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    const script = `#!/bin/sh\necho "$1 $(cat)" >> '${join(dir, 'asked')}'\necho '{"Username":"fn","Secret":"${PASSWORD}"}'\n`;
    writeFileSync(join(bin, 'docker-credential-fnmesh-test'), script);
    chmodSync(join(bin, 'docker-credential-fnmesh-test'), 0o755);
    vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`);
    config({ credHelpers: { [registry.host]: 'fnmesh-test' } });
    await push(await testImage(dir), `${registry.host}/helper:1`);
    expect(readFileSync(join(dir, 'asked'), 'utf8')).toBe(`get ${registry.host}\n`);
  });

  test('no login', async () => {
    config({});
    const error = await failure(push(await testImage(dir), `${registry.host}/none:1`));
    expect(error).toMatchObject({ code: 'failed', try: `docker login ${registry.host}` });
    expect(error.message).toBe(`${registry.host} wants a login`);
  });

  test('a wrong password, which is not shown', async () => {
    config({ auths: { [registry.host]: auth('fn:wrong horse') } });
    const error = await failure(push(await testImage(dir), `${registry.host}/wrong:1`));
    expect(error).toMatchObject({ code: 'failed', try: `docker login ${registry.host}` });
    expect(error.message).toMatch(/does not take the login/);
    const all = JSON.stringify([error.message, error.try, error.stack]);
    expect(all).not.toMatch(/wrong horse/);
    expect(all).not.toContain(auth('fn:wrong horse').auth);
  });
});

describe.runIf(hasRegistry)('a registry with https and a certificate of its own', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    const [certificate, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=test'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1'],
    ]);
    expect(made.status, made.stderr?.toString()).toBe(0);
    registry = await startDockerRegistry({ tls: { certificate, key }, htpasswd: HTPASSWD });
  });
  afterAll(() => registry.stop());

  // 0.0.0.0 leads to this machine, but is not one of its own names: as a registry elsewhere.
  test.each(['127.0.0.1', '0.0.0.0'])('is not trusted, unless insecure says so: %s', async (address) => {
    const host = registry.host.replace('127.0.0.1', address);
    config({ auths: { [host]: auth(`fn:${PASSWORD}`) } });
    const image = await testImage(dir);
    const error = await failure(push(image, `${host}/tls:1`));
    expect(error.code).toBe('unreachable');
    expect(error.message).toMatch(/certificate of .* is not trusted/);
    expect(error.try).toMatch(/NODE_EXTRA_CA_CERTS.*--insecure/);
    expect((await push(image, `${host}/tls:1`, { insecure: true })).digest).toBe(image.digest);
  });
});
