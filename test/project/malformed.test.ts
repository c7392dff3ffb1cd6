import { describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { readProject } from '../../src/project/read.js';
import { folderWith, funcYaml, listener } from './folder.js';

const GOOD = funcYaml('v1/func.yaml');
const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((key, at) => `${key}: &${key} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[at]}`).join(',')}]`).join('\n')}\n`;

async function refusal(files: Record<string, string>): Promise<FnmeshError> {
  const root = folderWith({ 'app.yaml': 'name: shop\n', ...files });
  const error: unknown = await readProject(root, listener().emit).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FnmeshError);
  expect(error).toMatchObject({ code: 'config', exit: 2, try: expect.any(String) as string });
  return error as FnmeshError;
}

describe('a malformed func.yaml is named with its line, and a way out', () => {
  it.each<[string, string, string | RegExp]>([
    ['a syntax error', `${GOOD}bad: [1, 2\n`, /^v1\/func.yaml:10:1: Flow sequence/],
    ['a tab for indentation', 'name: a\ntriggers:\n\t- x\n', /^v1\/func.yaml:3:1: Tabs/],
    ['a key twice', `${GOOD}name: b\n`, 'v1/func.yaml:9:1: Map keys must be unique'],
    ['two documents', `${GOOD}---\n${GOOD}`, /^v1\/func.yaml:9:1: Source contains multiple documents/],
    ['an anchor bomb', bomb + GOOD, /^v1\/func.yaml:2:8: Excessive alias count/],
    ['an unknown alias', `${GOOD}x: *nobody\n`, /Unresolved alias.*nobody/],
    ['deep nesting', '['.repeat(100_000), /^v1\/func.yaml:1:\d+: /],
    ['an empty file', '', 'v1/func.yaml:1:1: the file must be a map of keys and values, not null'],
    ['a list', '- a\n', 'v1/func.yaml:1:1: the file must be a map of keys and values, not a list'],
    [
      'no schema_version',
      GOOD.replace(/^.*\n/, ''),
      'v1/func.yaml:1:1: schema_version is missing; Fn deploys only files with schema_version: 20180708',
    ],
    [
      'another schema_version',
      GOOD.replace('20180708', '20170101'),
      'v1/func.yaml:1:17: schema_version must be 20180708, not 20170101',
    ],
    [
      'memory as text',
      `${GOOD}memory: "128"\n`,
      'v1/func.yaml:9:9: memory must be a whole number of MiB, not "128"',
    ],
    [
      'memory in halves',
      `${GOOD}memory: 128.5\n`,
      'v1/func.yaml:9:9: memory must be a whole number of MiB, not 128.5',
    ],
    ['too much memory', `${GOOD}memory: 9000\n`, "v1/func.yaml:9:9: memory is over Fn's limit of 8192 MiB"],
    ['negative memory', `${GOOD}memory: -1\n`, 'v1/func.yaml:9:9: memory must not be negative'],
    [
      'too long a timeout',
      `${GOOD}timeout: 301\n`,
      "v1/func.yaml:9:10: timeout is over Fn's limit of 300 seconds",
    ],
    [
      'too long an idle_timeout',
      `${GOOD}idle_timeout: 3601\n`,
      "v1/func.yaml:9:15: idle_timeout is over Fn's limit of 3600 seconds",
    ],
    [
      'config as a list',
      `${GOOD}config: [a]\n`,
      'v1/func.yaml:9:9: config must be a map of names and values, not a list',
    ],
    [
      'a nested config',
      `${GOOD}config:\n  a: {b: c}\n`,
      'v1/func.yaml:10:6: config.a must be text, not a map',
    ],
    [
      'a config name with =',
      `${GOOD}config:\n  a=b: c\n`,
      /^v1\/func.yaml:10:\d+: config.a=b is no name for an environment variable/,
    ],
    [
      'a 1 MB value',
      `${GOOD}config:\n  a: ${'x'.repeat(1_000_000)}\n`,
      /^v1\/func.yaml:10:6: config.a is longer than 128 KiB/,
    ],
    [
      'a 5 MB file',
      `${GOOD}config:\n  a: ${'x'.repeat(5_000_000)}\n`,
      /^v1\/func.yaml: is larger than 4 MiB/,
    ],
    ['a NUL in a value', `${GOOD}config:\n  a: "\\0"\n`, /^v1\/func.yaml:10:6: config.a holds a NUL/],
    [
      'a long annotation',
      `${GOOD}annotations:\n  a: ${'x'.repeat(512)}\n`,
      /^v1\/func.yaml:10:6: annotations.a is longer than the 512 bytes/,
    ],
    ['an empty annotation', `${GOOD}annotations:\n  a: ""\n`, /^v1\/func.yaml:10:6: annotations.a is empty/],
    [
      'an annotation key with a space',
      `${GOOD}annotations:\n  a b: 1\n`,
      /^v1\/func.yaml:10:\d+: annotations.a b is no annotation key/,
    ],
    ['infinity in an annotation', `${GOOD}annotations:\n  a: .inf\n`, /^v1\/func.yaml:10:6: annotations.a/],
    ['a bad name', GOOD.replace('name: v1', 'name: a//b'), /^v1\/func.yaml:2:7: name is no fn name/],
    [
      'a name with an image tag',
      GOOD.replace('name: v1', 'name: a:b'),
      /^v1\/func.yaml:2:7: name is no fn name/,
    ],
    [
      'a kept release’s name',
      GOOD.replace('name: v1', 'name: cart~1'),
      'v1/func.yaml:2:7: name is what fnmesh calls a kept release or its deploy lock: no "~" there',
    ],
    [
      'the deploy lock’s name',
      GOOD.replace('name: v1', 'name: fnmesh~lock'),
      /^v1\/func.yaml:2:7: name is what fnmesh calls a kept release/,
    ],
    [
      'a long name',
      GOOD.replace('name: v1', `name: ${'a'.repeat(256)}`),
      /^v1\/func.yaml:2:7: name is no fn name/,
    ],
    [
      'triggers as a map',
      'schema_version: 20180708\ntriggers: {a: b}\n',
      'v1/func.yaml:2:11: triggers must be a list of triggers, not a map',
    ],
    [
      'a trigger as text',
      'schema_version: 20180708\ntriggers: [a]\n',
      'v1/func.yaml:2:12: triggers[0] must be a map with name, type and source, not "a"',
    ],
    [
      'a trigger without a name',
      GOOD.replace('- name: v1\n  type', '- type'),
      'v1/func.yaml:6:3: triggers[0].name is missing',
    ],
    [
      'a trigger type',
      GOOD.replace('http', 'cron'),
      'v1/func.yaml:7:9: triggers[0].type must be http, the only type Fn has',
    ],
    [
      'a source without a slash',
      GOOD.replace('/v1', 'v1'),
      'v1/func.yaml:8:11: triggers[0].source must start with "/"',
    ],
    [
      'a source with a query',
      GOOD.replace('/v1', '/v1?a'),
      /^v1\/func.yaml:8:11: triggers\[0\].source must not hold/,
    ],
    [
      'a trigger name',
      GOOD.replace('- name: v1', '- name: a.b'),
      /^v1\/func.yaml:6:9: triggers\[0\].name is no trigger name/,
    ],
    [
      'a trigger name twice',
      `${GOOD}- name: v1\n  type: http\n  source: /other\n`,
      'v1/func.yaml:9:9: a second trigger named v1',
    ],
    [
      'a source twice',
      `${GOOD}- name: other\n  type: http\n  source: /v1\n`,
      'v1/func.yaml:11:11: source /v1 is also a source of shop/v1',
    ],
  ])('%s', async (_what, text, message) => {
    const error = await refusal({ 'v1/func.yaml': text });
    const [first = ''] = error.message.split('\n');
    if (typeof message === 'string') expect(first).toBe(message);
    else expect(first).toMatch(message);
    expect(first.length).toBeLessThan(400);
  });

  it('JSON too', async () => {
    expect(
      (await refusal({ 'v1/func.json': '{\n\t"schema_version": 20180708,\n\t"memory": "x"\n}' })).message,
    ).toBe('v1/func.json:3:12: memory must be a whole number of MiB, not "x"');
    expect((await refusal({ 'v1/func.json': '{"name": ' })).message).toMatch(/^v1\/func.json:1:\d+: /);
  });
});

