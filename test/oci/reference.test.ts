import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { ImageReference } from '../../src/oci/reference.js';
import { formatReference, imageName, parseReference, registryOf } from '../../src/oci/reference.js';

const SHA = `sha256:${'0a'.repeat(32)}`;

function errorOf(work: () => unknown): FnmeshError {
  try {
    work();
  } catch (error) {
    if (error instanceof FnmeshError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('parseReference', () => {
  const cases: [string, ImageReference][] = [
    ['cart', { registry: null, repository: 'cart' }],
    ['team/cart', { registry: null, repository: 'team/cart' }],
    // Without a slash there is no registry: Docker reads this so too.
    ['reg.example.com:5000', { registry: null, repository: 'reg.example.com', tag: '5000' }],
    ['cart:0.0.1', { registry: null, repository: 'cart', tag: '0.0.1' }],
    ['localhost/cart', { registry: 'localhost', repository: 'cart' }],
    ['localhost:5000/cart:5000', { registry: 'localhost:5000', repository: 'cart', tag: '5000' }],
    ['reg.example.com/a/b/c', { registry: 'reg.example.com', repository: 'a/b/c' }],
    ['Reg/a', { registry: 'Reg', repository: 'a' }],
    ['[::1]:5000/a', { registry: '[::1]:5000', repository: 'a' }],
    ['10.0.0.1/a__b/c--d.e_f', { registry: '10.0.0.1', repository: 'a__b/c--d.e_f' }],
    [`a@${SHA}`, { registry: null, repository: 'a', digest: SHA }],
    [`r.io/a:T-1.x_@${SHA}`, { registry: 'r.io', repository: 'a', tag: 'T-1.x_', digest: SHA }],
  ];
  test.each(cases)('%s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
    expect(formatReference(expected)).toBe(text);
  });

  const wrong: [string, RegExp, RegExp][] = [
    ['', /empty/, /registry\.example\.com/],
    ['https://reg.example.com/cart', /no scheme/, /without https:\/\//],
    ['docker://cart', /no scheme/, /without docker:\/\//],
    ['reg.example.com/Cart', /"Cart" has upper-case/, /write cart/],
    ['my cart', /a space/, /./],
    ['a/b"c', /holds "\\""/, /./],
    ['a\nb', /holds "\\n"/, /./],
    ['a//b', /empty part/, /./],
    ['/a', /empty part/, /./],
    ['a/', /empty part/, /./],
    ['reg.example.com/../a', /"\.\." must be/, /./],
    ['a..b', /must be/, /./],
    ['a___b', /must be/, /./],
    ['-a', /must be/, /./],
    ['a:', /a tag has/, /./],
    ['a:.x', /a tag has/, /./],
    [`a:${'x'.repeat(129)}`, /a tag has/, /./],
    ['a@sha256:abc', /64 hex/, /./],
    [`a@${SHA.toUpperCase()}`, /64 hex/, /./],
    [`a@${SHA}@${SHA}`, /64 hex/, /./],
    ['host:99999/a', /no host name/, /./],
    ['host:0/a', /no host name/, /./],
    ['-host.example/a', /no host name/, /./],
    ['a_b.example:1/a', /no host name/, /./],
    ['a'.repeat(256), /longer than 255/, /./],
    ['0a'.repeat(32), /image id/, /./],
  ];
  test.each(wrong)('refuses %j', (text, message, help) => {
    const error = errorOf(() => parseReference(text));
    expect(error.code).toBe('usage');
    expect(error.message).toMatch(message);
    expect(error.try).toMatch(help);
  });

  test.each(['https://me:hunter2@reg.example.com/a', 'me:hunter2@reg.example.com/a', 'x:hun/ter2@reg/a'])(
    'does not repeat a login: %s',
    (text) => {
      const { message, try: help } = errorOf(() => parseReference(text));
      expect(`${message} ${help}`).not.toMatch(/hunter2|ter2/);
    },
  );

  const alnum = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const part = fc
    .tuple(alnum, fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '---'), alnum), { maxLength: 2 }))
    .map(([first, more]) => first + more.flat().join(''));
  const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,5}[a-zA-Z0-9])?$/);
  const host = fc
    .tuple(fc.array(label, { minLength: 2, maxLength: 3 }), fc.option(fc.integer({ min: 1, max: 65_535 })))
    .map(([labels, port]) => labels.join('.') + (port === null ? '' : `:${port}`));
  const reference = fc.record({
    registry: fc.option(host),
    repository: fc
      .array(part, { minLength: 1, maxLength: 4 })
      // Without a registry a first part with a dot would be read as one.
      .map((parts) => ['lib', ...parts].join('/')),
    tag: fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/), { nil: undefined }),
    digest: fc.option(
      fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`),
      { nil: undefined },
    ),
  });

  test('reads what it writes', () => {
    fc.assert(
      fc.property(reference, (made) => {
        const parsed = parseReference(formatReference(made));
        expect({ tag: undefined, digest: undefined, ...parsed }).toEqual(made);
      }),
    );
  });

  const nasty = fc.string({
    unit: fc.constantFrom(...'ab.-_/:@[]A0 "\'\\\n\t\0\u007fé%?#&$`;|..'.split(''), '..', 'sha256:', '//'),
    maxLength: 20,
  });
  test('nothing passes that is not made of the letters of names', () => {
    fc.assert(
      fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), (text) => {
        let parsed: ImageReference;
        try {
          parsed = parseReference(text);
        } catch (error) {
          expect(error).toBeInstanceOf(FnmeshError);
          return;
        }
        expect(formatReference(parsed)).toBe(text);
        expect(text).toMatch(/^[\w.:/@[\]-]+$/);
        expect(parsed.repository.split('/').some((one) => one === '' || /\.\.|^[.-]|[.-]$/.test(one))).toBe(
          false,
        );
      }),
      { numRuns: 2000 },
    );
  });
});

