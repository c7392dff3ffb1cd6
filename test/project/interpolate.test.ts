import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { fill, type Sources } from '../../src/project/fill.js';
import { interpolateProject } from '../../src/project/interpolate.js';
import { readProject } from '../../src/project/read.js';
import { folderWith, funcYaml, listener } from './folder.js';

const SOURCES: Sources = {
  variables: { A: 'one', B_2: '${A} $${', EMPTY: '', SECRET: 'hunter2' },
  routeAddress: (fn) => (fn === 'cart' ? 'http://shop.localhost:8082/cart' : undefined),
};
const KNOWN = ['cart', 'price'];

describe('a config value', () => {
  it.each<[string, string, boolean]>([
    ['', '', false],
    ['plain $A $ {A} } {', 'plain $A $ {A} } {', false],
    ['${A}', 'one', true],
    ['x${A}${A}y', 'xoneoney', true],
    ['${B_2}', '${A} $${', true],
    ['${EMPTY}', '', true],
    ['$${A}', '${A}', false],
    ['$$${A}', '$${A}', false],
    ['$${A}${A}', '${A}one', true],
    ['$${', '${', false],
    ['${route:cart}/x', 'http://shop.localhost:8082/cart/x', false],
    ['${route:cart}?${A}', 'http://shop.localhost:8082/cart?one', true],
    ['${A}${route:cart}', 'onehttp://shop.localhost:8082/cart', true],
  ])('%j becomes %j', (text, expected, secret) => {
    expect(fill(text, SOURCES, KNOWN)).toEqual({ text: expected, secret, problems: [] });
  });

  it.each<[string, string]>([
    ['${C}', 'the variable C is not set; for the text itself write $${'],
    ['${a-b}', '${a-b} holds no name of a variable; for the text itself write $${'],
    ['${}', '${} holds no name of a variable; for the text itself write $${'],
    ['${ A }', '${ A } holds no name of a variable; for the text itself write $${'],
    ['${A:-x}', '${A:-x} holds no name of a variable; for the text itself write $${'],
    ['${1}', '${1} holds no name of a variable; for the text itself write $${'],
    ['${constructor}', 'the variable constructor is not set; for the text itself write $${'],
    ['${A', '"${" is not closed; for the text itself write $${'],
    ['${route:crat}', '${route:crat}: there is no function of that name (did you mean cart?)'],
    ['${route:}', '${route:}: there is no function of that name'],
    ['${route:price}', '${route:price}: price has no route'],
  ])('%j is an error', (text, problem) => {
    const { problems } = fill(`${text}`, SOURCES, KNOWN);
    expect(problems).toEqual([{ text: problem, try: expect.any(String) as string }]);
  });

  it('may not grow beyond what an environment variable holds', () => {
    const variables = { A: 'x'.repeat(70_000) };
    expect(fill('${A}', { ...SOURCES, variables }, KNOWN).problems).toEqual([]);
    const { problems } = fill('${A}${A}', { ...SOURCES, variables }, KNOWN);
    expect(problems).toMatchObject([{ text: expect.stringMatching(/^is longer than 128 KiB/) as string }]);
  });

  it('is any text when its ${ are doubled, and is filled in once only', () => {
    const odd = fc.oneof(fc.string(), fc.stringMatching(/^[${}Aa:-]{0,12}$/));
    fc.assert(
      fc.property(odd, odd, (text, value) => {
        const doubled = text.replaceAll('${', () => '$${');
        expect(fill(doubled, SOURCES, KNOWN)).toEqual({ text, secret: false, problems: [] });
        const sources = { ...SOURCES, variables: { A: value } };
        expect(fill(`<\${A}>${doubled}`, sources, KNOWN).text).toBe(`<${value}>${text}`);
      }),
    );
  });
});

const config = (path: string, ...lines: string[]): string =>
  `${funcYaml(path)}config:\n${lines.map((line) => `  ${line}\n`).join('')}`;

