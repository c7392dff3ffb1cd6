import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFnContext } from '../../src/project/fn-context.js';
import { folderWith } from './folder.js';

const CONFIG = 'cli-version: 0.6.63\ncontainer-enginetype: docker\ncurrent-context: team\n';
const TEAM = 'api-url: https://fn.example.com\nprovider: default\nregistry: registry.example.com/team\n';
const files = { '.fn/config.yaml': CONFIG, '.fn/contexts/team.yaml': TEAM };

describe('the current Fn context', () => {
  it.each<[string, Record<string, string>, Record<string, string>, object | null]>([
    [
      'config.yaml names it',
      files,
      {},
      {
        name: 'team',
        provider: 'default',
        apiUrl: 'https://fn.example.com',
        registry: 'registry.example.com/team',
      },
    ],
    [
      'FN_CONTEXT names it',
      { ...files, '.fn/contexts/lab.yaml': 'api-url: lab:8080\nregistry: ""\ntoken: 12345\n' },
      { FN_CONTEXT: 'lab' },
      { name: 'lab', provider: 'default', apiUrl: 'lab:8080', token: '12345' },
    ],
    [
      "it is one of Oracle's",
      {
        ...files,
        '.fn/contexts/team.yaml':
          'provider: oracle\noracle.profile: DEFAULT\napi-url: https://x\noracle: {a: 1}\n',
      },
      {},
      { name: 'team', provider: 'oracle', apiUrl: 'https://x' },
    ],
    [
      'its file is empty',
      { ...files, '.fn/contexts/team.yaml': '' },
      {},
      { name: 'team', provider: 'default' },
    ],
    ['there is no ~/.fn', {}, {}, null],
    ['config.yaml names none', { ...files, '.fn/config.yaml': 'current-context: ""\n' }, {}, null],
    ['config.yaml is empty', { ...files, '.fn/config.yaml': '' }, {}, null],
    ['its file is gone', { '.fn/config.yaml': CONFIG }, {}, null],
    ['FN_CONTEXT is empty', { '.fn/config.yaml': CONFIG }, { FN_CONTEXT: '' }, null],
    [
      'config.yaml is broken but FN_CONTEXT is there',
      { ...files, '.fn/config.yaml': '{' },
      { FN_CONTEXT: 'team' },
      {},
    ],
  ])('%s', async (_what, given, env, expected) => {
    const home = folderWith(given);
    const before = readdirSync(home, { recursive: true });
    const context = await readFnContext(env, home);
    if (expected === null) expect(context).toBeNull();
    else if (Object.keys(expected).length === 0) expect(context).not.toBeNull();
    else expect(context).toEqual({ ...expected, file: join(home, `.fn/contexts/${context?.name}.yaml`) });
    expect(readdirSync(home, { recursive: true })).toEqual(before);
  });

  it.each<[string, Record<string, string>, Record<string, string>, RegExp]>([
    [
      'FN_CONTEXT names none that is there',
      files,
      { FN_CONTEXT: 'gone' },
      /FN_CONTEXT=gone: there is no .*gone.yaml/,
    ],
    [
      'FN_CONTEXT leads out of the folder',
      files,
      { FN_CONTEXT: '../config' },
      /FN_CONTEXT is no name of an Fn/,
    ],
    ['FN_CONTEXT is hidden', files, { FN_CONTEXT: '.x' }, /FN_CONTEXT is no name of an Fn/],
    [
      'config.yaml leads out of the folder',
      { ...files, '.fn/config.yaml': 'current-context: a/b\n' },
      {},
      /current-context in .*config.yaml is no name/,
    ],
    ['config.yaml is broken', { ...files, '.fn/config.yaml': 'a: 1\nb: {\n' }, {}, /^.fn\/config.yaml:3:1: /],
    [
      'its file is a list',
      { ...files, '.fn/contexts/team.yaml': '- a\n' },
      {},
      /^.fn\/contexts\/team.yaml:1:1: must be/,
    ],
  ])('is an error when %s', async (_what, given, env, message) => {
    const error: unknown = await readFnContext(env, folderWith(given)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'config', try: expect.any(String) as string });
    expect((error as Error).message).toMatch(message);
  });
});
