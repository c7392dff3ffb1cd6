// What the proxies on a cluster have logged of an app's requests, over all their Pods, by time.
import { setTimeout as pause } from 'node:timers/promises';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import { withoutLogin } from '../fn/login.js';
import type { Cluster } from '../kubernetes/cluster.js';
import { appLabels, LABELS } from '../kubernetes/names.js';
import type { KubeObject } from '../kubernetes/object.js';
import { KINDS } from '../kubernetes/object.js';
import { parallel } from '../process/parallel.js';
import type { ProxyLine } from './proxy-line.js';
import { lineOf } from './proxy-line.js';

/** Which lines. */
export type ClusterLogOptions = {
  app: string;
  namespace: string;
  /** A function or one version of it; undefined = the whole app. */
  of: { function: string; version: string | undefined } | undefined;
  /** How many lines that are there already. */
  tail: number;
  /** Only those of the last so many seconds. */
  sinceSeconds?: number;
  follow: boolean;
  /** Only the lines of this call. */
  call: string | undefined;
  /** Where functions write themselves, as app.yaml says; null: nowhere. */
  syslog: string | null;
};

/** How many Pods are read at a time, and how often new ones are looked for while following, in milliseconds. */
const JOBS = 8;
const LOOK_MS = 3000;
/** How long lines wait for earlier ones of other Pods while following, in milliseconds. */
const SORT_MS = 200;
/** How far a log is read again, in seconds: the cluster's clocks and this machine's differ. */
const OVERLAP = 5;
/** So many lines of a Pod are read at least, shown or not: by them old ones are told from new ones while following. */
const KNOWN = 100;
/** Lines of one Pod that came last: after a reconnect they come again. */
const REMEMBERED = 5000;

type PodLog = {
  pod: string;
  container: string;
  version: string | undefined;
  /** The lines that were read last, which come again after a reconnect. */
  seen: string[];
  /** When the first line was that was read; earlier ones are not wanted. */
  from: string;
  isOpen: boolean;
  /** Until when it was read, in milliseconds since 1970; null: never. */
  until: number | null;
};

/**
 * The lines of the proxies of an app, oldest first; with `follow` without end, until `signal` aborts, those of new Pods
 * too. A note says where functions' own output is.
 * @throws FnmeshError `not_found` when the app has no proxies there; what Cluster throws.
 */
export async function* readClusterLogs(
  cluster: Pick<Cluster, 'list' | 'logs'>,
  options: ClusterLogOptions,
  emit: Emit,
  signal: AbortSignal,
): AsyncGenerator<ProxyLine> {
  const { app, namespace, tail, follow, syslog } = options;
  const where =
    syslog === null
      ? `${app} has no syslog_url to write to`
      : `functions of ${app} write to ${withoutLogin(syslog)}`;
  emit({
    type: 'note',
    text: `the proxies' access log; what functions write is not to be had from Fn: ${where}`,
  });
  const logs = new Map<string, PodLog>();
  const look = async (): Promise<PodLog[]> => {
    const pods = await cluster.list(KINDS.Pod, { namespace, labels: appLabels(app) });
    const now = pods
      .filter((pod) => isOf(pod, options.of))
      .map((pod) => ({ uid: pod.metadata.uid ?? pod.metadata.name, pod }));
    for (const uid of logs.keys()) if (!now.some((each) => each.uid === uid)) logs.delete(uid);
    for (const { uid, pod } of now) if (!logs.has(uid)) logs.set(uid, podLog(pod));
    return [...logs.values()];
  };
  const found = await look();
  if (found.length === 0 && !follow) {
    throw new FnmeshError('not_found', `there are no proxies of ${app} in namespace ${namespace}`, {
      try: 'fnmesh wire',
    });
  }
  const read = await parallel(JOBS, found, (log) => linesThereAre(cluster, log, options, emit));
  yield* last(read.flat().sort(byTime), tail);
  if (!follow) return;
  // Whoever stops reading ends the streams too.
  const stop = new AbortController();
  try {
    yield* followed(cluster, options, look, AbortSignal.any([signal, stop.signal]));
  } finally {
    stop.abort();
  }
}

