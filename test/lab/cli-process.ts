// The real command line as a process that a test may end, and what the cluster has of an app, in a form to compare.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { BIN, type Ran } from '../helpers/cli.js';
import type { ClusterStage } from './cli-stage.js';

/** A running command. `ended.code` is -1 when a signal ended it. */
export type Running = { child: ChildProcess; ended: Promise<Ran>; stdout(): string };

/** Starts `fnmesh ARGS` in the app's folder. */
export function startCli(
  stage: ClusterStage,
  args: readonly string[],
  env: Record<string, string> = {},
): Running {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: join(stage.place.dir, stage.app),
    env: { ...stage.place.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
  return { child, ended, stdout: () => stdout };
}

/** Runs it to its end. */
export function runCli(
  stage: ClusterStage,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  return startCli(stage, args, env).ended;
}

const KINDS =
  'deployments,services,configmaps,secrets,poddisruptionbudgets,horizontalpodautoscalers,networkpolicies,virtualservices,httproutes';

/** What an app's objects say on the cluster, without what differs from one run to another of the same. */
export async function stateOf(stage: ClusterStage): Promise<Record<string, unknown>> {
  const selector = `app.kubernetes.io/managed-by=fnmesh,fnmesh/app=${stage.app}`;
  const args = ['-n', stage.namespace, 'get', KINDS, '-l', selector, '-o', 'json'];
  const { stdout } = await stage.lab.kubectl(args);
  const { items } = JSON.parse(stdout.replace(PIN, '$1.SECRET')) as { items: KubeObject[] };
  return Object.fromEntries(
    items
      .map((object): [string, unknown] => [`${object.kind}/${object.metadata.name}`, lasting(object)])
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/** The value that pins a version: its secret is made anew with the app. */
const PIN = /\b(v\d+)\.[0-9a-f]{32}\b/g;

/** Annotations that say how often something was changed, and when. */
const COUNTS = ['fnmesh/history', 'fnmesh/revision', 'fnmesh/change', 'deployment.kubernetes.io/revision'];

function lasting({ kind, metadata, spec, data }: KubeObject): unknown {
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([name]) => !COUNTS.includes(name)),
  );
  const { clusterIP, clusterIPs, ...rest } = (spec ?? {}) as Record<string, unknown>;
  const isService = kind === 'Service';
  void [clusterIP, clusterIPs];
  return {
    labels: metadata.labels,
    annotations,
    spec: isService ? rest : spec,
    ...(kind !== 'Secret' && { data }),
  };
}

/** Verbs of the changes that the app's history tells of, the newest first, with their numbers. */
export async function changesOf(stage: ClusterStage): Promise<string[]> {
  const { result } = await stage.json<{ changes: { number: number; verb: string }[] }>(
    'history',
    '--target',
    'lab',
  );
  return result.changes.map(({ number, verb }) => `${number} ${verb}`);
}