describe('between files', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    [
      'equal names',
      { 'a/func.yaml': GOOD, 'b/func.yaml': GOOD.replace('/v1', '/b') },
      /^b\/func.yaml:2:7: name v1 is also the name of a\/v1$/m,
    ],
    [
      'equal sources',
      { 'a/func.yaml': GOOD, 'b/func.yaml': GOOD.replace('name: v1', 'name: b') },
      /^b\/func.yaml:8:11: source \/v1 is also a source of a\/v1$/m,
    ],
    [
      'names that fnmesh would make alike',
      {
        'cart/v1-v2/func.yaml': funcYaml('one/func.yaml'),
        'cart-v1/v2/func.yaml': funcYaml('two/func.yaml'),
      },
      /^cart-v1\/v2\/func.yaml:1:1: cart-v1\/v2 and cart\/v1-v2 would both be called cart-v1-v2$|^cart\/v1-v2\/func.yaml:1:1: cart\/v1-v2 and cart-v1\/v2/m,
    ],
  ])('%s', async (_what, files, message) => {
    expect((await refusal(files)).message).toMatch(message);
  });

  it('everything wrong is named at once', async () => {
    const error = await refusal({
      'a/func.yaml': 'name: a\n',
      'b/func.yaml': `${GOOD}memory: x\ntimeout: y\n`,
      'c/func.yaml': '[',
    });
    expect(error.message.split('\n').map((line) => line.split(':')[0])).toEqual([
      'a/func.yaml',
      'b/func.yaml',
      'b/func.yaml',
      'c/func.yaml',
    ]);
  });
});

