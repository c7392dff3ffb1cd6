import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FnmeshError } from '../../src/errors.js';
import { bumpPatch, nextPatch } from '../../src/project/bump.js';
import { folderWith } from './folder.js';

async function bumped(text: string, name = 'func.yaml') {
  const file = join(folderWith({ [name]: text }), name);
  const answer = await bumpPatch(file);
  return { ...answer, text: readFileSync(file, 'utf8') };
}

describe('the next patch version', () => {
  it.each<[string, string | null]>([
    ['0.0.1', '0.0.2'],
    ['1.2.9', '1.2.10'],
    ['0.0.9007199254740992', '0.0.9007199254740993'],
    ['1.2', null],
    ['v1.2.3', null],
    ['1.2.3-rc1', null],
    ['1.2.3.4', null],
    ['', null],
    ['1.2.3\n', null],
    [' 1.2.3', null],
  ])('of %j is %j', (version, next) => {
    expect(nextPatch(version)).toBe(next);
  });
});

describe('bumping a func.yaml', () => {
  it.each<[string, string, string]>([
    ['a plain version', 'name: a # A\nversion: 0.0.1   # V\n\nruntime:  go\n', '0.0.2'],
    ['single quotes', "version: '0.0.1' # V\nname: a\n", '0.0.2'],
    ['double quotes', '# top\n"version" : "0.0.1"\n\nname: a', '0.0.2'],
    ['a flow map', '{name: a, version: 0.0.1, memory: 128}\n', '0.0.2'],
    ['JSON', '{\n\t"name": "a",\n\t"version": "0.0.1",\n\t"memory":128\n}\n', '0.0.2'],
    ['CRLF', 'name: a\r\nversion: 0.0.1 # V\r\nruntime: go\r\n', '0.0.2'],
    ['a byte order mark', '\uFEFFname: a\nversion: 0.0.1\n', '0.0.2'],
    ['an anchor', 'version: &v 0.0.1 # V\nname: a\n', '0.0.2'],
    ['documents with a start', '---\nversion: 0.0.1\n...\n', '0.0.2'],
  ])('with %s touches only the version', async (_what, text, to) => {
    expect(await bumped(text)).toEqual({ from: '0.0.1', to, text: text.replace('0.0.1', to) });
  });

  it.each<[string, string, string]>([
    [
      'name',
      'schema: 1\nname: a # A\n\n# R\nruntime: go\n',
      'schema: 1\nname: a # A\nversion: 0.0.2\n\n# R\nruntime: go\n',
    ],
    ['name at the end', '# top\nname: a', '# top\nname: a\nversion: 0.0.2'],
    [
      'a folded name',
      'name: >-\n  a\n# R\nruntime: go\n',
      'name: >-\n  a\nversion: 0.0.2\n# R\nruntime: go\n',
    ],
    ['CRLF', 'name: a\r\nruntime: go\r\n', 'name: a\r\nversion: 0.0.2\r\nruntime: go\r\n'],
    ['no name', '# top\nruntime: go # R\n', '# top\nversion: 0.0.2\nruntime: go # R\n'],
    ['an indented map', '  name: a\n  runtime: go\n', '  name: a\n  version: 0.0.2\n  runtime: go\n'],
    [
      'JSON',
      '{\n\t"name": "a",\n\t"memory":128\n}\n',
      '{\n\t"name": "a",\n\t"version": "0.0.2",\n\t"memory":128\n}\n',
    ],
    ['JSON on one line', '{"name":"a"}', '{"name":"a", "version": "0.0.2"}'],
    ['JSON without a name', '{ "memory": 128 }', '{ "version": "0.0.2", "memory": 128 }'],
  ])('without a version adds it: %s', async (_what, text, expected) => {
    expect(await bumped(text)).toEqual({ from: '0.0.1', to: '0.0.2', text: expected });
  });

  it('takes odd forms too, with their comments', async () => {
    for (const text of [
      'version: # V\nname: a\n',
      'version: |-\n  0.0.1\n# V\nname: a\n',
      'x: &v 0.0.1 # V\nversion: *v\nname: a\n',
      'name: &n # V\n  a\nother: *n\n',
    ]) {
      const { text: edited, from, to } = await bumped(text);
      expect([from, to]).toEqual(['0.0.1', '0.0.2']);
      expect(parse(edited)).toEqual({ ...(parse(text) as object), version: '0.0.2' });
      expect(edited).toContain('# V');
    }
  });

  it.each<[string, string, RegExp]>([
    ['two numbers', 'name: a\nversion: 0.1\n', /func.yaml:2:10: version "0.1" is no x.y.z, such as 0.0.1/],
    ['a tag', 'version: v1.0.0\n', /func.yaml:1:10: version "v1.0.0" is no/],
    ['a map', 'version: {a: b}\n', /func.yaml:1:10: version .* is no/],
    ['a list', '- a\n', /func.yaml:1:1: the file must be a map/],
    ['nothing in it', '', /func.yaml:1:1: the file must be a map/],
    ['a syntax error', 'version: 0.0.1\nx: {\n', /func.yaml:3:1: /],
  ])('is refused for %s, and the file stays', async (_what, text, message) => {
    const root = folderWith({ 'func.yaml': text });
    const error: unknown = await bumpPatch(join(root, 'func.yaml')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FnmeshError);
    expect(error).toMatchObject({ code: 'config', try: expect.any(String) as string });
    expect((error as FnmeshError).message).toMatch(message);
    expect(readFileSync(join(root, 'func.yaml'), 'utf8')).toBe(text);
  });

  it('keeps the mode, follows a link and leaves nothing behind', async () => {
    const root = folderWith({ 'real.yaml': 'version: 0.0.1\n' });
    chmodSync(join(root, 'real.yaml'), 0o640);
    symlinkSync('real.yaml', join(root, 'func.yaml'));
    await bumpPatch(join(root, 'func.yaml'));
    expect(readdirSync(root).sort()).toEqual(['func.yaml', 'real.yaml']);
    expect(lstatSync(join(root, 'func.yaml')).isSymbolicLink()).toBe(true);
    expect(statSync(join(root, 'real.yaml')).mode & 0o777).toBe(0o640);
    expect(readFileSync(join(root, 'real.yaml'), 'utf8')).toBe('version: 0.0.2\n');
  });

  it('changes one line, or adds one, of any file', async () => {
    const word = fc.stringMatching(/^[a-z]{1,6}$/);
    const note = fc.option(
      word.map((text) => ` # c:${text}`),
      { nil: '' },
    );
    const quote = fc.constantFrom('', "'", '"');
    const others = fc.uniqueArray(
      fc.tuple(word, word, note).map(([key, value, comment]) => `k-${key}:  x${value}${comment}`),
      { selector: (line) => line.split(':')[0] },
    );
    await fc.assert(
      fc.asyncProperty(
        others,
        note,
        quote,
        fc.nat(6),
        fc.boolean(),
        fc.nat(),
        async (lines, comment, q, at, there, patch) => {
          const all = [...lines];
          all.splice(at, 0, `name: a${comment}`);
          if (there) all.splice(at, 0, `version: ${q}1.0.${patch}${q}${comment}`);
          const { text } = await bumped(`${all.join('\n')}\n`);
          const expected = [...all];
          if (there)
            expected[all.findIndex((line) => line.startsWith('version'))] =
              `version: ${q}1.0.${patch + 1}${q}${comment}`;
          else expected.splice(all.findIndex((line) => line.startsWith('name')) + 1, 0, 'version: 0.0.2');
          expect(text).toBe(`${expected.join('\n')}\n`);
        },
      ),
      { numRuns: 50 },
    );
  });
});
