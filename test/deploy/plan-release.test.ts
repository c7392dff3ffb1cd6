import { describe, expect, test } from 'vitest';
import type { DesiredVersion } from '../../src/deploy/desired.js';
import { planApp, planVersion, releaseNumbers } from '../../src/deploy/plan.js';
import type { App, Annotations, Fn, Trigger } from '../../src/fn/model.js';
import { putAnnotations, readPut, versionAnnotations, type VersionNotes } from '../../src/fn/notes.js';
import { observed, type ObservedFn } from '../../src/fn/observe.js';
import type { DeployStamp, KeptRelease, Release } from '../../src/fn/releases.js';
import { contentOf, levelling } from '../../src/fn/releases.js';

const STAMPS = { created_at: '', updated_at: '' };
const STAMP: DeployStamp = { deploy: 'new', at: '2026-01-02T00:00:00.000Z', by: 'me@here' };
const NOTED: Release = { deploy: 'old', at: '2026-01-01T00:00:00.000Z', by: 'ci@runner', number: 3 };
const LIMITS = { memory: 128, timeout: 30, idle_timeout: 30 };

const fn = (change: Partial<Fn> = {}): Fn => ({
  ...{ id: '1', name: 'cart-v1', app_id: 'a', image: 'x:1', config: {} },
  ...LIMITS,
  ...STAMPS,
  ...change,
});
const trigger = (name: string, source: string, annotations: Annotations): Trigger => ({
  ...{ id: name, name, app_id: 'a', fn_id: '1', type: 'http', source, annotations },
  ...STAMPS,
});
const NOTES: VersionNotes = {
  function: 'cart',
  version: 'v1',
  hash: 'h',
  put: { config: [], annotations: [], limits: [] },
};
const live = (notes: Partial<VersionNotes> = {}, change: Partial<Fn> = {}): ObservedFn =>
  observed(fn(change), [trigger('t', '/t', versionAnnotations({ ...NOTES, release: NOTED, ...notes }))]);
const wanted = (change: Partial<DesiredVersion> = {}): DesiredVersion => ({
  ...{ function: 'cart', version: 'v1', fn: 'cart-v1', hash: 'h', image: 'x:1' },
  ...{ limits: {}, config: {}, annotations: {}, triggers: [{ name: 't', source: '/t' }] },
  ...change,
});
const copy = (number: number, change: Partial<Fn> = {}): KeptRelease => ({
  fn: fn({ id: `c${number}`, name: `cart-v1~${number}`, image: `x:old-${number}`, ...change }),
  of: 'cart-v1',
  number,
  release: null,
});

describe('the number of a release', () => {
  const unnoted = observed(fn(), [trigger('t', '/t', versionAnnotations(NOTES))]);
  const foreign = observed(fn(), []);
  test.each<[string, ObservedFn | undefined, KeptRelease[], number, number]>([
    // what is there, copies, live, next
    ['nothing is there', undefined, [], 0, 1],
    ['only copies are left of it', undefined, [copy(1), copy(2)], 0, 3],
    ['its number is noted', live(), [copy(1), copy(2)], 3, 4],
    ['its number is noted and no copy is left', live(), [], 3, 4],
    ['it was made before numbers were', unnoted, [], 1, 2],
    ['somebody else made it', foreign, [], 1, 2],
    ['somebody else made it again, beside our copies', foreign, [copy(1), copy(2)], 3, 4],
    // Kept, and then broken off before the change: the copy is what is live.
    ['a copy of what is live is there', live(), [copy(2), copy(3, { image: 'x:1' })], 3, 4],
    // Kept and changed, and then broken off before the note.
    ['a copy has the number and another content', live(), [copy(2), copy(3)], 4, 5],
    ['the numbers of copies are higher than the noted one', live(), [copy(7)], 3, 8],
  ])('when %s', (_, there, kept, now, next) => {
    expect(releaseNumbers(there, kept, true)).toEqual({ live: now, next });
    expect(releaseNumbers(there, kept, false).next).toBe(there === undefined ? next : now);
  });

  test('a broken-off deploy, deployed again: what it left is noted, with no further release', () => {
    // The fn has what is wanted already; only its note is missing.
    const there = live({}, { image: 'x:2' });
    const plan = planVersion(wanted({ image: 'x:2' }), there, null, [copy(3, { image: 'x:1' })], STAMP);
    expect(plan).toMatchObject({ action: 'update', body: {}, release: { live: 4, next: 4 } });
    expect(plan.triggers[0]?.annotations['fnmesh/release']).toEqual({ ...STAMP, number: 4 });
  });
});