describe('app.yaml', () => {
  it.each<[string, string, RegExp]>([
    ['no name', 'config: {}\n', /^app.yaml:1:1: name is missing$/],
    ['a name with a slash', 'name: a/b\n', /^app.yaml:1:7: name is no app name/],
    [
      'a name that no host can have',
      'config: {}\nname: привет\n',
      /^app.yaml:2:7: name cannot be part of the host привет.localhost: ASCII letters/,
    ],
    ['a name that ends in -', 'name: a-\n', /^app.yaml:1:7: name cannot be part of the host a-.localhost/],
    ['a name too long for a host', `name: ${'a'.repeat(64)}\n`, /^app.yaml:1:7: name cannot be part of/],
    ['a syntax error', 'name: "a\n', /^app.yaml:\d+:\d+: /],
    ['nothing', '', /^app.yaml:1:1: the file must be a map/],
    ['a list', '- shop\n', /^app.yaml:1:1: the file must be a map of keys and values, not a list$/],
    ['a key twice', 'name: shop\nname: shop\n', /^app.yaml:2:1: Map keys must be unique/],
    ['two documents', 'name: shop\n---\nname: shop\n', /^app.yaml:2:1: Source contains multiple documents/],
    ['an anchor bomb', `${bomb}name: shop\n`, /^app.yaml:2:8: Excessive alias count/],
    ['deep nesting', '['.repeat(100_000), /^app.yaml:1:\d+: /],
    ['a name that is a map', 'name: {a: b}\n', /^app.yaml:1:7: name must be text, not a map$/],
    ['a name that climbs', 'name: ../../etc\n', /^app.yaml:1:7: name is no app name/],
    ['a name of dots', 'name: ..\n', /^app.yaml:1:7: name is no app name/],
    ['a long name', `name: ${'a'.repeat(256)}\n`, /^app.yaml:1:7: name is longer than 255 bytes$/],
    [
      'config as a list',
      'name: shop\nconfig: [a]\n',
      /^app.yaml:2:9: config must be a map of names and values/,
    ],
    [
      'a nested config',
      'name: shop\nconfig:\n  a: [b]\n',
      /^app.yaml:3:6: config.a must be text, not a list$/,
    ],
    [
      'a 1 MB value',
      `name: shop\nconfig:\n  a: ${'x'.repeat(1_000_000)}\n`,
      /^app.yaml:3:6: config.a is longer than 128 KiB/,
    ],
    ['annotations as text', 'name: shop\nannotations: x\n', /^app.yaml:2:14: annotations must be a map/],
    [
      'syslog_url as a list',
      'name: shop\nsyslog_url: [a]\n',
      /^app.yaml:2:13: syslog_url must be text, not a list$/,
    ],
  ])('%s', async (_what, text, message) => {
    expect((await refusal({ 'app.yaml': text })).message.split('\n')[0]).toMatch(message);
  });
});

