import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { WHOLE } from '../../src/routing/route.js';
import type { Split } from '../../src/routing/route.js';
import { addCounts, isVisible, judgeArrival } from '../../src/traffic/arrival.js';
import type { ArrivalVerdict, Counts } from '../../src/traffic/arrival.js';
import { awaitByProbe, awaitByProxies } from '../../src/traffic/await-arrival.js';
import type { ProxySplit } from '../../src/traffic/await-arrival.js';
import type { ProbePort } from '../../src/traffic/probe.js';
import { seededRandom } from '../helpers/splits.js';

const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const C: Split = { v1: 5000, v2: 5000 };

describe('what counts say of a move', () => {
  test.each<[string, Split | null, Split, Counts, ArrivalVerdict]>([
    ['nothing was seen', A, B, {}, 'unsure'],
    ['one answer of the new version is enough', A, B, { v1: 12, v2: 1 }, 'arrived'],
    ['none of it yet, which may be chance', A, B, { v1: 20 }, 'unsure'],
    ['none of it for too long', A, B, { v1: 200 }, 'old'],
    ['the last of the old version is gone', B, A, { v1: 100 }, 'arrived'],
    ['it may have been chance', B, A, { v1: 20 }, 'unsure'],
    ['an answer of a version without weight', B, A, { v1: 500, v2: 1 }, 'old'],
    ['ten per cent to fifty', B, C, { v1: 20, v2: 20 }, 'arrived'],
    ['still ten', B, C, { v1: 90, v2: 10 }, 'old'],
    ['fits both', { v1: 5100, v2: 4900 }, C, { v1: 50, v2: 50 }, 'unsure'],
    ['no route before', null, B, { v1: 5 }, 'arrived'],
    ['an unknown version', null, B, { v9: 5 }, 'old'],
  ])('%s', (_, before, after, counts, verdict) => {
    expect(judgeArrival({ before, after }, counts)).toBe(verdict);
  });

  test('a version at 0 that is not there makes no difference to callers', () => {
    expect(isVisible({ before: { v1: WHOLE }, after: A })).toBe(false);
    expect(isVisible({ before: A, after: B })).toBe(true);
    expect(isVisible({ before: null, after: A })).toBe(true);
  });
});

test('the counts of two batches are added by version, whichever of them has it', () => {
  expect(addCounts({ v1: 3, v2: 1 }, { v2: 2, v3: 4 })).toEqual({ v1: 3, v2: 3, v3: 4 });
});

describe('by requests through the gateway', () => {
  /** A gateway that has the old split for so many requests. */
  function gateway(before: Split, after: Split, late: number) {
    const random = seededRandom(7);
    let sent = 0;
    return () => {
      const split = sent++ < late ? before : after;
      const version = random() * WHOLE < split['v1']! ? 'v1' : 'v2';
      return Promise.resolve({ version, status: 200, ms: 1 });
    };
  }

  test.each<[string, Split, Split, number]>([
    ['at once', A, B, 0],
    ['after a while', A, C, 150],
    ['to nothing', C, A, 150],
    ['back', C, B, 70],
  ])('%s', async (_, before, after, late) => {
    const send = gateway(before, after, late);
    const arrival = await awaitByProbe('cart', { before, after }, send, { timeoutMs: 20_000 });
    expect(arrival).toMatchObject({
      function: 'cart',
      by: 'probe',
      verified: true,
      missing: [],
      proxies: [],
    });
    expect(arrival.sent).toBeGreaterThan(late);
  });

  test.each<[string, Split, Split, string | null, RegExp]>([
    ['it never comes', A, C, 'v1', /do not fit the new split/],
    ['nothing answers', A, C, null, /no answer named its version/],
    ['answers name what is no version', A, C, 'nginx', /no answer named its version/],
  ])('%s', async (_, before, after, version, missing) => {
    const send = () => Promise.resolve({ version, status: 200, ms: 1 });
    const arrival = await awaitByProbe('cart', { before, after }, send, { timeoutMs: 150 });
    expect(arrival).toMatchObject({ verified: false, missing: [expect.stringMatching(missing)] });
  });

  test('requests that break off are counted, and what others answer still counts', async () => {
    let turn = 0;
    const send = () =>
      turn++ % 2
        ? Promise.reject(new Error('reset'))
        : Promise.resolve({ version: turn % 4 === 1 ? 'v1' : 'v2', status: 500, ms: 1 });
    const arrival = await awaitByProbe('cart', { before: A, after: C }, send, { timeoutMs: 20_000 });
    expect(arrival.verified).toBe(true);
    expect(arrival.unanswered).toBeGreaterThan(0);
  });

  test('sends nothing when there is nothing to see', async () => {
    const send = () => Promise.reject(new Error('sent'));
    const arrival = await awaitByProbe('cart', { before: { v1: WHOLE }, after: A }, send, {
      timeoutMs: 1000,
    });
    expect(arrival).toMatchObject({
      verified: false,
      sent: 0,
      missing: [expect.stringMatching(/same shares/)],
    });
  });

  test('ends when it is told to', async () => {
    const stop = new AbortController();
    const send = () => {
      stop.abort();
      return Promise.resolve({ version: 'v1', status: 200, ms: 1 });
    };
    const options = { timeoutMs: 60_000, signal: stop.signal };
    expect((await awaitByProbe('cart', { before: A, after: C }, send, options)).verified).toBe(false);
  });

  test('a request that is broken off because the time is up is not counted as unanswered', async () => {
    const hangs: ProbePort['send'] = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const arrival = await awaitByProbe('cart', { before: A, after: C }, hangs, { timeoutMs: 60 });
    expect(arrival).toMatchObject({ verified: false, sent: 0, unanswered: 0 });
  });
});

