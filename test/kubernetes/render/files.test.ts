import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../../src/kubernetes/object.js';
import { asStream, MARKER, renderFiles } from '../../../src/kubernetes/render/files.js';
import { writeFiles } from '../../../src/kubernetes/render/write-files.js';
import { yamlText } from '../../../src/kubernetes/render/yaml.js';

const object = (kind: string, name: string, fields: object = {}): KubeObject => ({
  kind,
  spec: {},
  metadata: { namespace: 'shop', name },
  apiVersion: 'v1',
  ...fields,
});
const route = object('HTTPRoute', 'shop-cart', { spec: { rules: [{ name: 'fnmesh-split' }] } });

describe('yamlText', () => {
  test.each<[string, unknown, string]>([
    [
      'plain texts',
      { a: 'nginx:1.27@sha256:ab', b: '/ready', c: 'v1' },
      'a: nginx:1.27@sha256:ab\nb: /ready\nc: v1\n',
    ],
    ['what YAML 1.1 takes for a truth value', ['on', 'No', 'y', 'NULL'], '- "on"\n- "No"\n- "y"\n- "NULL"\n'],
    [
      'what is taken for a number',
      ['1e3', '0o7', '1:30', '.5', '1_0', '~', 'E9', 'e-5'],
      '- "1e3"\n- "0o7"\n- "1:30"\n- ".5"\n- "1_0"\n- "~"\n- "E9"\n- "e-5"\n',
    ],
    [
      'what opens something',
      ['a: b', 'a #b', '- a', '*', '&a', '', 'a:'],
      '- "a: b"\n- "a #b"\n- "- a"\n- "*"\n- "&a"\n- ""\n- "a:"\n',
    ],
    ['keys too', { on: 1, '1': 2, 'fnmesh/app': 3 }, '"1": 2\nfnmesh/app: 3\n"on": 1\n'],
    [
      'numbers',
      [1, -2, 0.5, 1e21, 1e-7, true, null],
      '- 1\n- -2\n- 0.5\n- 1.0e+21\n- 1.0e-7\n- true\n- null\n',
    ],
    ['empty things', { a: [], b: {}, c: [[], {}] }, 'a: []\nb: {}\nc:\n- []\n- {}\n'],
    ['nothing', { a: undefined, b: 1 }, 'b: 1\n'],
    ['lists of maps', { a: [{ x: 1, name: 'q' }, [1, [2]]] }, 'a:\n- name: q\n  x: 1\n- - 1\n  - - 2\n'],
    ['lines', { a: { b: 'x {\n  y;\n\n}\n' } }, 'a:\n  b: |\n    x {\n      y;\n\n    }\n'],
    ['lines without an end', ['x\ny'], '- |-\n  x\n  y\n'],
    [
      'lines that a block would change',
      ['x \ny', ' x\ny', 'x\n\n', '\nx'],
      '- "x \\ny"\n- " x\\ny"\n- "x\\n\\n"\n- "\\nx"\n',
    ],
    [
      'line ends of Unicode',
      ['a\u2028b', 'a\x85b\nc', '\ufeff'],
      '- "a\\u2028b"\n- "a\\u0085b\\nc"\n- "\\ufeff"\n',
    ],
  ])('%s', (_, value, text) => {
    expect(yamlText(value)).toBe(text);
  });

  const tree = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'medium' },
      fc.string({
        unit: fc.oneof(
          fc.constantFrom(...'abyno0189.:-_ \n\t#\'"/~*&{}[],|>!%@`=+eExX'.split('')),
          fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        ),
      }),
      fc.integer(),
      fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((number) => (Object.is(number, -0) ? 0 : number)),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(
        fc.string({ unit: 'binary', maxLength: 8 }).filter((key) => key !== '__proto__'),
        tie('tree'),
        { maxKeys: 4 },
      ),
    ),
  })).tree;

  test.each(['1.1', '1.2'] as const)('a reader of YAML %s reads what was written', (version) => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 8 }), tree), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(parse(yamlText(value), { version, merge: false })).toEqual(plain);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('renderFiles', () => {
  const input = {
    app: 'shop',
    target: 'prod',
    workloads: [
      object('Deployment', 'b'),
      object('Service', 'b'),
      object('Service', 'a'),
      object('Secret', 'fnmesh-pin-shop', { stringData: { pin: 'deadbeef' } }),
    ],
    routes: [route],
  };

  test('objects in an order of their own, keys as people write them', () => {
    const { files } = renderFiles(input, { kustomize: true });
    expect(files.map(({ path }) => path)).toEqual(['workloads.yaml', 'routes.yaml', 'kustomization.yaml']);
    expect(files[0]!.text)
      .toBe(`${MARKER}: proxies and Services of shop on target prod. What is changed here goes with the next render.
---
apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: shop
spec: {}
---
apiVersion: v1
kind: Service
metadata:
  name: b
  namespace: shop
spec: {}
---
apiVersion: v1
kind: Deployment
metadata:
  name: b
  namespace: shop
spec: {}
`);
    expect(parse(files[2]!.text)).toEqual({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: ['workloads.yaml', 'routes.yaml'],
    });
  });

  test('no secret is written', () => {
    const rendered = renderFiles(input);
    expect(asStream(rendered)).not.toContain('deadbeef');
    expect(rendered.leftOut).toEqual(['shop/fnmesh-pin-shop']);
  });

  test('the order of objects and keys that come in does not count', () => {
    const turned = (one: KubeObject): KubeObject =>
      Object.fromEntries(Object.entries(one).reverse()) as KubeObject;
    const again = { ...input, workloads: input.workloads.map(turned).reverse() };
    expect(renderFiles(again)).toEqual(renderFiles(input));
  });

  test('every document parses back to its object', () => {
    const read = parseAllDocuments(asStream(renderFiles(input))).map((one) => one.toJS() as unknown);
    const [secret, ...rest] = [input.workloads[3], ...input.workloads.slice(0, 3), route];
    expect(read).toHaveLength(4);
    expect(read).toEqual(expect.arrayContaining(rest));
    expect(read).not.toContainEqual(secret);
  });

  test("a target's name does not end the comment", () => {
    const { files } = renderFiles({ ...input, target: 'a\nkind: Secret' });
    expect(files.every(({ text }) => !text.includes('\nkind: Secret'))).toBe(true);
  });

  test.each([
    ['HTTPRoute', 'gateway.networking.k8s.io', '/spec/rules'],
    ['VirtualService', 'networking.istio.io', '/spec/http'],
  ])('what keeps Argo CD from undoing weights in a %s', (kind, group, rules) => {
    const { files } = renderFiles({ ...input, routes: [{ ...route, kind }] });
    const lines = files[1]!.text.split('\n');
    const from = lines.findIndex((line) => line.startsWith('#   spec:'));
    const to = lines.indexOf('---');
    const said: unknown = parse(
      lines
        .slice(from, to)
        .map((line) => line.slice(4))
        .join('\n'),
    );
    const annotations = ['route', 'revision', 'history'].map(
      (name) => `/metadata/annotations/fnmesh~1${name}`,
    );
    expect(said).toEqual({
      spec: {
        ignoreDifferences: [
          { group, kind, jsonPointers: expect.arrayContaining([rules, ...annotations]) as unknown },
        ],
        syncPolicy: { syncOptions: ['RespectIgnoreDifferences=true'] },
      },
    });
  });

  test('--live-edits is said in the routes only', () => {
    const { files } = renderFiles(input, { liveEdits: true });
    const annotated = files.map(({ text }) =>
      parseAllDocuments(text).map((one) => (one.toJS() as KubeObject).metadata.annotations ?? null),
    );
    expect(annotated).toEqual([
      [null, null, null],
      [{ 'fnmesh/live-edits': 'allowed', 'kustomize.toolkit.fluxcd.io/ssa': 'IfNotPresent' }],
    ]);
  });
});

