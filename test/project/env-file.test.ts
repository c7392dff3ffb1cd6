import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { parseEnvFile, readEnvironment } from '../../src/project/env-file.js';
import { folderWith } from './folder.js';

describe('an env file', () => {
  it.each<[string, string, Record<string, string>]>([
    ['nothing', '', {}],
    ['comments and blank lines', '# a\n\n  # b=c\n', {}],
    ['plain values', 'A=1\nB_2=two words\n_c = x \n', { A: '1', B_2: 'two words', _c: 'x' }],
    ['an empty value', 'A=\nB=""\nC=\'\'\nD= # none\n', { A: '', B: '', C: '', D: '' }],
    ['export', 'export A=1\n\texport  B=2\nexport=3\n', { A: '1', B: '2', export: '3' }],
    ['comments behind values', 'A=1 # one\nB="2" # two\nC=\'3\'\t# three\n', { A: '1', B: '2', C: '3' }],
    [
      'a # inside',
      'A=#fff\nB=http://a/#b\nC="a # b"\nD=\'a # b\'\n',
      { A: '#fff', B: 'http://a/#b', C: 'a # b', D: 'a # b' },
    ],
    ['equal signs', 'A=b=c==\n', { A: 'b=c==' }],
    ['dollar signs', 'A=$B ${C}\nB="$C"\n', { A: '$B ${C}', B: '$C' }],
    ['single quotes', 'A=\'a \\n "b" $c\'\n', { A: 'a \\n "b" $c' }],
    ['double quotes', 'A="a\\nb\\tc \\"d\\" \\\\n \\x \'e\'"\n', { A: 'a\nb\tc "d" \\n \\x \'e\'' }],
    ['quotes inside', 'A=it\'s "so"\n', { A: 'it\'s "so"' }],
    [
      'several lines',
      'A="-----BEGIN\nMII=\n\n#x\n-----END" # pem\nB=2\n',
      { A: '-----BEGIN\nMII=\n\n#x\n-----END', B: '2' },
    ],
    ['the last of two', 'A=1\nA=2\n', { A: '2' }],
    ['CRLF and a byte order mark', '\uFEFFA=1\r\nB="x\r\ny"\r\n', { A: '1', B: 'x\ny' }],
    ['no line end', 'A=1', { A: '1' }],
  ])('takes %s', (_what, text, expected) => {
    expect(parseEnvFile(text, '.env')).toEqual(expected);
  });

  it('takes a name that every object has', () => {
    const values = parseEnvFile('__proto__=a\nconstructor=b\n', '.env');
    expect(Object.entries(values)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });

  it.each<[string, string, string]>([
    ['no pair', 'A=1\nhunter2\n', '.env:2: is no NAME=value'],
    ['a name with a dash', 'a-b=hunter2\n', '.env:1: is no NAME=value'],
    ['a name that is a number', '1=hunter2\n', '.env:1: is no NAME=value'],
    ['no name', '=hunter2\n', '.env:1: is no NAME=value'],
    ['YAML', 'A: hunter2\n', '.env:1: is no NAME=value'],
    ['an open single quote', "A='hunter2\nB=1'\n", '.env:1: a single quote is not closed on its line'],
    ['an open double quote', 'A=1\nB="hunter2\nC=hunter2\n', '.env:2: a double quote is not closed'],
    ['a double quote open by an escape', 'B="hunter2\\"\n', '.env:1: a double quote is not closed'],
    ['text behind a quote', 'A="x" hunter2\n', '.env:1: holds something behind the closing quote'],
    ['a # stuck to a quote', "A='x'#hunter2\n", '.env:1: holds something behind the closing quote'],
    ['a NUL', 'A=hunter2\0\n', '.env:1: holds a NUL character'],
    ['a NUL in quotes', 'A="\nhunter2\0"\n', '.env:1: holds a NUL character'],
  ])('refuses %s', (_what, text, expected) => {
    let error: unknown;
    try {
      parseEnvFile(text, '.env');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FnmeshError);
    expect(error).toMatchObject({ code: 'config', try: 'correct .env there' });
    const { message } = error as FnmeshError;
    expect(message.startsWith(expected)).toBe(true);
    expect(message.split('\n')).toHaveLength(1);
    expect(message).not.toContain('hunter2');
  });

  it('names every wrong line, counting those of long values', () => {
    expect(() => parseEnvFile('x\nA="\n\n"\ny\n', '.env')).toThrow(/^\.env:1: .*\n\.env:5: /);
  });

  it('gives back what was written, in either quotes', () => {
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
    const value = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\0\r]/g, ''));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
        const double = pairs.map(([key, text]) => `${key}="${text.replace(/["\\]/g, '\\$&')}"`).join('\n');
        expect(parseEnvFile(double, '.env')).toEqual(Object.fromEntries(pairs));
        const plain = pairs.map(([key, text]): [string, string] => [key, text.replace(/[\n']/g, '')]);
        const single = plain.map(([key, text]) => `export ${key}='${text}' # c`).join('\n');
        expect(parseEnvFile(single, '.env')).toEqual(Object.fromEntries(plain));
      }),
    );
  });

  it('is read or refused, whatever it is', () => {
    const odd = fc.stringMatching(/^[A="'\\ #\nn$]{0,20}$/);
    fc.assert(
      fc.property(fc.oneof(odd, fc.string()), (text) => {
        try {
          for (const each of Object.values(parseEnvFile(text, '.env'))) expect(each).not.toContain('\0');
        } catch (error) {
          expect(error).toBeInstanceOf(FnmeshError);
        }
      }),
    );
  });
});

describe('the environment', () => {
  const at = (line: number, value: string) => ({ value, from: `fnmesh.yaml:${line}` });

  it('is the process over later files over earlier ones', async () => {
    const root = folderWith({ '.env': 'A=1\nB=1\nC=1\nD=1\n', 'b.env': 'B=2\nC=2\nD=2\n' });
    const files = [at(2, join(root, '.env')), at(3, join(root, 'b.env'))];
    const variables = await readEnvironment(files, { C: '3', D: '', E: undefined });
    expect(variables).toEqual({ A: '1', B: '2', C: '3', D: '' });
  });

  it('says which file is missing, and where it is listed', async () => {
    const root = folderWith({});
    await expect(readEnvironment([at(4, join(root, '.env'))], {})).rejects.toMatchObject({
      code: 'config',
      message: `fnmesh.yaml:4: there is no env file ${root}/.env`,
    });
    await expect(readEnvironment([at(4, root)], {})).rejects.toThrow(
      /^fnmesh.yaml:4: .* cannot be read: EISDIR/,
    );
  });

  it('names the file and line of what it cannot read', async () => {
    const root = folderWith({ '.env': 'A=1\nhunter2\n' });
    const failed = readEnvironment([at(4, join(root, '.env'))], {});
    await expect(failed).rejects.toThrow(/\.env:2: is no NAME=value/);
    await expect(failed).rejects.not.toThrow(/hunter2/);
  });
});