describe('the note of a release', () => {
  test('comes with a change, and names who deployed', () => {
    const plan = planVersion(wanted({ image: 'x:2' }), live(), null, [], STAMP);
    expect(plan.release).toEqual({ live: 3, next: 4 });
    expect(plan.triggers[0]?.annotations).toEqual({ 'fnmesh/release': { ...STAMP, number: 4 } });
  });

  test('does not change by itself: who deploys the same is not noted', () => {
    const plan = planVersion(wanted(), live(), null, [], STAMP);
    expect(plan).toMatchObject({ action: 'unchanged', changes: [], body: {}, release: { live: 3, next: 3 } });
  });

  test('counts a change of the folder although the image is not known yet', () => {
    const plan = planVersion(wanted({ image: null, hash: 'other' }), live(), 10_000, [copy(2)], STAMP);
    expect(plan).toMatchObject({ action: 'update', body: {}, release: { live: 3, next: 4 } });
  });

  test('stays when only a trigger changes: nothing runs otherwise than before', () => {
    const plan = planVersion(
      wanted({ triggers: [{ name: 't', source: '/moved' }] }),
      live(),
      null,
      [],
      STAMP,
    );
    expect(plan).toMatchObject({
      action: 'update',
      body: {},
      release: { live: 3, next: 3 },
      changes: [{ field: 'trigger.t', from: '/t', to: '/moved' }],
    });
    expect(plan.triggers[0]?.annotations).toEqual({});
  });

  test('of an unready version goes once it is deployed again', () => {
    const plan = planVersion(wanted(), live({ unready: true }), null, [], STAMP);
    expect(plan).toMatchObject({ action: 'update', body: {}, release: { next: 3 } });
    expect(plan.triggers[0]?.annotations).toEqual({ 'fnmesh/build': { hash: 'h' } });
  });

  test('of an image and its tag stays while the image does, and changes with it', () => {
    const there = live({ image: { ref: 'x:1', tag: '0.0.1-abc' } });
    expect(planVersion(wanted(), there, null, [], STAMP).action).toBe('unchanged');
    const pushed = planVersion(wanted({ image: 'x:2', tag: '0.0.2-abc' }), there, null, [], STAMP);
    expect(pushed.triggers[0]?.annotations['fnmesh/image']).toEqual({ ref: 'x:2', tag: '0.0.2-abc' });
    const given = planVersion(wanted({ image: 'x:3' }), there, null, [], STAMP);
    expect(given.triggers[0]?.annotations['fnmesh/image']).toBe('');
  });
});

describe('what others put', () => {
  test('stays, and is told by name; what fnmesh put and the server’s own is not', () => {
    const put = { config: ['OURS', 'GONE'], annotations: ['ours'], limits: [] };
    const there = live(
      { put },
      {
        config: { OURS: '1', THEIRS: '2', GONE: '3' },
        annotations: { ours: 1, theirs: 2, 'fnproject.io/fn/invokeEndpoint': 'http://x', 'fnmesh/x': 1 },
      },
    );
    there.triggers.push(trigger('theirs', '/theirs', {}));
    const plan = planVersion(wanted({ config: { OURS: '1' } }), there, null);
    expect(plan.kept).toEqual(['config.THEIRS', 'annotations.theirs', 'trigger.theirs']);
    expect(plan.body).toEqual({ config: { GONE: '' }, annotations: { ours: '' } });
    expect(planVersion(wanted(), undefined, null).kept).toEqual([]);
  });

  test('on the app stays as well', () => {
    const app: App = { id: 'a', name: 'shop', config: { THEIRS: '1', OURS: '2' }, ...STAMPS };
    const notes = putAnnotations({ config: ['OURS'], annotations: [], limits: [] });
    const there = { ...app, annotations: { ...notes, theirs: 'x' } };
    const plan = planApp({ name: 'shop', config: { OURS: '3' }, annotations: {} }, there);
    expect(plan.kept).toEqual(['config.THEIRS', 'annotations.theirs']);
    expect(planApp({ name: 'shop', config: {}, annotations: {} }, null).kept).toEqual([]);
  });
});

describe('values from the environment', () => {
  test('are sent, and shown nowhere: neither the new ones nor what was secret before', () => {
    const put = { config: ['OLD', 'WAS'], annotations: [], limits: [], secrets: ['OLD'] };
    const there = live({ put }, { config: { OLD: 's3cret-old', WAS: 'open' } });
    const desired = wanted({
      config: { OLD: 'now open', NEW: 's3cret-new', WAS: 's3cret' },
      secrets: ['NEW', 'WAS'],
    });
    const plan = planVersion(desired, there, null, [], STAMP);
    expect(plan.body.config).toEqual({ OLD: 'now open', NEW: 's3cret-new', WAS: 's3cret' });
    expect(plan.changes).toEqual([
      { field: 'config.OLD', from: '(secret)', to: '(secret)' },
      { field: 'config.NEW', from: null, to: '(secret)' },
      { field: 'config.WAS', from: '(secret)', to: '(secret)' },
    ]);
    const notes = plan.triggers.flatMap(({ annotations }) => Object.values(annotations));
    expect(JSON.stringify([plan.changes, notes])).not.toContain('s3cret');
    expect(readPut(plan.triggers[0]?.annotations).secrets).toEqual(['NEW', 'WAS']);
  });

  test('of the app as well', () => {
    const app: App = { id: 'a', name: 'shop', config: { KEY: 's3cret-1', GONE: 's3cret-2' }, ...STAMPS };
    const notes = putAnnotations({
      config: ['KEY', 'GONE'],
      annotations: [],
      limits: [],
      secrets: ['KEY', 'GONE'],
    });
    const desired = { name: 'shop', config: { KEY: 's3cret-3' }, annotations: {}, secrets: ['KEY'] };
    const plan = planApp(desired, { ...app, annotations: notes });
    expect(plan.changes).toEqual([
      { field: 'config.KEY', from: '(secret)', to: '(secret)' },
      { field: 'config.GONE', from: '(secret)', to: null },
    ]);
    expect(plan.body.config).toEqual({ KEY: 's3cret-3', GONE: '' });
  });
});

test('what a plan sends levels the fn with its copy: an undo of it finds the same differences', () => {
  const there = live({ put: { ...NOTES.put, config: ['A', 'B'] } }, { config: { A: '1', B: '1' } });
  const { body } = planVersion(wanted({ image: 'x:2', config: { A: '2' } }), there, null, [], STAMP);
  const after = fn({ image: 'x:2', config: { A: '2' } });
  expect(body).toEqual(levelling(contentOf(there.fn), contentOf(after)));
});
