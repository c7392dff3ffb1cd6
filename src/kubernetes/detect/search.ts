// What the parts of a detection share.
import { FnmeshError } from '../../errors.js';
import type { AppName } from '../../routing/route.js';
import type { ClusterSettings } from '../../target/cluster.js';
import type { Cluster } from '../cluster.js';
import { KINDS } from '../object.js';

/** What was found for a key of fnmesh.yaml, and where. */
export type Note = { key: string; value: string; from: string };

/** One detection under way. */
export type Search = {
  app: AppName;
  settings: ClusterSettings;
  cluster: Cluster;
  namespace: string;
  notes: Note[];
  /** The namespace's labels, asked for once; null: they may not be read. */
  labels: () => Promise<Readonly<Record<string, string>> | null>;
};

/** What was asked for; undefined when it was refused. */
export async function allowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof FnmeshError && error.code === 'config') return undefined;
    throw error;
  }
}

/**
 * The labels of a namespace; null: they may not be read.
 * @throws FnmeshError `config` when it is not there.
 */
export async function namespaceLabels(
  cluster: Cluster,
  namespace: string,
): Promise<Readonly<Record<string, string>> | null> {
  const object = await allowed(cluster.get(KINDS.Namespace, null, namespace));
  if (object === undefined) return null;
  if (object !== null) return object.metadata.labels ?? {};
  throw new FnmeshError('config', `there is no namespace ${namespace} on ${cluster.identity.context}`, {
    try: `kubectl create namespace ${namespace}, or another namespace: of the target in fnmesh.yaml`,
  });
}
