import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createDraw } from '../../src/routing/draw.js';
import { collectLatencies } from '../../src/traffic/latencies.js';
import { probe } from '../../src/traffic/probe.js';
import type { FnmeshEvent } from '../../src/events.js';
import type { ProbeAnswer, ProbeOptions, ProbePort } from '../../src/traffic/probe.js';
import { seededRandom } from '../helpers/splits.js';

const half = { revision: 3, split: { v1: 5000, v2: 5000 } };
const ok = (version: string): ProbeAnswer => ({ version, status: 200, ms: 5 });

/** A port whose answers follow the split as the embedded gateway's do. */
function fairPort(): ProbePort {
  const draw = createDraw(half.split, seededRandom(3));
  return { send: () => Promise.resolve(ok(draw.next())), asked: () => Promise.resolve(half) };
}

/** A port that gives these answers, over and over. */
function portOf(...answers: ProbeAnswer[]): ProbePort {
  let sent = 0;
  return {
    send: () => Promise.resolve(answers[sent++ % answers.length]!),
    asked: () => Promise.resolve(half),
  };
}

async function run(port: ProbePort, options: Partial<ProbeOptions>) {
  const events: FnmeshEvent[] = [];
  const result = await probe({ function: 'cart', concurrency: 4, ...options }, port, (event) =>
    events.push(event),
  );
  return { result, events };
}

describe('probe', () => {
  test('counts so many answers per version and judges them', async () => {
    const { result, events } = await run(fairPort(), { requests: 100 });
    expect(result).toMatchObject({
      function: 'cart',
      asked: half.split,
      sent: 100,
      errors: 0,
      errorKinds: {},
      p50: 5,
      p95: 5,
      p99: 5,
      aborted: false,
      verdict: { outcome: 'pass', test: { name: 'exact multinomial' } },
    });
    expect(result.observed.v1! + result.observed.v2!).toBe(100);
    expect(events.at(-1)).toEqual({
      type: 'probe',
      sent: 100,
      of: 100,
      observed: result.observed,
      errors: 0,
    });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  test('counts errors by kind, and their versions all the same', async () => {
    const port = portOf(
      ok('v1'),
      { version: 'v2', status: 502, ms: 7 },
      { version: 'v1', status: 404, ms: 1 },
      { version: null, status: 200, ms: 1 },
      { version: '__proto__', status: 200, ms: 1 },
      { version: null, status: 0, ms: 0, error: 'connect ECONNREFUSED' },
      { version: 'v2', status: 302, ms: 9 },
    );
    const { result } = await run(port, { requests: 14 });
    expect(result).toMatchObject({
      sent: 14,
      observed: { v1: 4, v2: 4 },
      errors: 10,
      errorKinds: { 'status 502': 2, 'status 404': 2, 'no Fnmesh-Version': 4, 'connect ECONNREFUSED': 2 },
      p50: 1,
      p99: 9,
      verdict: { outcome: 'fail', reasons: ['10 requests failed'] },
    });
    expect((await run(port, { requests: 14, allowErrors: true })).result.verdict.outcome).toBe('pass');
  });

  test('a request that throws is an error of the answer, not of the probe', async () => {
    const port: ProbePort = { ...fairPort(), send: () => Promise.reject(new Error('bad port')) };
    const { result } = await run(port, { requests: 2 });
    expect(result).toMatchObject({
      sent: 2,
      errorKinds: { 'bad port': 2 },
      p50: null,
      verdict: { outcome: 'fail' },
    });
  });

  test('counts a version that is not in the split', async () => {
    const { result } = await run(portOf(ok('v9')), { requests: 3 });
    expect(result).toMatchObject({ observed: { v1: 0, v2: 0, v9: 3 }, verdict: { outcome: 'fail' } });
  });

  test('runs for a time, and then waits for what is under way', async () => {
    const port: ProbePort = { ...portOf(ok('v1')), send: () => sleep(30, ok('v1')) };
    const { result } = await run(port, { forMs: 100, concurrency: 2 });
    expect(result.ms).toBeGreaterThanOrEqual(99);
    expect(result.sent).toBeGreaterThanOrEqual(4);
    expect(result.sent).toBeLessThanOrEqual(8);
  });

  test('keeps to a rate', async () => {
    const { result } = await run(fairPort(), { forMs: 150, rate: 100 });
    expect(result.sent).toBeGreaterThan(3);
    expect(result.sent).toBeLessThanOrEqual(15);
    expect((await run(fairPort(), { requests: 3, rate: 50 })).result.ms).toBeGreaterThanOrEqual(38);
  });

  test('has at most so many requests under way', async () => {
    let now = 0;
    let most = 0;
    const send = async () => {
      most = Math.max(most, ++now);
      await sleep(2);
      now--;
      return ok('v1');
    };
    await run({ ...fairPort(), send }, { requests: 20, concurrency: 3 });
    expect(most).toBe(3);
  });

  test('without an end it runs until it is aborted, shows progress, and judges what it saw', async () => {
    const stop = new AbortController();
    let sent = 0;
    const fair = fairPort();
    const send = async (signal: AbortSignal) => {
      if (++sent === 1000) stop.abort();
      await sleep(1);
      return fair.send(signal);
    };
    const { result, events } = await run({ ...fair, send }, { signal: stop.signal });
    expect(result.aborted).toBe(true);
    expect(result.sent).toBeGreaterThan(990);
    expect(result.sent).toBeLessThan(1000);
    expect(result.verdict.outcome).toBe('pass');
    expect(events.length).toBeGreaterThan(1);
    expect(events[0]).not.toHaveProperty('of');
  });

  test('an abort ends the wait for the next turn', async () => {
    const start = performance.now();
    const { result } = await run(fairPort(), { rate: 0.01, signal: AbortSignal.timeout(20) });
    expect(performance.now() - start).toBeLessThan(2000);
    expect(result).toMatchObject({ sent: 1, aborted: true });
  });

  test.each<[string, Awaited<ReturnType<ProbePort['asked']>>]>([
    ['was changed', { ...half, revision: 4 }],
    ['was taken away', null],
  ])('does not judge a split that %s meanwhile', async (_, after) => {
    const answers = [half, after];
    const { result } = await run(
      { ...portOf(ok('v1')), asked: () => Promise.resolve(answers.shift()!) },
      { requests: 50 },
    );
    expect(result.verdict).toMatchObject({ outcome: 'changed', test: null });
  });

  test('does not judge pinned requests', async () => {
    const { result } = await run(portOf(ok('v2')), { requests: 50, pinned: true });
    expect(result.verdict.outcome).toBe('none');
  });

  test('a function without a route is an error', async () => {
    const port: ProbePort = { ...fairPort(), asked: () => Promise.resolve(null) };
    const missing = { code: 'not_found', message: 'cart has no route', try: 'fnmesh deploy cart' };
    await expect(run(port, { requests: 1 })).rejects.toThrow(expect.objectContaining(missing));
  });
});

describe('collectLatencies', () => {
  test('gives quantiles by nearest rank', () => {
    const latencies = collectLatencies();
    expect(latencies.quantile(0.5)).toBeNull();
    for (let ms = 100; ms >= 1; ms--) latencies.add(ms);
    expect([0, 0.5, 0.95, 0.99, 1].map((part) => latencies.quantile(part))).toEqual([1, 50, 95, 99, 100]);
  });

  test('keeps only the newest', () => {
    const latencies = collectLatencies(3);
    for (const ms of [9, 9, 9, 9, 1, 2, 3]) latencies.add(ms);
    expect([latencies.quantile(0), latencies.quantile(1)]).toEqual([1, 3]);
  });
});
