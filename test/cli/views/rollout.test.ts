import { expect, test } from 'vitest';
import { foreseenView, rolloutView } from '../../../src/cli/views/rollout.js';
import type { DeployResult, VersionRow } from '../../../src/deploy/result.js';

const ROW: VersionRow = {
  ...{ function: 'cart', version: 'v2', fn: 'cart-v2', build: 'built', deploy: 'created', changes: [] },
  ...{ share: null, image: 'x:1', release: 1, kept: [], address: 'http://h/t/shop/cart/v2', ms: 90 },
};
const DEPLOY: DeployResult = {
  ...{ app: { name: 'shop', action: 'unchanged', changes: [], kept: [], touches: [] }, server: 'http://h' },
  ...{ versions: [ROW], functions: [], routed: [], orphans: [], front: null, next: [], failed: 0 },
};
const ROLLOUT = { ...DEPLOY, bumped: [], removed: [], stayed: [] };
const SHARE = { function: 'cart', before: { v1: 10_000, v2: 0 }, after: { v1: 9500, v2: 500 } };
const SHIFT = {
  ...{ app: 'shop', reason: { verb: 'shift' as const }, changed: true, number: 7 },
  rows: [{ ...SHARE, revision: 7, changed: true }],
};
const UNREADY = {
  code: 'not_ready' as const,
  message: 'cart/v2 is not ready: no answer',
  try: 'fnmesh logs cart/v2',
};
const TABLE = ['VERSION  BUILD  DEPLOY   ADDRESS'];

test('a plan shows the share that follows, and why it could not', () => {
  expect(
    foreseenView({ ...DEPLOY, shift: SHARE }, null, false)
      .split('\n')
      .slice(2),
  ).toEqual([
    'would then shift:',
    'FUNCTION  VERSION  BEFORE     AFTER',
    'cart      v1        100 %  →   95 %',
    'cart      v2          0 %  →    5 %',
  ]);
  const none = { ...DEPLOY, shift: null };
  expect(foreseenView(none, null, false).split('\n')).toEqual([...TABLE, expect.stringMatching(/^cart\/v2/)]);
  expect(
    foreseenView({ ...none, shiftError: UNREADY }, null, false)
      .split('\n')
      .slice(2),
  ).toEqual(['the shift would fail: cart/v2 is not ready: no answer', '  try: fnmesh logs cart/v2']);
});

test('what went along with a deploy, a line each, and the share at the end', () => {
  const result = {
    ...{ ...ROLLOUT, shift: SHIFT },
    removed: [{ function: 'cart', version: 'v0' }],
    stayed: [{ function: 'price', version: 'v1', why: 'it has 5 %' }],
    bumped: [{ file: '/work/cart/func.yaml', from: '0.0.1', to: '0.0.2' }],
  };
  expect(rolloutView(result, 'http://127.0.0.1:8082', '/work').split('\n').slice(2)).toEqual([
    'removed cart/v0',
    'kept price/v1: it has 5 %',
    'cart/func.yaml: version 0.0.1 → 0.0.2',
    'FUNCTION  VERSION  BEFORE     AFTER',
    'cart      v1        100 %  →   95 %',
    'cart      v2          0 %  →    5 %',
    'change 7: shift; `fnmesh undo` takes it back',
  ]);
});

test('a share that is as asked already is not told again; one that failed is, beside what was deployed', () => {
  const again = { ...ROLLOUT, shift: { ...SHIFT, number: null, changed: false } };
  expect(rolloutView(again, 'http://127.0.0.1:8082', '/work').split('\n')).toHaveLength(2);
  const failed = { ...ROLLOUT, shift: null, shiftError: UNREADY };
  expect(rolloutView(failed, 'http://127.0.0.1:8082', '/work').split('\n').slice(1)).toEqual([
    expect.stringMatching(/^cart\/v2 .*created/),
    'the shift failed: cart/v2 is not ready: no answer',
    '  try: fnmesh logs cart/v2',
  ]);
});