describe('by what proxies say', () => {
  const has = (proxy: string, split: Split | null, ...inactive: string[]): ProxySplit => {
    return { proxy, split, inactive };
  };
  const move = { before: A, after: B };

  test('until each has it, with all clusters active', async () => {
    const turns = [
      [has('a', A), has('b', A)],
      [has('a', B), has('b', null)],
      [has('a', B), has('b', B, 'outbound|80||shop-cart-v2')],
      [has('a', B), has('b', B)],
    ];
    const arrival = await awaitByProxies('cart', move, () => Promise.resolve(turns.shift()!), {
      timeoutMs: 20_000,
    });
    expect(turns).toEqual([]);
    expect(arrival).toMatchObject({
      by: 'envoy',
      verified: true,
      missing: [],
      proxies: [
        { proxy: 'a', arrived: true },
        { proxy: 'b', arrived: true },
      ],
    });
  });

  test.each<[string, ProxySplit[], RegExp[]]>([
    ['no proxy', [], [/no proxy/]],
    ['an old split', [has('a', B), has('b', A)], [/^b has another split/]],
    ['a cluster that warms', [has('a', B, 'x')], [/^a is still warming x/]],
  ])('%s is said', async (_, states, missing) => {
    const arrival = await awaitByProxies('cart', move, () => Promise.resolve(states), { timeoutMs: 60 });
    expect(arrival.verified).toBe(false);
    expect(arrival.missing).toEqual(missing.map((each) => expect.stringMatching(each) as unknown));
  });

  test('what is not permitted is not asked again', async () => {
    let asked = 0;
    const forbidden = () => {
      asked++;
      return Promise.reject(new FnmeshError('config', 'ann may not port-forward to Pods in istio-ingress'));
    };
    const arrival = await awaitByProxies('cart', move, forbidden, { timeoutMs: 60_000 });
    expect(arrival).toMatchObject({ verified: false, missing: [expect.stringContaining('port-forward')] });
    expect(asked).toBe(1);
  });

  test('what is no answer of a cluster is thrown on', async () => {
    const broken = () => Promise.reject(new TypeError('a fault of the program'));
    await expect(awaitByProxies('cart', move, broken, { timeoutMs: 60 })).rejects.toThrow(TypeError);
  });

  test('one that cannot be reached for a moment is asked again', async () => {
    let asked = 0;
    const shaky = () =>
      asked++ === 0
        ? Promise.reject(new FnmeshError('unreachable', 'a does not answer'))
        : Promise.resolve([has('a', B)]);
    expect((await awaitByProxies('cart', move, shaky, { timeoutMs: 20_000 })).verified).toBe(true);
  });
});