/** The lines that come from now on. `look` gives the Pods that there are. */
async function* followed(
  cluster: Pick<Cluster, 'logs'>,
  options: ClusterLogOptions,
  look: () => Promise<PodLog[]>,
  signal: AbortSignal,
): AsyncGenerator<ProxyLine> {
  const arrived: ProxyLine[] = [];
  let wake: () => void = () => undefined;
  let failure: Error | undefined;
  signal.addEventListener('abort', () => wake());
  const open = async (log: PodLog): Promise<void> => {
    log.isOpen = true;
    // Of a new Pod all lines are wanted, else those that may have been missed.
    const since =
      log.until === null ? {} : { sinceSeconds: Math.ceil((Date.now() - log.until) / 1000) + OVERLAP };
    try {
      for await (const line of lines(cluster, log, options, { follow: true, signal, ...since })) {
        arrived.push(line);
        wake();
      }
    } catch (error) {
      // A Pod that starts, or has gone, and a connection that broke off: the next look tries again.
      if (!isPassing(error)) failure = error as Error;
      wake();
    }
    log.isOpen = false;
    if (log.seen.length > 0) log.until = Date.now();
  };
  let looked = -Infinity;
  while (!signal.aborted) {
    if (Date.now() - looked >= LOOK_MS) {
      for (const log of await look()) if (!log.isOpen) void open(log);
      looked = Date.now();
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (arrived.length > 0 || failure !== undefined || signal.aborted) wake();
    });
    if (failure !== undefined) throw failure;
    if (arrived.length === 0) continue;
    await pause(SORT_MS, undefined, { signal }).catch(() => undefined);
    yield* arrived.splice(0).sort(byTime);
  }
}

async function linesThereAre(
  cluster: Pick<Cluster, 'logs'>,
  log: PodLog,
  options: ClusterLogOptions,
  emit: Emit,
): Promise<ProxyLine[]> {
  const { of, call, tail, sinceSeconds } = options;
  // Where lines of others are among them, or only one call's are wanted, all are looked through.
  const isPicked = call !== undefined || (of !== undefined && log.version === undefined);
  const found: ProxyLine[] = [];
  log.until = Date.now();
  const limits = {
    ...(!isPicked && { tail: Math.max(tail, KNOWN) }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
  };
  try {
    for await (const line of lines(cluster, log, options, { follow: false, ...limits })) {
      found.push(line);
      if (found.length > 2 * tail + 1000) found.splice(0, found.length - tail);
    }
  } catch (error) {
    if (!isPassing(error)) throw error;
    emit({ type: 'warning', text: `Pod ${log.pod} gives no log: ${(error as FnmeshError).message}` });
  }
  return found;
}

type Limits = { follow: boolean; tail?: number; sinceSeconds?: number; signal?: AbortSignal };

/** The wanted lines of one Pod that have not been given before. */
async function* lines(
  cluster: Pick<Cluster, 'logs'>,
  log: PodLog,
  { namespace, of, call }: ClusterLogOptions,
  limits: Limits,
): AsyncGenerator<ProxyLine> {
  const again = new Map<string, number>();
  for (const text of log.seen) again.set(text, (again.get(text) ?? 0) + 1);
  let before = '';
  for await (const text of cluster.logs({ namespace, pod: log.pod, container: log.container, ...limits })) {
    const line = lineOf(text, log.pod, before);
    before = line.at;
    const times = again.get(text) ?? 0;
    if (times > 0) again.set(text, times - 1);
    if (times > 0 || line.at < log.from) continue;
    if (log.seen.length === 0) log.from = line.at;
    log.seen.push(text);
    if (log.seen.length > 2 * REMEMBERED) log.seen.splice(0, REMEMBERED);
    const { request } = line;
    if (call !== undefined && request?.callId !== call) continue;
    // What is no request, such as an error of nginx, belongs to the version of a Pod that has only one.
    const isWanted =
      of === undefined ||
      (request === null
        ? log.version !== undefined
        : request.function === of.function && (of.version === undefined || request.version === of.version));
    if (isWanted) yield line;
  }
}

/** Whether a Pod may have such lines: one without labels of a version is for all of them. */
function isOf({ metadata: { labels = {} } }: KubeObject, of: ClusterLogOptions['of']): boolean {
  if (of === undefined || labels[LABELS.function] === undefined) return true;
  if (labels[LABELS.function] !== of.function) return false;
  return (
    of.version === undefined || labels[LABELS.version] === undefined || labels[LABELS.version] === of.version
  );
}

function podLog({ metadata, spec }: KubeObject): PodLog {
  const { containers = [] } = (spec ?? {}) as { containers?: { name: string }[] };
  // Injected sidecars are not the proxy.
  const container = containers.find(({ name }) => name === CONTAINER) ?? containers[0];
  return {
    pod: metadata.name,
    container: container?.name ?? CONTAINER,
    version: metadata.labels?.[LABELS.version],
    seen: [],
    from: '',
    isOpen: false,
    until: null,
  };
}

/** A container that has not started yet, a Pod that has gone, or a connection that broke off. */
function isPassing(error: unknown): boolean {
  return error instanceof FnmeshError && error.code !== 'config';
}

function byTime(a: ProxyLine, b: ProxyLine): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0;
}

function last<T>(all: T[], count: number): T[] {
  return count === 0 ? [] : all.slice(-count);
}

const CONTAINER = 'nginx';
