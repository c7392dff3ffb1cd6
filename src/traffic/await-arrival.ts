// After a write: waits until callers meet the new split, by requests through the gateway, or by what its proxies say.
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../errors.js';
import { sameShares } from '../routing/diff.js';
import type { FunctionName, Split, VersionName } from '../routing/route.js';
import { isVersionName } from '../routing/versions.js';
import { addCounts, isVisible, judgeArrival } from './arrival.js';
import type { Counts, Move } from './arrival.js';
import { generateLoad } from './load.js';
import type { ProbePort } from './probe.js';

/** What one proxy of the gateway has; null: nothing of the function. `inactive`: clusters that take no requests yet. */
export type ProxySplit = { proxy: string; split: Split | null; inactive: string[] };

/** What was found out. Times in milliseconds. */
export type Arrival = {
  function: FunctionName;
  /** By requests through the gateway, which cannot tell its proxies apart, or by what each of them says. */
  by: 'probe' | 'envoy';
  verified: boolean;
  /** What was not verified, and why; empty when all was. */
  missing: string[];
  /** By name, with whether it has the new split; empty for a probe. */
  proxies: { proxy: string; arrived: boolean }[];
  /** Requests that were sent, and those without an answer of a version. */
  sent: number;
  unanswered: number;
  /** Answers per version since the last that did not fit. */
  observed: Record<VersionName, number>;
  ms: number;
};

/** How long is waited, in milliseconds. `signal` ends it early: then it is not verified. */
export type ArrivalOptions = { timeoutMs: number; signal?: AbortSignal };

/** Requests in a batch, how many at a time, and the pause after one that shows the old split, in milliseconds. */
const BATCH = 20;
const CONCURRENCY = 4;
const PAUSE_MS = 50;

/**
 * Sends small batches through the gateway until what came back fits the new split and would not fit the old one.
 * Answers of the time before it arrived are forgotten as soon as they do not fit.
 * @param send One request to the function's address.
 */
export async function awaitByProbe(
  fn: FunctionName,
  move: Move,
  send: ProbePort['send'],
  { timeoutMs, signal = new AbortController().signal }: ArrivalOptions,
): Promise<Arrival> {
  const started = performance.now();
  const result: Arrival = empty(fn, 'probe');
  if (!isVisible(move)) {
    result.missing.push('callers get the same shares as before, so requests cannot show a difference');
    return result;
  }
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let window: Counts = {};
  let verdict = judgeArrival(move, window);
  while (verdict !== 'arrived' && !ending.aborted) {
    const batch: Record<VersionName, number> = {};
    await generateLoad({ requests: BATCH, concurrency: CONCURRENCY }, ending, async () => {
      const version = await versionThatAnswers(send, ending);
      if (ending.aborted && version === null) return;
      result.sent++;
      if (version === null) result.unanswered++;
      else batch[version] = (batch[version] ?? 0) + 1;
    });
    window = addCounts(window, batch);
    verdict = judgeArrival(move, window);
    if (verdict === 'old') window = {};
    if (verdict === 'old' || Object.keys(batch).length === 0) await pause(PAUSE_MS, ending);
  }
  result.verified = verdict === 'arrived';
  result.observed = { ...window };
  result.ms = Math.round(performance.now() - started);
  if (!result.verified) result.missing.push(unshown(result));
  return result;
}

/**
 * Asks all proxies of the gateway until each has the new split, and all its clusters are active.
 * @param proxies What each has now.
 */
export async function awaitByProxies(
  fn: FunctionName,
  { after }: Move,
  proxies: () => Promise<ProxySplit[]>,
  { timeoutMs, signal = new AbortController().signal }: ArrivalOptions,
): Promise<Arrival> {
  const started = performance.now();
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const result = empty(fn, 'envoy');
  for (;;) {
    result.missing = [];
    try {
      const states = await proxies();
      result.proxies = states.map((state) => ({ proxy: state.proxy, arrived: hasArrived(after, state) }));
      if (states.length === 0) result.missing.push('the gateway has no proxy that could be asked');
      for (const state of states) {
        if (hasArrived(after, state)) continue;
        const warming = state.split !== null && sameShares(state.split, after);
        const why = warming ? `is still warming ${state.inactive.join(', ')}` : 'has another split';
        result.missing.push(`${state.proxy} ${why}`);
      }
    } catch (error) {
      if (!(error instanceof FnmeshError)) throw error;
      result.missing.push(error.message);
      // What is not permitted will not be a moment later.
      if (error.code === 'config') break;
    }
    if (result.missing.length === 0 || ending.aborted) break;
    await pause(PAUSE_MS, ending);
  }
  result.verified = result.missing.length === 0;
  result.ms = Math.round(performance.now() - started);
  return result;
}

function hasArrived(after: Split, { split, inactive }: ProxySplit): boolean {
  return split !== null && sameShares(split, after) && inactive.length === 0;
}

function empty(fn: FunctionName, by: Arrival['by']): Arrival {
  return {
    function: fn,
    by,
    verified: false,
    missing: [],
    proxies: [],
    sent: 0,
    unanswered: 0,
    observed: {},
    ms: 0,
  };
}

function unshown({ sent, unanswered, observed, ms }: Arrival): string {
  const within = `${sent} requests in ${Math.round(ms / 100) / 10} s`;
  if (unanswered === sent) return `${within}, and no answer named its version`;
  const isSettled = Object.keys(observed).length > 0;
  return isSettled
    ? `${within} fit the new split, and the old one as well`
    : `${within}, and their answers do not fit the new split`;
}

async function versionThatAnswers(send: ProbePort['send'], signal: AbortSignal): Promise<VersionName | null> {
  try {
    const { version } = await send(signal);
    return version !== null && isVersionName(version) ? version : null;
  } catch {
    return null;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
