// A version that was counted up by --bump is no change: else each deploy would be followed by one more.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderDigests, hashOf } from '../../src/build/hash.js';
import { bumpPatch } from '../../src/project/bump.js';
import { emptyFolder, write } from '../build/tools.js';

const digest = (dir: string) => hashOf({ dir, leave: {}, extra: [], settings: [] }, new FolderDigests());

test.each<[string, string, string]>([
  ['a version', 'func.yaml', 'name: a\nversion: 0.0.9\nruntime: go\n'],
  ['none', 'func.yaml', '# mine\nname: a\nruntime: go\n'],
  ['none, at the end', 'func.yaml', 'runtime: go\nname: a\n'],
  ['an empty one', 'func.yaml', 'name: a\nversion:\nruntime: go\n'],
  ['quotes and a comment', 'func.yaml', 'name: a\nversion: "1.2.3" # mine\nruntime: go\n'],
  ['other line ends', 'func.yaml', 'name: a\r\nversion: 1.2.3\r\nruntime: go\r\n'],
  ['none, and other line ends', 'func.yaml', 'name: a\r\nruntime: go\r\n'],
  ['func.yml', 'func.yml', 'name: a\nversion: 0.0.9\n'],
  ['JSON', 'func.json', '{\n  "name": "a",\n  "version": "0.0.1",\n  "runtime": "go"\n}\n'],
  ['none, and no line end', 'func.yaml', 'runtime: go\nname: a'],
  ['JSON with another of that name', 'func.json', '{"config":{"version":"x"},"name":"a","version":"0.0.1"}'],
  ['JSON without, name last', 'func.json', '{"runtime":"go","name":"a"}'],
  ['JSON without', 'func.json', '{\n  "name": "a",\n  "runtime": "go"\n}\n'],
  ['a config key of that name', 'func.yaml', 'name: a\nversion: 0.0.1\nconfig:\n  version: x\n'],
])('%s', async (_, name, text) => {
  const dir = emptyFolder();
  write(dir, { [name]: text, 'func.go': 'package main\n' });
  const file = join(dir, name);
  const before = await digest(dir);
  for (let times = 0; times < 2; times++) {
    await bumpPatch(file);
    expect(await digest(dir)).toBe(before);
  }
  const changed = readFileSync(file, 'utf8');
  expect(changed).not.toBe(text);
  writeFileSync(file, changed.replace('a', 'b'));
  expect(await digest(dir)).not.toBe(before);
});

test('of another file, and of other keys, everything counts', async () => {
  const dir = emptyFolder();
  const seen = new Set<string>();
  const texts = {
    'func.yaml': [
      'name: a\nversion: 1\nconfig:\n  version: x\n',
      'name: a\nversion: 1\nconfig:\n  version: y\n',
    ],
    'func.json': [
      '{"name":"a","config":{"version":"1"}}',
      '{"name":"a","config":{"version":"2"}}',
      '{"version":"1"',
    ],
    'go.yaml': ['version: 1\n', 'version: 2\n'],
  };
  for (const [name, contents] of Object.entries(texts)) {
    for (const text of contents) {
      write(dir, { [name]: text });
      seen.add(await digest(dir));
    }
  }
  expect(seen.size).toBe(7);
});
