import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedFn } from '../../src/fn/fn.js';
import type { Annotations, Fn, Json } from '../../src/fn/model.js';
import type { Content, Release } from '../../src/fn/releases.js';
import {
  contentOf,
  keptRelease,
  levelling,
  parseReleaseName,
  readRelease,
  releaseAnnotation,
  releaseName,
} from '../../src/fn/releases.js';
import { newAnnotations } from '../../src/fn/rules.js';

const STAMPS = { created_at: '', updated_at: '' };
const BASE = { id: 'F', app_id: 'A', name: 'cart-v1', ...STAMPS };
const CONTENT = { image: 'x:1', memory: 128, timeout: 30, idle_timeout: 30, config: {}, annotations: {} };
const asFn = (content: Partial<Content>): Fn => ({ ...BASE, ...CONTENT, ...content });

describe('the name of a release', () => {
  test.each<[string, ReturnType<typeof parseReleaseName>]>([
    ['cart-v1~1', { of: 'cart-v1', number: 1 }],
    ['cart-v1~120', { of: 'cart-v1', number: 120 }],
    ['a~1~2', { of: 'a~1', number: 2 }],
    ['cart-v1', undefined],
    ['cart-v1~', undefined],
    ['cart-v1~0', undefined],
    ['cart-v1~01', undefined],
    ['cart-v1~-1', undefined],
    ['cart-v1~1.5', undefined],
    ['cart-v1~1234567890', undefined],
    ['~1', undefined],
    ['fnmesh~lock', undefined],
  ])('%s', (name, parsed) => expect(parseReleaseName(name)).toEqual(parsed));

  test('is read back for every fn and number, and Fn takes it', () => {
    const names = fc.stringMatching(/^[a-z][-a-z0-9]{0,38}$/);
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 999_999_999 }), (of, number) => {
        const name = releaseName(of, number);
        expect(parseReleaseName(name)).toEqual({ of, number });
        expect(name).toMatch(/^[\w.~$&+=:@-]+$/);
      }),
    );
  });
});

describe('the note of a release', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 2000 }),
    fc.string({ unit: 'grapheme', maxLength: 600 }),
    // Halves of surrogate pairs, which JSON writes as six bytes.
    fc
      .array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 600 })
      .map((u) => String.fromCharCode(...u)),
    fc.constantFrom('"'.repeat(600), '\u0000'.repeat(600), '😀'.repeat(300), '\\'.repeat(300), ''),
  );
  const releases: fc.Arbitrary<Release> = fc.record(
    {
      number: fc.integer({ min: 1, max: 999_999_999 }),
      restores: fc.integer({ min: 1, max: 999_999_999 }),
      deploy: fc.stringMatching(/^[0-9a-f]{8}$/),
      undoes: fc.stringMatching(/^[0-9a-f]{8}$/),
      at: fc.constant('2026-01-01T00:00:00.000Z'),
      by: texts,
      message: texts,
      commit: fc.record({
        sha: fc.stringMatching(/^[0-9a-f]{64}$/),
        at: fc.constant('2026-01-01T00:00:00+02:00'),
        dirty: fc.boolean(),
      }),
    },
    { requiredKeys: ['number', 'deploy', 'at', 'by'] },
  );

  test('fits into an annotation whatever the texts, and loses nothing but their ends', () => {
    fc.assert(
      fc.property(releases, (release) => {
        const note = releaseAnnotation(release);
        expect(newAnnotations(note)).toEqual(note);
        const read = readRelease(note)!;
        const { by, message = '', ...rest } = read;
        const { by: fullBy, message: fullMessage = '', ...full } = release;
        expect(rest).toEqual(full);
        expect(fullBy.startsWith(by)).toBe(true);
        expect(fullMessage.startsWith(message)).toBe(true);
      }),
    );
  });

  test('is cut only where it must be, and never through a character', () => {
    const stamp = { number: 1, deploy: 'd', at: '2026-01-01T00:00:00.000Z', by: 'me@here' };
    const noted = (message: string) => readRelease(releaseAnnotation({ ...stamp, message }))?.message ?? '';
    expect(noted('a message of usual length, with “quotes”')).toBe(
      'a message of usual length, with “quotes”',
    );
    expect(noted('x'.repeat(1000)).length).toBeGreaterThan(300);
    expect(noted('😀'.repeat(300))).toMatch(/^(😀){70,}$/u);
    expect(readRelease(releaseAnnotation({ ...stamp, message: '' }))).toEqual(stamp);
    // The longest name of a user and machine still leaves the commit and the number.
    expect(readRelease(releaseAnnotation({ ...stamp, by: 'b'.repeat(400) }))?.by).toHaveLength(80);
  });

  test.each<[string, Json]>([
    ['nothing', null],
    ['a text', 'v1'],
    ['a list', [1]],
    ['no number', { deploy: '', at: '', by: '' }],
    ['a fraction', { number: 1.5, deploy: '', at: '', by: '' }],
    ['no deploy', { number: 1, at: '', by: '' }],
    ['no time', { number: 1, deploy: '', by: '' }],
    ['nobody', { number: 1, deploy: '', at: '', by: 7 }],
  ])('%s is none', (_, note) => {
    expect(readRelease({ 'fnmesh/release': note })).toBeUndefined();
  });
  test('is none where there are no annotations', () => expect(readRelease()).toBeUndefined());
});

