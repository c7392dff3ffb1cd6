import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { readSettings } from '../../src/project/settings.js';
import { folderWith } from './folder.js';

const read = (text: string) => readSettings(folderWith({ 'fnmesh.yaml': text }));

async function refusal(text: string): Promise<string> {
  const error: unknown = await read(text).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FnmeshError);
  expect(error).toMatchObject({ code: 'config', exit: 2, try: expect.any(String) as string });
  return (error as FnmeshError).message;
}

describe('fnmesh.yaml', () => {
  it('gives every value with its line', async () => {
    const text = `# where we run
target: prod
registry: registry.example.com/team/
env: .env
keep: 5
probe: none
platform: linux/arm64
gateway: http://host.docker.internal:8082
targets:
  prod:
    fn:
      api: HTTPS://Fn.example.com/fn/
      invoke: lb.example.com:80
      token: \${PROD_TOKEN}
    router: embedded
    registry: localhost:5000
    env:
      - .env
      - secrets/prod.env
    probe:
      method: POST
      headers: {X-Y: 1}
      body: 5
    platform: linux/amd64
    gateway: https://gw.example.com
  open:
`;
    const root = folderWith({ 'fnmesh.yml': text });
    const at = <T>(line: number, value: T) => ({ value, from: `fnmesh.yml:${line}` });
    const open = { registry: null, env: null, probe: null, platform: null, gateway: null };
    expect(await readSettings(root)).toEqual({
      file: join(root, 'fnmesh.yml'),
      target: at(2, 'prod'),
      registry: at(3, 'registry.example.com/team'),
      env: [at(4, join(root, '.env'))],
      keep: at(5, 5),
      probe: at(6, 'none'),
      platform: at(7, 'linux/arm64'),
      gateway: at(8, 'http://host.docker.internal:8082'),
      targets: {
        prod: {
          fn: {
            api: at(12, 'https://fn.example.com/fn'),
            invoke: at(13, 'http://lb.example.com'),
            token: at(14, 'PROD_TOKEN'),
          },
          registry: at(16, 'localhost:5000'),
          env: [at(18, join(root, '.env')), at(19, join(root, 'secrets/prod.env'))],
          // The value's place: where its first key stands.
          probe: at(21, { method: 'POST', headers: { 'Fnmesh-Probe': '1', 'X-Y': '1' }, body: '5' }),
          platform: at(24, 'linux/amd64'),
          gateway: at(25, 'https://gw.example.com'),
          cluster: null,
        },
        open: { ...open, fn: { api: null, invoke: null, token: null }, cluster: null },
      },
    });
  });

  it('need not be there, and may be empty', async () => {
    expect(await readSettings(folderWith({}))).toBeNull();
    for (const text of ['', '# nothing yet\n', 'target:\ntargets:\n']) {
      expect(await read(text)).toMatchObject({ target: null, registry: null, env: null, targets: {} });
    }
  });

  it('is there once', async () => {
    const root = folderWith({ 'fnmesh.yaml': '', 'fnmesh.yml': '' });
    await expect(readSettings(root)).rejects.toThrow(/both fnmesh.yaml and fnmesh.yml/);
  });

  it('takes a header of the probe from whoever names it, whatever its case', async () => {
    const settings = await read('probe: {headers: {fnmesh-probe: no}}\n');
    expect(settings?.probe?.value).toEqual({ method: 'GET', headers: { 'fnmesh-probe': 'no' } });
  });

  it('names all that is wrong at once, relative to where one stands', async () => {
    const root = folderWith({ 'fnmesh.yaml': 'keep: many\nregistry: [a]\n' });
    await expect(readSettings(root, join(root, '..'))).rejects.toThrow(
      /^[^/]+\/fnmesh.yaml:1:7: keep must be a whole number.*\n[^/]+\/fnmesh.yaml:2:11: registry must be text, not a list$/,
    );
  });

  it('says that a variable inside braces needs quotes', async () => {
    const settings = (token: string): string => `targets: {prod: {fn: {token: ${token}}}}\n`;
    const wayOut = 'inside { } write it with quotes: "${NAME}"';
    await expect(read(settings('${A}'))).rejects.toMatchObject({ code: 'config', try: wayOut });
    const quoted = await read(settings('"${A}"'));
    expect(quoted?.targets['prod']?.fn.token).toEqual({ value: 'A', from: 'fnmesh.yaml:1' });
  });

  it.each<[string, string, string | RegExp]>([
    ['a syntax error', 'targets: {\n', /^fnmesh.yaml:2:1: /],
    ['a list', '- a\n', 'fnmesh.yaml:1:1: the file must be a map of keys and values, not a list'],
    [
      'an unknown key',
      'keep: 1\nregistri: a\n',
      'fnmesh.yaml:2:1: unknown key "registri" (did you mean registry?)',
    ],
    [
      'an unknown key of a target',
      'targets:\n  prod:\n    fm: {}\n',
      'fnmesh.yaml:3:5: unknown key "fm" (did you mean fn?)',
    ],
    [
      'an unknown key of a target, near to none',
      'targets:\n  prod:\n    colour: red\n',
      'fnmesh.yaml:3:5: unknown key "colour"; the keys here are fn, router, registry, env, probe, platform, gateway, kubeconfig, context, namespace, host, api, makeGateway, address, proxy, mesh, pin, clusterDomain, dns, image, replicas, autoscale, networkPolicy, bodyLimit, drain, adminUrl',
    ],
    [
      'an unknown key of fn',
      'targets:\n  prod:\n    fn:\n      url: a\n',
      'fnmesh.yaml:4:7: unknown key "url"; the keys here are api, invoke, token',
    ],
    [
      'an unknown key of the probe',
      'probe:\n  metod: GET\n',
      'fnmesh.yaml:2:3: unknown key "metod" (did you mean method?)',
    ],
    ['keep for one target', 'targets:\n  prod:\n    keep: 1\n', /^fnmesh.yaml:3:5: unknown key "keep"/],
    ['a key twice', 'keep: 1\nkeep: 2\n', /^fnmesh.yaml:2:1: Map keys must be unique/],
    ['an empty text', 'target: ""\n', 'fnmesh.yaml:1:9: target is empty'],
    ['a target that is a number', 'target: 1\n', 'fnmesh.yaml:1:9: target must be text, not this'],
    ['keep none', 'keep: 0\n', 'fnmesh.yaml:1:7: keep must be at least 1'],
    ['keep halves', 'keep: 1.5\n', /^fnmesh.yaml:1:7: keep must be a whole number of versions/],
    ['an env that is a map', 'env: {A: b}\n', /^fnmesh.yaml:1:6: env must be the path of a file, or a list/],
    ['an env file without a name', 'env:\n- a\n- ""\n', 'fnmesh.yaml:3:3: env[1] is empty'],
    ['another system', 'platform: windows/amd64\n', /^fnmesh.yaml:1:11: platform must be such as linux/],
    ['a word for a probe', 'probe: maybe\n', /^fnmesh.yaml:1:8: probe must be none, or a map/],
    ['an odd method', 'probe: {method: FETCH}\n', /^fnmesh.yaml:1:17: probe.method must be one of GET,/],
    [
      'a body in a GET',
      'probe:\n  body: a\n',
      'fnmesh.yaml:2:9: probe.body cannot stand with method GET: only other methods have one',
    ],
    [
      'a body that is a map',
      'probe: {method: POST, body: {}}\n',
      'fnmesh.yaml:1:29: probe.body must be text, not a map',
    ],
    [
      'a header name',
      'probe:\n  headers:\n    "a b": c\n',
      'fnmesh.yaml:3:5: probe.headers.a b is no header name',
    ],
    [
      'a framing header',
      'probe:\n  headers:\n    Host: c\n',
      /^fnmesh.yaml:3:5: probe.headers.Host is a header/,
    ],
    ['a header value', 'probe: {headers: {a: "b\\nc"}}\n', /probe.headers.a holds characters that no header/],
    [
      'a target called local',
      'targets:\n  local: {}\n',
      'fnmesh.yaml:2:3: targets.local is taken: local is the embedded server and gateway',
    ],
    ['a target called ../x', 'targets:\n  ../x: {}\n', /^fnmesh.yaml:2:3: targets..*is no name for a target/],
    ['another router', 'targets:\n  prod:\n    router: nginx\n', /router must be embedded or kubernetes/],
    ['a scheme', 'gateway: ftp://a\n', 'fnmesh.yaml:1:10: gateway must start with http:// or https://'],
    ['a query', 'gateway: http://a/?b\n', 'fnmesh.yaml:1:10: gateway must not hold "?" or "#"'],
    [
      'a registry with a scheme',
      'registry: https://a/b\n',
      /registry must be without http:\/\/ or https:\/\//,
    ],
  ])('refuses %s', async (_what, text, expected) => {
    const message = await refusal(text);
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  it.each([
    'targets:\n  prod:\n    fn:\n      token: hunter2\n',
    'targets:\n  prod:\n    fn:\n      token: ${hunter2}x\n',
    'targets:\n  prod:\n    fn:\n      api: http://me:hunter2@fn.example.com\n',
    'targets:\n  prod:\n    fn:\n      token: {a: hunter2}\n',
    'registry: me:hunter2@registry.example.com\n',
    'gateway: "hunter2 is no URL"\n',
    'keep: hunter2\n',
  ])('never repeats a secret: %j', async (text) => {
    expect(await refusal(text)).not.toContain('hunter2');
  });
});

describe('a target with router: kubernetes', () => {
  const target = (lines: string) => `targets:\n  prod:\n    router: kubernetes\n${lines}`;
  const cluster = async (lines: string) => (await read(target(lines)))?.targets['prod']?.cluster;

  it('may leave everything open', async () => {
    expect(await cluster('')).toEqual({
      kubeconfig: null,
      context: null,
      namespace: null,
      host: null,
      api: null,
      gateway: null,
      makeGateway: false,
      address: null,
      proxy: 'dedicated',
      mesh: null,
      pin: 'secret',
      clusterDomain: 'cluster.local',
      dns: null,
      image: null,
      replicas: 2,
      autoscale: null,
      networkPolicy: false,
      bodyBytes: 64 * 1024 * 1024,
      drainMs: 30_000,
      adminUrls: null,
    });
  });

  it('says where and how', async () => {
    const lines = `    context: my-cluster
    namespace: hello
    host: hello.example.com
    api: gateway-api
    gateway: istio-ingress/public#https
    address: https://203.0.113.7
    proxy: shared
    mesh: false
    pin: on
    dns: 10.96.0.10
    image: registry.example.com/nginx:1.27
    replicas: 3
    autoscale: { min: 2, max: 5 }
    networkPolicy: true
    bodyLimit: 1Gi
    drain: 5s
    adminUrl: 127.0.0.1:15000
`;
    const at = <T>(line: number, value: T) => ({ value, from: `fnmesh.yaml:${line}` });
    expect(await cluster(lines)).toMatchObject({
      context: at(4, 'my-cluster'),
      namespace: at(5, 'hello'),
      host: at(6, 'hello.example.com'),
      api: at(7, 'gateway-api'),
      gateway: at(8, { namespace: 'istio-ingress', name: 'public', listener: 'https' }),
      address: at(9, 'https://203.0.113.7'),
      proxy: 'shared',
      mesh: at(11, false),
      pin: 'on',
      dns: at(13, '10.96.0.10'),
      image: at(14, 'registry.example.com/nginx:1.27'),
      replicas: 3,
      autoscale: { min: 2, max: 5, cpuPercent: 70 },
      networkPolicy: true,
      bodyBytes: 2 ** 30,
      drainMs: 5000,
      adminUrls: [at(20, 'http://127.0.0.1:15000')],
    });
  });

  it.each([
    ['public', { namespace: null, name: 'public', listener: null }],
    ['ns/public', { namespace: 'ns', name: 'public', listener: null }],
    ['public#web', { namespace: null, name: 'public', listener: 'web' }],
  ])('gateway: %s', async (word, value) => {
    expect((await cluster(`    gateway: ${word}\n`))?.gateway?.value).toEqual(value);
  });

  it.each([
    ['gateway: a/b/c', 'targets.prod.gateway is no gateway such as'],
    ['gateway: http://x', 'targets.prod.gateway is no gateway such as'],
    ['host: https://x', 'targets.prod.host is no host'],
    ['host: "*.x"', 'targets.prod.host is no host'],
    ['namespace: Hello', 'targets.prod.namespace is no name of a namespace'],
    ['api: ingress', 'targets.prod.api must be istio or gateway-api'],
    ['proxy: one', 'targets.prod.proxy must be dedicated or shared'],
    ['mesh: maybe', 'targets.prod.mesh must be true or false'],
    ['pin: yes', 'targets.prod.pin must be secret, on or off'],
    ['dns: kube-dns', 'targets.prod.dns is no IP address'],
    ['image: "a b"', 'targets.prod.image is no image'],
    ['replicas: 0', 'targets.prod.replicas must be at least 1'],
    ['autoscale: { min: 5, max: 2 }', 'targets.prod.autoscale has a min above its max'],
    ['autoscale: { min: 5, max: 9, cpu: 3 }', 'unknown key "cpu"'],
    ['bodyLimit: lots', 'targets.prod.bodyLimit must be a size'],
    ['drain: 2h', 'targets.prod.drain must be a time'],
    ['clusterDomain: a_b', 'targets.prod.clusterDomain is no domain'],
    ['adminUrl: ftp://x', 'must start with http:// or https://'],
    ['adminUrl: nowhere', 'targets.prod.adminUrl[0] must be an http:// or https:// URL'],
    [
      'adminUrl: [http://127.0.0.1:15000, nowhere]',
      'targets.prod.adminUrl[1] must be an http:// or https:// URL',
    ],
    ['adminUrl: ""', 'must be an http:// or https:// URL'],
    ['adminUrl: 15000', 'targets.prod.adminUrl must be a URL or a list of them'],
    ['contxt: x', 'unknown key "contxt" (did you mean context?)'],
  ])('%s: an error with its line', async (line, message) => {
    const text = await refusal(target(`    ${line}\n`));
    expect(text).toContain(message);
    expect(text).toContain('fnmesh.yaml:4');
  });

  it('keys of a cluster are for a cluster', async () => {
    expect(await refusal('targets:\n  prod:\n    host: a.b\n')).toContain(
      'targets.prod.host is only for a target with router: kubernetes',
    );
  });
});
