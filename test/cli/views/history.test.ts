import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { historyView } from '../../../src/cli/views/history.js';
import { undoDeployPlanView, undoDeployView } from '../../../src/cli/views/undo-deploy.js';
import type { UndoDeployPlan } from '../../../src/deploy/plan-undo.js';
import type { UndoDeployResult } from '../../../src/deploy/undo.js';
import type { HistoryRow } from '../../../src/traffic/history.js';

// Rows say how long ago they were.
beforeEach(() => vi.useFakeTimers({ now: Date.UTC(2026, 0, 1, 12), toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

const ROW: HistoryRow = {
  ...{ number: null, deploy: null, at: '2026-01-01T11:59:30.000Z', by: 'ann@box', verb: 'deploy' },
  ...{
    message: null,
    undoes: null,
    to: null,
    undone: false,
    functions: [],
    releases: [],
    undoesDeploy: null,
    commit: null,
  },
};
const COMMIT = { sha: '1a2b3c4d5e'.repeat(4), at: '2026-01-01T08:00:00Z', dirty: false };
const release = (from: number, restores: number | null = null, fn = 'cart', version = 'v1') => ({
  ...{ function: fn, version, from, to: from + 1, restores },
});

test('a history of nothing', () => expect(historyView([])).toBe('no changes yet'));

test('deploys and shifts in one table', () => {
  const rows: HistoryRow[] = [
    {
      ...ROW,
      ...{ deploy: 'c0ffee00', verb: 'undo', undoesDeploy: 'beef0001', message: 'too slow' },
      commit: { ...COMMIT, dirty: true },
      releases: [release(3, 2)],
    },
    {
      ...ROW,
      ...{ number: 12, verb: 'shift', at: '2026-01-01T11:00:00.000Z' },
      functions: [{ function: 'cart', before: { v1: 10_000, v2: 0 }, after: { v1: 9950, v2: 50 } }],
    },
    {
      ...ROW,
      ...{ deploy: 'beef0001', undone: true, at: '2026-01-01T09:00:00.000Z', by: 'ci@runner' },
      commit: COMMIT,
      releases: [release(2), release(1, null, 'price', 'v10')],
    },
    {
      ...ROW,
      ...{ number: 2, verb: 'wire', at: '2026-01-01T08:00:00.000Z', message: 'host a → b' },
      functions: [{ function: 'cart', before: { v1: 10_000 }, after: { v1: 10_000 } }],
    },
    {
      ...ROW,
      ...{ number: 1, at: '2025-12-30T12:00:00.000Z', by: 'ci@runner' },
      functions: [{ function: 'cart', before: null, after: { v1: 10_000 } }],
    },
  ];
  expect(historyView(rows).split('\n')).toEqual([
    '  CHANGE  WHEN      WHAT              FUNCTION  BEFORE → AFTER                     BY         MESSAGE',
    'c0ffee00  30 s ago  undo of beef0001  cart      v1@3 → v1@4 (what @2 was)          ann@box    too slow (commit 1a2b3c4, dirty)',
    '      12  1 h ago   shift             cart      v1 100 % → 99.5 %, v2 0 % → 0.5 %  ann@box',
    'beef0001  3 h ago   deploy (undone)   cart      v1@2 → v1@3                        ci@runner  (commit 1a2b3c4)',
    '                                      price     v10@1 → v10@2',
    '       2  4 h ago   wire              cart      written anew, same shares          ann@box    host a → b',
    '       1  2 d ago   deploy            cart      v1 100 %                           ci@runner',
  ]);
});

const PLAN: UndoDeployPlan = {
  app: 'shop',
  undoes: 'beef0001',
  at: '2026-01-01T09:00:00.000Z',
  by: 'ci@runner',
  versions: [
    {
      ...{ function: 'cart', version: 'v1', fn: 'cart-v1', from: 3, to: 2, share: 9000, body: {} },
      changes: [
        {
          field: 'image',
          from: `r.test/cart@sha256:${'b'.repeat(64)}`,
          to: `r.test/cart@sha256:${'a'.repeat(64)}`,
        },
        { field: 'memory', from: 256, to: 128 },
        { field: 'config.KEY', from: '(secret)', to: null },
      ],
      notes: { function: 'cart', version: 'v1', hash: '', put: { config: [], annotations: [], limits: [] } },
    },
    {
      ...{
        function: 'price',
        version: 'v1',
        fn: 'price-v1',
        from: 2,
        to: 1,
        share: 0,
        body: {},
        changes: [],
      },
      notes: { function: 'price', version: 'v1', hash: '', put: { config: [], annotations: [], limits: [] } },
    },
  ],
};

test('what an undo of a deploy would do', () => {
  expect(undoDeployPlanView(PLAN).split('\n')).toEqual([
    'undo of deploy beef0001 by ci@runner at 2026-01-01T09:00:00.000Z',
    'cart/v1@3 (90 % of the traffic) would become what release 2 was',
    '  image: r.test/cart@sha256:bbbbbbbbbbbb… → r.test/cart@sha256:aaaaaaaaaaaa…',
    '  memory: 256 → 128',
    '  config.KEY: removed (secret)',
    'price/v1@2 would become what release 1 was',
    '  nothing differs',
  ]);
});

test('what it did, what of it failed, and what a real server takes for it', () => {
  const [cart, price] = PLAN.versions.map(({ body: _, notes: __, ...version }) => version);
  const error = { code: 'not_ready' as const, message: 'no answer', try: 'fnmesh logs price' };
  const result: UndoDeployResult = {
    ...{ app: 'shop', undoes: 'beef0001', failed: 1, cacheMs: 5300 },
    versions: [
      { ...cart!, changes: [], release: 4 },
      { ...price!, release: null, error },
    ],
  };
  const slow = 'a real Fn server takes some 5 s and a cold start for this; undoing a shift takes neither';
  expect(undoDeployView(result).split('\n')).toEqual([
    'cart/v1@3 (90 % of the traffic) is release 4 now, with what release 2 was',
    '  nothing differs',
    'price/v1 failed: no answer',
    '  try: fnmesh logs price',
    slow,
  ]);
  expect(undoDeployView({ ...result, cacheMs: 0 })).not.toContain(slow);
  expect(undoDeployView({ ...result, versions: result.versions.slice(1) })).not.toContain(slow);
});