describe('registryOf', () => {
  test.each([
    ['cart', 'docker.io', 'library/cart'],
    ['me/cart', 'docker.io', 'me/cart'],
    ['docker.io/cart', 'docker.io', 'library/cart'],
    ['index.docker.io/me/cart', 'docker.io', 'me/cart'],
    ['localhost:5000/cart', 'localhost:5000', 'cart'],
    ['REG.example.com/cart', 'reg.example.com', 'cart'],
  ])('%s', (text, host, repository) => {
    expect(registryOf(parseReference(text))).toEqual({ host, repository });
  });
});

describe('imageName', () => {
  test.each([
    [null, 'cart', 'cart'],
    ['', 'cart', 'cart'],
    ['me', 'cart', 'me/cart'],
    ['me/', 'cart', 'me/cart'],
    ['localhost:5000', 'cart', 'localhost:5000/cart'],
    ['reg.example.com/a/b', 'cart-v1', 'reg.example.com/a/b/cart-v1'],
    ['reg.example.com/a', 'other/cart', 'other/cart'],
    ['reg.example.com/a', 'other.example.com/cart', 'other.example.com/cart'],
  ])('%j and %s', (registry, name, expected) => {
    expect(imageName(registry, name)).toBe(expected);
  });

  test.each([
    ['https://reg.example.com', 'cart', 'usage', /no scheme/],
    ['reg.example.com//a', 'cart', 'usage', /empty part/],
    ['Reg.example.com/A', 'cart', 'usage', /upper-case/],
    ['me', 'Cart', 'config', /upper-case.*func\.yaml/],
    ['me', 'cart:1', 'config', /holds a tag/],
    ['me', 'my cart', 'config', /a space/],
    [null, '', 'config', /empty/],
  ])('refuses %j and %j', (registry, name, code, message) => {
    const error = errorOf(() => imageName(registry, name));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.try).toBeTruthy();
  });
});
