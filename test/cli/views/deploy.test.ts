import { describe, expect, test } from 'vitest';
import { bytes } from '../../../src/cli/format.js';
import { changeText } from '../../../src/cli/views/changes.js';
import { deployView, outputView } from '../../../src/cli/views/deploy.js';
import type { DeployResult, VersionRow } from '../../../src/deploy/result.js';

const ROW: VersionRow = {
  ...{ function: 'cart', version: 'v1', fn: 'cart-v1', build: 'unchanged', deploy: 'unchanged', changes: [] },
  ...{ share: 10_000, image: 'x:1', release: 1, kept: [], address: 'http://h:8080/t/shop/cart/v1', ms: 1234 },
};
const result = (versions: Partial<VersionRow>[], more: Partial<DeployResult> = {}): DeployResult => ({
  app: { name: 'shop', action: 'unchanged', changes: [], kept: [], touches: [] },
  server: 'http://h:8080',
  versions: versions.map((row) => ({ ...ROW, ...row })),
  ...{ functions: [], routed: [], front: null, orphans: [], next: [], failed: 0 },
  ...more,
});
const lines = (...asked: Parameters<typeof deployView>) => deployView(...asked).split('\n');

describe('a deploy', () => {
  test('the first: what was made, where it answers, and what to type next', () => {
    const functions = [
      {
        ...{
          function: 'cart',
          host: 'shop.localhost',
          path: '/cart',
          before: null,
          after: { v1: 10_000, v2: 0 },
        },
        ...{
          added: ['v1', 'v2'],
          missing: [],
          elsewhere: [],
          moved: [],
          asked: null,
          unrouted: [{ version: 'v3', why: 'it has no http trigger' }],
        },
      },
    ];
    const made = { build: 'built', deploy: 'created' } as const;
    const next = [{ why: 'cart/v2 has 0 %', command: 'fnmesh shift cart/v2=10' }];
    const app = {
      name: 'shop',
      action: 'create' as const,
      changes: [{ field: 'config.A', from: null, to: '1' }],
    };
    const first = result([made, { ...made, version: 'v2', share: null, address: null, ms: 90 }], {
      ...{ functions, next },
      app: { ...app, kept: [], touches: [] },
    });
    expect(lines(first, false, 'http://127.0.0.1:8082')).toEqual([
      'app shop created',
      'VERSION  BUILD  DEPLOY   ADDRESS                        TIME',
      'cart/v1  built  created  http://h:8080/t/shop/cart/v1  1.2 s',
      'cart/v2  built  created  -                             90 ms',
      'cart answers at http://shop.localhost:8082/cart  (v1 100 %, v2 0 %)',
      'cart/v3 is deployed but not routed: it has no http trigger',
      'cart/v2 has 0 %: fnmesh shift cart/v2=10',
    ]);
    expect(lines(first, true, null).slice(0, 2)).toEqual([
      'app shop would be created',
      'VERSION  BUILD  DEPLOY   ADDRESS',
    ]);
  });

  test('in place: its share, its release, each change, and what stays', () => {
    const changed: Partial<VersionRow> = {
      ...{ build: 'built', deploy: 'updated', share: 1250, release: 4, kept: ['config.THEIRS'] },
      changes: [
        { field: 'memory', from: 128, to: 256 },
        { field: 'config.KEY', from: null, to: '(secret)' },
        { field: 'config.OLD', from: '1', to: null },
      ],
    };
    expect(lines(result([changed]), false, null).slice(2)).toEqual([
      'cart/v1 changed in place, with 12.5 % of the traffic',
      'cart/v1 is release 4',
      '  memory: 128 → 256',
      '  config.KEY: added (secret)',
      '  config.OLD: "1" → removed',
      '  stays, since fnmesh did not put it: config.THEIRS',
    ]);
    expect(lines(result([{ ...changed, deploy: 'to update', kept: [] }]), true, null).slice(2, 4)).toEqual([
      'cart/v1 would change in place, with 12.5 % of the traffic',
      'cart/v1 would be release 4',
    ]);
    const quiet = lines(result([{ ...changed, share: 0 }]), false, null);
    expect(quiet.join('\n')).not.toContain('in place');
  });

  test('a change of the app reaches every version, with their shares', () => {
    const app = {
      ...{ name: 'shop', action: 'update' as const, changes: [{ field: 'config.A', from: '1', to: '2' }] },
      ...{ kept: ['config.THEIRS'] },
      touches: [
        { version: 'cart/v1', share: 9000 },
        { version: 'cart/v2', share: null },
      ],
    };
    expect(lines(result([], { app }), true, null)).toEqual([
      'app shop would be updated',
      '  config.A: "1" → "2"',
      '  stays, since fnmesh did not put it: config.THEIRS',
      '  this reaches every version: cart/v1 (90 %), cart/v2',
    ]);
  });

  test('failures: each with its output and way out, then how many', () => {
    const broken: Partial<VersionRow> = {
      ...{ build: 'failed', deploy: 'failed' },
      error: { code: 'failed', message: 'it does not compile', output: 'a.go:1\na.go:2', try: 'gofmt' },
    };
    const cannot: Partial<VersionRow> = {
      ...{ version: 'v2', build: 'cannot run', deploy: 'created', cannotRun: 'java cannot run here' },
      error: { code: 'failed', message: 'java cannot run here' },
    };
    expect(lines(result([broken, cannot], { failed: 2 }), false, null).slice(3)).toEqual([
      'cart/v1 failed: it does not compile',
      '  | a.go:1',
      '  | a.go:2',
      '  try: gofmt',
      'cart/v2: java cannot run here',
      '2 of 2 versions failed',
    ]);
  });

  test('the same failure of several is told once, with all their names', () => {
    const login = { code: 'failed' as const, message: 'r.test wants a login', try: 'docker login r.test' };
    const rows: Partial<VersionRow>[] = [
      { deploy: 'failed', error: login },
      { version: 'v2', deploy: 'failed', error: { ...login, output: 'denied' } },
      { version: 'v3', deploy: 'failed', error: { ...login } },
    ];
    expect(lines(result(rows, { failed: 3 }), false, null).slice(4)).toEqual([
      'cart/v1, cart/v3 failed: r.test wants a login',
      '  try: docker login r.test',
      'cart/v2 failed: r.test wants a login',
      '  | denied',
      '  try: docker login r.test',
      '3 of 3 versions failed',
    ]);
  });

  test('what deploy would refuse: what differs all the same, why, and the ways out', () => {
    const refused = {
      code: 'conflict' as const,
      message: 'cart/v1 has 5 % beside others',
      try: '--in-place',
    };
    const row: Partial<VersionRow> = {
      ...{ build: 'to build', deploy: 'to update', share: 500, release: 2, refused },
      changes: [{ field: 'memory', from: 128, to: 256 }],
    };
    expect(lines(result([row]), true, null).slice(1)).toEqual([
      'cart/v1  to build  to update  http://h:8080/t/shop/cart/v1',
      'cart/v1 would change in place, with 5 % of the traffic',
      'cart/v1 would be release 2',
      '  memory: 128 → 256',
      'deploy would refuse: cart/v1 has 5 % beside others',
      '  try: --in-place',
    ]);
  });

  test('notes alone are no change in place', () => {
    const row: Partial<VersionRow> = { deploy: 'updated', share: 5000, kept: ['config.THEIRS'] };
    const stays = '  stays, since fnmesh did not put it: config.THEIRS';
    expect(lines(result([row]), false, null).slice(2)).toEqual([
      "cart/v1: only fnmesh's notes of it changed; callers get the same",
      stays,
    ]);
    expect(lines(result([{ ...row, deploy: 'to update' }]), true, null).slice(2)).toEqual([
      "cart/v1: only fnmesh's notes of it change; callers get the same",
      stays,
    ]);
  });

  test('versions without a folder: what to do depends on their share', () => {
    const orphans = [
      { function: 'cart', version: 'v2', share: 0 },
      { function: 'cart', version: 'v3', share: 500 },
      { function: 'cart', version: 'v4', share: null },
      { function: 'price', version: 'v1', share: 10_000 },
    ];
    const gone = 'is on the server and its folder is gone';
    expect(lines(result([], { orphans }), false, null)).toEqual([
      `cart/v2 ${gone}: --prune removes it`,
      `cart/v3 ${gone}: has 5 %; shift that away, then --prune removes it`,
      `cart/v4 ${gone}: --prune removes it`,
      `price/v1 ${gone}: fnmesh destroy price removes the function`,
    ]);
  });

  test('nothing at all', () => expect(deployView(result([]), false, null)).toBe(''));
});

