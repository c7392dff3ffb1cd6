// What goes wrong on the way to a real Fn server, as the command line says it: in a line or two, with a way out, and
// with nothing half done.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workplace } from '../helpers/cli.js';
import { hasRegistry, startDockerRegistry, type DockerRegistry } from '../helpers/docker-registry.js';
import { hasGo } from '../helpers/programs.js';
import { goApp } from '../helpers/real-server.js';
import { startStrictFn, type StrictFn } from '../helpers/strict-fn.js';

const IMAGE = `r.test/cart@sha256:${'a'.repeat(64)}`;
// bcrypt of `correct horse`, as `htpasswd -nB` writes it.
const HTPASSWD = 'fn:$2b$04$bQnxUo88mdD8ElnYLM/Mk.gJqkZxx.O3FIIUo5ps7IkjfZbOrpoe2\n';

describe.runIf(hasRegistry && hasGo)('what goes wrong', () => {
  const place = new Workplace();
  const at = (env: Record<string, string> = {}) => ({ cwd: 'shop', env });
  const others: Server[] = [];
  let fn: StrictFn;
  let node: StrictFn;
  let closed: StrictFn;
  let registry: DockerRegistry;
  /** Stand for addresses in the table. */
  let urls: Record<string, string>;

  const answering = async (answers: Record<string, [status: number, body: string]>): Promise<string> => {
    const server = createServer((request, response) => {
      const [status, body] = answers[(request.url ?? '').replace(/\?.*/, '')] ?? [404, '404 page not found'];
      response.writeHead(status).end(body);
    });
    others.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  beforeAll(async () => {
    [fn, node, closed, registry] = await Promise.all([
      startStrictFn(),
      startStrictFn({ nodes: 'api' }),
      startStrictFn({ token: 'right' }),
      startDockerRegistry({ htpasswd: HTPASSWD }),
    ]);
    urls = {
      FN: fn.url,
      LB: node.callUrl,
      CLOSED: closed.url,
      LOCKED: `${registry.host}/me`,
      DOWN: 'http://127.0.0.1:9',
      HTML: await answering({ '/v2/apps': [200, '<!doctype html><title>Welcome</title>'] }),
      OLD: await answering({
        '/v2/apps': [404, '{"message":"Path not found: GET /v2/apps"}'],
        '/v1/apps': [200, '{"apps":[]}'],
        '/version': [200, '{"version":"0.3.500"}'],
      }),
    };
    place.write({
      ...goApp('shop', { 'cart/v1': 'one', 'cart/v2': 'two' }),
      'shop/fnmesh.yaml': 'targets:\n  prod:\n    fn: { api: http://127.0.0.1:9 }\n',
      'bad/app.yaml': 'name: bad\n',
      'bad/fnmesh.yaml': 'targets:\n  prod:\n    registy: x\n    probe: { methd: GET }\nkeep: 0\n',
      'torn/app.yaml': 'name: torn\n',
      'torn/fnmesh.yaml': 'targets: {\n',
    });
    // One server for all: the errors before it is needed are others' tests.
    expect((await place.run(['start', '-d'])).code).toBe(0);
  });
  afterAll(async () => {
    await place.close();
    for (const server of others) server.close();
    await Promise.all([fn.close(), node.close(), closed.close(), registry.stop()]);
  });

  const given = (text: string): string => text.replace(/<([A-Z]+)>/g, (_, name: string) => urls[name] ?? '');
  const toEnv = (text: string): Record<string, string> =>
    Object.fromEntries(
      text
        .split(' ')
        .filter(Boolean)
        .map((word) => given(word).split(/=(.*)/s) as [string, string]),
    );

  // Variables, command line, exit code, what is said, the way out.
  const CASES: [env: string, line: string, code: number, says: string, tries: string][] = [
    [
      '',
      'deploy --all --target prd',
      2,
      '--target: there is no target "prd" (did you mean prod?); there are local, prod',
      '--target prod',
    ],
    ['FNMESH_TARGET=x', 'status', 2, 'FNMESH_TARGET: there is no target "x"', '--target local'],
    [
      '',
      'deploy --all --api-url ftp://fn.test',
      2,
      '--api-url must start with http:// or https://',
      'correct --api-url',
    ],
    [
      'FN_API_URL=http://me:s3cret@fn.test',
      'deploy --all',
      2,
      'FN_API_URL must hold no user name or password',
      'unset FN_API_URL',
    ],
    [
      'FN_API_URL=<FN> FN_REGISTRY=https://r.test',
      'deploy --all',
      2,
      'FN_REGISTRY must be without http:// or https://',
      'unset FN_REGISTRY',
    ],
    ['FN_API_URL=<DOWN>', 'deploy --all', 1, 'no Fn server answers at <DOWN>', 'unset FN_API_URL'],
    ['', 'history --target prod', 1, 'no Fn server answers at <DOWN>', '--target local'],
    ['FN_API_URL=http://fn.invalid', 'deploy --all', 1, 'the name fn.invalid is not known', 'correct'],
    [
      'FN_API_URL=<HTML>',
      'deploy --all',
      1,
      '<HTML> is no Fn server: GET /v2/apps gives a web page',
      'curl <HTML>/version',
    ],
    [
      'FN_API_URL=<OLD>',
      'deploy --all',
      1,
      '<OLD> predates API v2, which came with 0.3.563 in 2018 (it is 0.3.500)',
      'upgrade',
    ],
    ['FN_API_URL=<LB>', 'deploy --all', 1, '<LB> is an Fn node without API v2', 'API-NODE'],
    ['FN_API_URL=<CLOSED>', 'deploy --all', 1, '<CLOSED> wants a token', 'export FN_TOKEN=…'],
    ['FN_API_URL=<CLOSED> FN_TOKEN=wr0ng', 'deploy --all', 1, '<CLOSED> does not take the token', 'FN_TOKEN'],
    [
      'FN_API_URL=<FN>',
      'deploy --all',
      2,
      'has to be pushed for the Fn server to have it, and nobody said where',
      'FN_REGISTRY=',
    ],
    [
      'FN_API_URL=<FN> FN_REGISTRY=r.test',
      'deploy --all --platform darwin/arm64',
      2,
      'Fn runs functions on Linux',
      'linux/arm64',
    ],
    [
      'FN_API_URL=<FN> FN_REGISTRY=r.test',
      'deploy --all --tag a/b',
      2,
      '--tag "a/b" is no tag',
      '--tag 1.0.0',
    ],
    [
      'FN_API_URL=<FN>',
      `deploy --all --image ${IMAGE}`,
      2,
      '--image is for one version, and 2 are named',
      'fnmesh deploy FN/v2 --image',
    ],
    [
      'FN_API_URL=<FN>',
      'deploy cart/v1 --image https://r.test/x',
      2,
      'an image name has no scheme',
      'without https://',
    ],
    ['', 'deploy --all --tag x', 2, '--tag is for real Fn servers', 'FN_API_URL'],
    ['', 'deploy --all --load', 2, '--load is for real Fn servers', 'FN_API_URL'],
    [
      '',
      'deploy --all --output images',
      2,
      '--output images: it is written oci-layout=DIR or docker-archive=FILE',
      '--output oci-layout=./images',
    ],
    ['', 'deploy cart/v1 --shift 5', 2, '--as', '--as next --shift 5'],
  ];

  test.each(CASES)('%s fnmesh %s → exit %i', async (env, line, code, says, tries) => {
    const ran = await place.run(line.split(' '), at(toEnv(env)));
    const lines = ran.stderr
      .trimEnd()
      .split('\n')
      .filter((text) => !/^(target local|warning: |\((node:|Use ))/.test(text));
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(lines[0]).toMatch(/^error: /);
    expect(lines.slice(0, -1).join('\n')).toContain(given(says));
    expect(lines.at(-1)).toMatch(/^ {2}try: /);
    expect(lines.at(-1)).toContain(given(tries));
    expect(lines.length).toBeLessThanOrEqual(3);
    expect(ran.stderr).not.toMatch(/bug in fnmesh|\n\s+at |s3cret|wr0ng/);
  });

  test('of a registry: the versions’ failures, once the others are done; the server is left alone', async () => {
    const env = { FN_API_URL: fn.url };
    const run = (name: string, ...more: string[]) =>
      place.run(['deploy', '--all', ...more], at({ ...env, FN_REGISTRY: name }));
    const [down, locked] = [await run('127.0.0.1:9/me'), await run(urls['LOCKED']!)];
    expect([down.code, locked.code]).toEqual([1, 1]);
    expect(down.stdout).toMatch(
      /^cart\/v1, cart\/v2 failed: no registry answers at 127\.0\.0\.1:9: .*\n {2}try: curl/m,
    );
    expect(locked.stdout).toMatch(/^cart\/v1, cart\/v2 failed: .*login/m);
    expect(locked.stdout).toMatch(new RegExp(`^ {2}try: docker login ${registry.host}`, 'm'));
    const auth = { auth: Buffer.from('fn:s3cret').toString('base64') };
    place.write({ 'home/.docker/config.json': JSON.stringify({ auths: { [registry.host]: auth } }) });
    const wrong = await run(urls['LOCKED']!);
    expect([wrong.code, wrong.stdout]).toEqual([
      1,
      expect.stringMatching(/^cart\/v1, cart\/v2 failed: .*\n {2}try: /m),
    ]);
    expect(wrong.stdout + wrong.stderr).not.toContain('s3cret');
  });

  test('in fnmesh.yaml: each with its line, in order', async () => {
    const [bad, torn] = [
      await place.run(['diff'], { cwd: 'bad' }),
      await place.run(['status'], { cwd: 'torn' }),
    ];
    expect([bad.code, bad.stdout, torn.code, torn.stdout]).toEqual([2, '', 2, '']);
    expect(bad.stderr.split('\n')).toEqual([
      expect.stringMatching(/^error: fnmesh\.yaml:3:5: unknown key "registy" \(did you mean registry\?\)/),
      expect.stringMatching(/^fnmesh\.yaml:4:14: unknown key "methd" \(did you mean method\?\)/),
      'fnmesh.yaml:5:7: keep must be at least 1',
      expect.stringMatching(/^ {2}try: edit fnmesh\.yaml: targets\.prod\.registy/),
      '',
    ]);
    expect(torn.stderr).toMatch(/^error: fnmesh\.yaml:\d+:\d+: .*\n {2}try: correct fnmesh\.yaml there\n$/);
  });

  test('with --json the error is one envelope on stdout', async () => {
    const { code, ok, command, error } = await place.json(
      ['deploy', '--all'],
      at({ FN_API_URL: urls['DOWN']! }),
    );
    expect({ code, ok, command, error }).toMatchObject({
      code: 1,
      ok: false,
      command: 'deploy',
      error: { code: 'unreachable', message: expect.stringContaining(urls['DOWN']!) as string, exit: 1 },
    });
  });

  test('nothing came of all that', async () => {
    expect([fn, node, closed].map(({ objects }) => objects.apps.size)).toEqual([0, 0, 0]);
    expect([...fn.violations, ...node.violations, ...closed.violations]).toEqual([]);
    expect((await place.json<{ apps: unknown[] }>(['status'])).result.apps).toEqual([]);
  });
});
