import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { renameFunc } from '../../src/project/edit.js';

const NAMES = { name: 'cart-v3', source: '/cart/v3' };

describe('renaming a func.yaml', () => {
  it('changes the names and nothing else', () => {
    const text = `# Our cart.
schema_version: 20180708
"name":   'cart-v2'   # the fn
version: 0.0.7

triggers:          # one
- type: http
  name: "cart-v2"
  source: /cart/v2 # where
x-team: {shop: true}
`;
    expect(renameFunc(text, NAMES)).toBe(
      text
        .replace("'cart-v2'", "'cart-v3'")
        .replace('"cart-v2"', '"cart-v3"')
        .replace('/cart/v2', '/cart/v3'),
    );
  });

  it.each<[string, string, string]>([
    ['JSON', '{\n\t"name": "a",\n\t"triggers": [{"name": "a", "type": "http", "source": "/a"}]\n}\n', ''],
    [
      'a missing name',
      'schema_version: 20180708 # keep\ntriggers: [{name: a, type: http, source: /a}]\n',
      '# keep',
    ],
    ['an empty name', 'name: # keep\ntriggers:\n  - {name: , type: http, source: /a}\n', '# keep'],
    [
      'a block name',
      'name: >-\n  a\n# keep\ntriggers:\n  - {name: a, type: http, source: |-\n      /a}\n'.replace(
        ' |-\n      /a',
        ' /a',
      ),
      '# keep',
    ],
    ['anchors', 'name: &n a # keep\ntriggers:\n  - {name: *n, type: http, source: /a}\n', '# keep'],
    ['CRLF', 'name: a # keep\r\ntriggers:\r\n- name: a\r\n  type: http\r\n  source: /a\r\n', '# keep'],
    [
      'a byte order mark',
      '\uFEFFname: a # keep\ntriggers:\n- name: a\n  type: http\n  source: /a\n',
      '# keep',
    ],
  ])('takes %s', (_what, text, kept) => {
    const edited = renameFunc(text, NAMES);
    expect(parse(edited)).toMatchObject({ name: 'cart-v3', triggers: [{ ...NAMES, type: 'http' }] });
    expect(edited).toContain(kept);
  });

  it('gives further triggers sources of their own', () => {
    const text = `name: cart-v2
triggers:
- {name: a, type: http, source: /cart/v2}
- {name: admin, type: http, source: /cart/v2/admin}
- {name: old, type: http, source: /old}
`;
    const edited: unknown = parse(renameFunc(text, NAMES, { further: { from: 'v2', to: 'v3' } }));
    expect(edited).toMatchObject({
      triggers: [{ source: '/cart/v3' }, { source: '/cart/v3/admin' }, { source: '/old/v3' }],
    });
  });

  it('adds a trigger only where asked to', () => {
    expect(renameFunc('name: a\n', NAMES)).toBe('name: cart-v3\n');
    const edited = renameFunc('name: a # keep\n', NAMES, { addTrigger: true });
    expect(edited).toContain('# keep');
    expect(parse(edited)).toEqual({ name: 'cart-v3', triggers: [{ ...NAMES, type: 'http' }] });
  });

  it('keeps every comment and every other value of any file', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const quote = fc.constantFrom('plain', 'single', 'double');
    const quoted = fc
      .tuple(word, quote)
      .map(([text, how]) => (how === 'plain' ? `x${text}x` : how === 'single' ? `'${text}'` : `"${text}"`));
    const comment = fc.option(
      word.map((text) => ` # c:${text}`),
      { nil: '' },
    );
    const other = fc.tuple(word, quoted, comment).map(([key, value, note]) => `k-${key}: ${value}${note}`);
    const file = fc.record({
      name: quoted,
      trigger: quoted,
      notes: fc.array(comment, { minLength: 4, maxLength: 4 }),
      others: fc.uniqueArray(other, { selector: (line) => line.split(':')[0] }),
      blank: fc.constantFrom('', '\n'),
      at: fc.nat(5),
    });
    fc.assert(
      fc.property(file, ({ name, trigger, notes, others, blank, at }) => {
        const lines = [...others];
        lines.splice(at, 0, `name: ${name}${notes[0]}`);
        lines.push(
          `triggers:${notes[1]}`,
          `  - type: http`,
          `    source: "/x"${notes[2]}`,
          `    name: ${trigger}${notes[3]}`,
        );
        const text = lines.join(`\n${blank}`) + '\n';
        const edited = renameFunc(text, NAMES);
        const before = parse(text) as Record<string, unknown>;
        expect(parse(edited)).toEqual({ ...before, name: 'cart-v3', triggers: [{ ...NAMES, type: 'http' }] });
        expect(edited.match(/ # c:.*/g)).toEqual(text.match(/ # c:.*/g));
        expect(edited.split('\n').length).toBe(text.split('\n').length);
        expect(parseDocument(edited).errors).toEqual([]);
      }),
    );
  });
});