describe('a change of a field', () => {
  const [a, b] = ['a', 'b'].map((digit) => `r.test:5000/a/b@sha256:${digit.repeat(64)}`);
  test.each<[Parameters<typeof changeText>[0], string]>([
    // As JSON, so that a number and its text differ.
    [{ field: 'f', from: 1, to: '1' }, 'f: 1 → "1"'],
    [{ field: 'f', from: null, to: { a: [1] } }, 'f: none → {"a":[1]}'],
    [{ field: 'f', from: 'x', to: '' }, 'f: "x" → removed'],
    // Of a digest the first digits.
    [
      { field: 'config.BASE', from: a!, to: null },
      'config.BASE: "r.test:5000/a/b@sha256:aaaaaaaaaaaa…" → removed',
    ],
    [{ field: 'image', from: 'x:1', to: a! }, 'image: x:1 → r.test:5000/a/b@sha256:aaaaaaaaaaaa…'],
    [
      { field: 'image', from: b!, to: 'build 8b7d92354a44' },
      'image: r.test:5000/a/b@sha256:bbbbbbbbbbbb… → new (build 8b7d92354a44)',
    ],
    [{ field: 'config.A', from: null, to: 'build 8b7d' }, 'config.A: none → "build 8b7d"'],
    [{ field: 'config.KEY', from: null, to: '(secret)' }, 'config.KEY: added (secret)'],
    [{ field: 'config.KEY', from: '(secret)', to: '(secret)' }, 'config.KEY: changed (secret)'],
    [{ field: 'config.KEY', from: '(secret)', to: null }, 'config.KEY: removed (secret)'],
    [
      { field: 'syslog_url', from: 'tcp://logs:514', to: 'tcp://logs:514' },
      'syslog_url: changed ("tcp://logs:514" has another login)',
    ],
    [{ field: 'config.KEY', from: '(secret)', to: 'x' }, 'config.KEY: "(secret)" → "x"'],
  ])('%j', (change, text) => expect(changeText(change)).toBe(text));
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [51_234, '51.2 kB'],
  [100_000, '0.1 MB'],
  [2_649_000, '2.6 MB'],
])('a size of %i bytes is %s', (size, text) => expect(bytes(size)).toBe(text));

test('images that were written', () => {
  const digest = `sha256:${'c'.repeat(64)}`;
  const images = [{ version: 'cart/v1', image: 'cart-v1:0.0.1-abc', digest, size: 2_649_000 }];
  expect(outputView({ kind: 'oci-layout', path: '/tmp/images', images }).split('\n')).toEqual([
    'VERSION  IMAGE              DIGEST                 SIZE',
    'cart/v1  cart-v1:0.0.1-abc  sha256:cccccccccccc  2.6 MB',
    'written to /tmp/images (oci-layout)',
  ]);
});
