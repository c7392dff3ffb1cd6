import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { plainName, readAppName } from '../../src/project/app-name.js';
import { folderWith, listener } from './folder.js';

describe("the app's name alone", () => {
  it.each<[string, string | undefined]>([
    ['name: shop\n', 'shop'],
    ['# ours\nname: shop # it\nconfig:\n  name: other\n', 'shop'],
    ['config:\n- name: other\nname:\tMy_App-1\r\nsyslog_url: x\r\n', undefined],
    ['config: {a: b}\nname:\tMy_App-1\r\nsyslog_url: x\r\n', 'My_App-1'],
    ['name: shop\nname: other\n', undefined],
    ['name: "shop"\n', undefined],
    [' |\r\nname: shop\n', undefined],
    ['\n  # ours\nname: shop\n', 'shop'],
    ['name: shop\n  and more\n', undefined],
    ['name: shop\n \n\n and more\n', undefined],
    ['name: true\n', undefined],
    ['{"name": "shop"}', undefined],
    ['---\nname: shop\n', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(plainName(text)).toBe(expected);
  });

  it('is what the parser reads, or left to it', () => {
    const part = fc.constantFrom(
      'name:',
      ' shop',
      '\n',
      '  ',
      '# x',
      ' #',
      '"',
      "'",
      'config:',
      ' |',
      '- ',
      '{',
      '}',
      '&a',
      ' *a',
      'a',
      '---',
      '\r\n',
      '\t',
      ': ',
      ' null',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        const text = parts.join('');
        const name = plainName(text);
        if (name === undefined) return;
        const document = parseDocument(text);
        if (document.errors.length === 0) expect(document.get('name')).toBe(name);
      }),
      { numRuns: 5000 },
    );
  });

  it('comes with the folder, and from any form of the file', async () => {
    const forms = [
      ['app.yaml', 'name: shop\n'],
      ['app.json', '{"name": "shop"}'],
    ] as const;
    for (const [file, text] of forms) {
      const root = folderWith({ [file]: text });
      expect(await readAppName(root, listener().emit)).toEqual({ root, name: 'shop' });
    }
    await expect(readAppName(folderWith({ 'app.yaml': '' }), listener().emit)).rejects.toThrow(
      /app.yaml:1:1/,
    );
  });
});