describe('a kept release', () => {
  const note = releaseAnnotation({ number: 3, deploy: 'd', at: 't', by: 'me' });
  test.each<[string, string, Annotations | undefined, number | undefined, boolean]>([
    ['a copy with its note', 'cart-v1~3', note, 3, true],
    ['a copy of what nobody noted', 'cart-v1~1', { 'fnmesh/function': 'cart' }, 1, false],
    ['somebody else’s fn of such a name', 'cart-v1~3', { team: 'x' }, undefined, false],
    ['one without annotations', 'cart-v1~3', undefined, undefined, false],
    ['an fn', 'cart-v1', note, undefined, false],
  ])('%s', (_, name, annotations, number, isNoted) => {
    const kept = keptRelease({ ...asFn({}), name, ...(annotations && { annotations }) });
    expect(kept?.number).toBe(number);
    expect(kept?.release != null).toBe(isNoted);
  });
});

describe('levelling', () => {
  // Few keys and values, so that two contents have some in common.
  const keys = fc.constantFrom('A', 'B', 'constructor', '__proto__', 'toString');
  const maps = <V>(values: fc.Arbitrary<V>): fc.Arbitrary<Record<string, V>> =>
    fc.array(fc.tuple(keys, values)).map((entries) => Object.fromEntries(entries));
  const json: fc.Arbitrary<Json> = fc.constantFrom<Json[]>(
    1,
    0,
    false,
    'x',
    [],
    {},
    [1],
    { a: 1, b: 2 },
    { b: 2, a: 1 },
  );
  const contents: fc.Arbitrary<Content> = fc.record({
    image: fc.constantFrom('x:1', 'x:2'),
    memory: fc.constantFrom(128, 256),
    timeout: fc.constantFrom(30, 60),
    idle_timeout: fc.constantFrom(30, 60),
    config: maps(fc.constantFrom('1', '2', ' ')),
    annotations: maps(json),
  });
  const shown = (content: Content) => contentOf(asFn(content));

  test('applied as Fn applies a PUT, gives the other content, and then nothing more', () => {
    fc.assert(
      fc.property(contents, contents, (before, after) => {
        const changed = contentOf(changedFn(asFn(before), levelling(shown(before), shown(after)), ''));
        expect(changed).toEqual(shown(after));
        expect(levelling(changed, shown(after))).toEqual({});
      }),
    );
  });

  test('sends only what differs', () => {
    const before = {
      ...CONTENT,
      config: { A: '1', B: '1', C: '1' },
      annotations: { x: { a: 1, b: 2 }, y: 1 },
    };
    const after = {
      ...CONTENT,
      memory: 256,
      config: { A: '1', B: '2' },
      annotations: { x: { b: 2, a: 1 }, y: 2 },
    };
    expect(levelling(before, after)).toEqual({
      memory: 256,
      config: { B: '2', C: '' },
      annotations: { y: 2 },
    });
    expect(levelling(after, after)).toEqual({});
  });

  // A POST stores a config value '', which no PUT can put: at best the key is not there.
  test.each<[string, Record<string, string>, Record<string, string>, Record<string, string> | undefined]>([
    ['a value becomes empty', { A: '1' }, { A: '' }, { A: '' }],
    ['an empty value goes', { A: '' }, {}, undefined],
    ['an empty value stays', { A: '' }, { A: '' }, undefined],
    ['an empty value comes', {}, { A: '' }, undefined],
    ['an empty value gets one', { A: '' }, { A: '1' }, { A: '1' }],
  ])('%s', (_, before, after, config) => {
    const change = levelling({ ...CONTENT, config: before }, { ...CONTENT, config: after });
    expect(change).toEqual(config ? { config } : {});
  });

  test('leaves notes and what only the server writes alone', () => {
    const annotations = {
      'fnmesh/build': { hash: 'x' },
      'fnproject.io/fn/invokeEndpoint': 'http://x',
      team: 'y',
    };
    expect(contentOf(asFn({ annotations })).annotations).toEqual({ team: 'y' });
    const { annotations: none, ...bare } = asFn({});
    expect(contentOf(bare).annotations).toEqual(none);
  });
});
