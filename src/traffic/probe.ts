// The curl loop, counted: sends requests to a function and holds what its versions answered against what was asked.
import { FnmeshError, messageOf } from '../errors.js';
import { isVersionName, versionsOf } from '../routing/versions.js';
import { collectLatencies } from './latencies.js';
import { generateLoad } from './load.js';
import { judge } from './verdict.js';
import type { Emit } from '../events.js';
import type { FunctionName, Split, VersionName } from '../routing/route.js';
import type { LoadOptions } from './load.js';
import type { Verdict } from './verdict.js';

/** One answer. `error` is set when there was none; then `status` is 0. `ms` is from the request to the body's end. */
export type ProbeAnswer = { version: VersionName | null; status: number; ms: number; error?: string };

/** What a probe needs from outside. */
export type ProbePort = {
  /** Sends one request to the function's address. A failed one is an answer with `error`. */
  send(signal: AbortSignal): Promise<ProbeAnswer>;
  /** The function's split as it is asked for, and the number of its last change; null when it has no route. */
  asked(): Promise<{ revision: number; split: Split } | null>;
};

/** What is probed, and how. */
export type ProbeOptions = LoadOptions & {
  function: FunctionName;
  /** The requests carry `Fnmesh-Version`: then the split is not judged. */
  pinned?: boolean;
  /** Errors are counted, but do not fail the probe. */
  allowErrors?: boolean;
  /** Ends the probe early; what was seen until then is judged. */
  signal?: AbortSignal;
};

/** What a probe saw. Latencies in milliseconds. */
export type ProbeResult = {
  function: FunctionName;
  /** The split that was asked for when the probe started. */
  asked: Split;
  /** Requests that ended, well or not. */
  sent: number;
  /** How long the probe ran, in milliseconds. */
  ms: number;
  /** Answers per version, whatever their status. */
  observed: Record<VersionName, number>;
  errors: number;
  /** How often each kind of error occurred: `status 502`, `no Fnmesh-Version`, or why there was no answer. */
  errorKinds: Record<string, number>;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  /** Whether it was ended early. */
  aborted: boolean;
  verdict: Verdict;
};

/** The least time between two progress events, in milliseconds. */
const PROGRESS_MS = 100;

/**
 * Sends the requests, counts the answers, and judges them. Emits `probe` events while it runs.
 * @throws FnmeshError `not_found` when the function has no route.
 */
export async function probe(options: ProbeOptions, port: ProbePort, emit: Emit): Promise<ProbeResult> {
  const { function: name, requests, signal = new AbortController().signal } = options;
  const before = await port.asked();
  if (!before) throw new FnmeshError('not_found', `${name} has no route`, { try: `fnmesh deploy ${name}` });

  const observed = Object.fromEntries(versionsOf(before.split).map((version) => [version, 0]));
  const errorKinds: Record<string, number> = {};
  const latencies = collectLatencies();
  const start = performance.now();
  let sent = 0;
  let errors = 0;
  let shown = start;
  const show = () => {
    const of = requests === undefined ? {} : { of: requests };
    emit({ type: 'probe', sent, ...of, observed: { ...observed }, errors });
  };

  await generateLoad(options, signal, async () => {
    const answer = await send(port, signal);
    if (signal.aborted) return;
    sent++;
    const version = versionOf(answer);
    if (version !== null) observed[version] = (observed[version] ?? 0) + 1;
    const kind = errorOf(answer, version);
    if (kind !== null) {
      errors++;
      errorKinds[kind] = (errorKinds[kind] ?? 0) + 1;
    }
    if (answer.error === undefined) latencies.add(answer.ms);
    if (performance.now() - shown < PROGRESS_MS) return;
    shown = performance.now();
    show();
  });
  const ms = performance.now() - start;
  show();

  const after = await port.asked();
  const { pinned = false, allowErrors = false } = options;
  const changed = after?.revision !== before.revision;
  return {
    function: name,
    asked: before.split,
    sent,
    ms,
    observed,
    errors,
    errorKinds,
    p50: latencies.quantile(0.5),
    p95: latencies.quantile(0.95),
    p99: latencies.quantile(0.99),
    aborted: signal.aborted,
    verdict: judge({ asked: before.split, observed, errors, changed, pinned, allowErrors }),
  };
}

/** A request that could not even be tried is an answer like any other, so that the probe goes on and counts it. */
async function send(port: ProbePort, signal: AbortSignal): Promise<ProbeAnswer> {
  try {
    return await port.send(signal);
  } catch (thrown) {
    return { version: null, status: 0, ms: 0, error: messageOf(thrown) };
  }
}

/** The version that answered. Any other text in the header is not fnmesh's. */
function versionOf({ version }: ProbeAnswer): VersionName | null {
  return version !== null && isVersionName(version) ? version : null;
}

/** What is wrong with an answer, or null. */
function errorOf(answer: ProbeAnswer, version: VersionName | null): string | null {
  if (answer.error !== undefined) return answer.error;
  if (answer.status >= 400) return `status ${answer.status}`;
  return version === null ? 'no Fnmesh-Version' : null;
}