describe('what Fn takes, fnmesh takes', () => {
  it('reads scalars as the text they were written as, and empty values as absent', async () => {
    const root = folderWith({
      'app.yaml':
        'name: 7\nconfig:\n  PORT: 8080\n  RATE: 1.10\n  ON: true\n  NONE:\n  "Q": "x"\nannotations:\n',
      'v1/func.yaml': 'schema_version: 20180708\nversion: 1.10\nmemory:\nconfig:\ncmd: ""\n',
    });
    const project = await readProject(root, listener().emit).catch((thrown: unknown) => thrown);
    // An app named 7 is legal in Fn, but no function can be named so.
    expect(project).toBeInstanceOf(FnmeshError);
    const named = folderWith({
      'app.yaml':
        'name: shop\nconfig:\n  PORT: 8080\n  RATE: 1.10\n  ON: true\n  NONE:\n  "Q": "x"\nannotations:\n',
      'v1/func.yaml': 'schema_version: 20180708\nversion: 1.10\nmemory:\nconfig:\ncmd: ""\n',
    });
    const { app, functions } = await readProject(named, listener().emit);
    expect(app.config).toEqual({ PORT: '8080', RATE: '1.10', ON: 'true', NONE: '', Q: 'x' });
    expect(functions[0]?.versions[0]?.func).toEqual({
      schema_version: 20180708,
      name: 'v1',
      version: '1.10',
      config: {},
      annotations: {},
      triggers: [],
    });
  });

  it('warns of unknown keys, with the nearest known one, and knows the keys of code-only functions', async () => {
    const root = folderWith({
      'app.yaml': 'name: shop\nsylog_url: x\n',
      'v1/func.yaml': `${GOOD}memroy: 128\ncode_only: true\nruntime_config: {}\nhandler: a\nbuild_image: b\n`,
    });
    const { emit, texts } = listener();
    await readProject(root, emit);
    expect(texts).toEqual([
      'app.yaml:2:1: unknown key "sylog_url", which Fn ignores (did you mean syslog_url?)',
      'v1/func.yaml:9:1: unknown key "memroy", which Fn ignores (did you mean memory?)',
    ]);
  });

  it('takes anchors and merges of ordinary size', async () => {
    const root = folderWith({
      'app.yaml': 'name: shop\n',
      'v1/func.yaml': `x: &base {A: b}\n${GOOD}config:\n  <<: *base\n  C: d\n`,
    });
    const { functions } = await readProject(root, listener().emit);
    expect(functions[0]?.versions[0]?.func.config).toEqual({ A: 'b', C: 'd' });
  });
});