describe('writeFiles', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fnmesh-render-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const files = [
    { path: 'workloads.yaml', text: `${MARKER}: a\n` },
    { path: 'routes.yaml', text: `${MARKER}: b\n` },
  ];

  test('says what it made, what changed and what did not', async () => {
    const out = join(folder, 'deep', 'out');
    expect(await writeFiles(out, files)).toEqual([
      { path: 'workloads.yaml', state: 'created' },
      { path: 'routes.yaml', state: 'created' },
    ]);
    const changed = [files[0]!, { path: 'routes.yaml', text: `${MARKER}: c\n` }];
    expect((await writeFiles(out, changed)).map(({ state }) => state)).toEqual(['unchanged', 'changed']);
    expect(await readFile(join(out, 'routes.yaml'), 'utf8')).toBe(`${MARKER}: c\n`);
    expect(await readdir(out)).toHaveLength(2);
  });

  test.each<[string, (file: string) => Promise<unknown>]>([
    ["somebody else's file", (file) => writeFile(file, 'kind: Service\n')],
    ['a link', (file) => symlink('/dev/null', file)],
    ['a folder', (file) => mkdir(file)],
  ])('%s stays, and nothing is written', async (_, make) => {
    await make(join(folder, 'routes.yaml'));
    await expect(writeFiles(folder, files)).rejects.toMatchObject({ code: 'conflict' });
    expect(await readdir(folder)).toEqual(['routes.yaml']);
  });

  test('a folder that is a file', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(writeFiles(file, files)).rejects.toMatchObject({ code: 'failed' });
  });
});