async function shop(files: Record<string, string>) {
  const root = folderWith({ 'app.yaml': 'name: shop\n', ...files });
  return { root, project: await readProject(root, listener().emit) };
}

describe('an app’s config', () => {
  it('is filled in, and the keys of secrets are told', async () => {
    const { project } = await shop({
      'app.yaml':
        'name: shop\nconfig:\n  KEY: ${SECRET}\n  PLAIN: a\n  GONE: ${EMPTY}\nsyslog_url: tcp://${A}\n',
      'cart/v1/func.yaml': config('cart/v1/func.yaml', 'KEY: x-${SECRET}', 'NEXT: ${route:cart}', 'NONE: ""'),
      'cart/v2/func.yaml': config('cart/v2/func.yaml', 'KEY: $${SECRET}').replace(
        'version: 0.0.1',
        'version: ${A}',
      ),
    });
    const before = structuredClone(project);
    const filled = await interpolateProject(project, SOURCES);
    expect(project).toEqual(before);
    expect(filled.secretKeys).toEqual({ app: ['KEY', 'GONE'], versions: { 'cart/v1': ['KEY'] } });
    expect(filled.project.app).toEqual({ ...project.app, config: { KEY: 'hunter2', PLAIN: 'a' } });
    const [v1, v2] = filled.project.functions[0]!.versions;
    expect(v1!.func.config).toEqual({ KEY: 'x-hunter2', NEXT: 'http://shop.localhost:8082/cart' });
    // Nothing but config values is looked at.
    expect(v2!.func).toMatchObject({ config: { KEY: '${SECRET}' }, version: '${A}' });
    expect(filled.project.app.syslog_url).toBe('tcp://${A}');
  });

  it('names everything that is missing, with its place', async () => {
    const { project, root } = await shop({
      'app.yaml': 'name: shop\nconfig:\n  OK: a\n  A: ${GONE}\n',
      'cart/v1/func.yaml': config('cart/v1/func.yaml', 'A: ${SECRET}${GONE}${a-b}', 'B: ${route:crat}'),
      'price/func.json': JSON.stringify({
        schema_version: 20180708,
        name: 'price',
        config: { X: '${GONE}' },
      }),
    });
    const error: unknown = await interpolateProject(project, SOURCES).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FnmeshError);
    expect(error).toMatchObject({
      code: 'config',
      try: 'export GONE=…, or list a file with GONE=… under env in fnmesh.yaml',
    });
    expect((error as FnmeshError).message.split('\n')).toEqual([
      'app.yaml:4:6: config.A: the variable GONE is not set; for the text itself write $${',
      'cart/v1/func.yaml:10:6: config.A: the variable GONE is not set; for the text itself write $${',
      'cart/v1/func.yaml:10:6: config.A: ${a-b} holds no name of a variable; for the text itself write $${',
      'cart/v1/func.yaml:11:6: config.B: ${route:crat}: there is no function of that name (did you mean cart?)',
      'price/func.json:1:57: config.X: the variable GONE is not set; for the text itself write $${',
    ]);
    await expect(interpolateProject(project, SOURCES, { startDir: join(root, 'cart') })).rejects.toThrow(
      /^\.\.\/app.yaml:4:6: /,
    );
  });

  it('is left alone for versions that are not asked for', async () => {
    const { project } = await shop({
      'cart/v1/func.yaml': config('cart/v1/func.yaml', 'A: ${GONE}'),
      'cart/v2/func.yaml': config('cart/v2/func.yaml', 'A: ${A}'),
    });
    const filled = await interpolateProject(project, SOURCES, { wanted: ({ version }) => version === 'v2' });
    const configs = filled.project.functions[0]!.versions.map(({ func }) => func.config);
    expect(configs).toEqual([{ A: '${GONE}' }, { A: 'one' }]);
    expect(filled.secretKeys.versions).toEqual({ 'cart/v2': ['A'] });
  });
});
