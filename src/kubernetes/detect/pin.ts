// The secret part of the header that pins a version: made once, and kept in the cluster.
import { randomBytes } from 'node:crypto';
import { FnmeshError } from '../../errors.js';
import type { AppName } from '../../routing/route.js';
import type { Cluster } from '../cluster.js';
import { appLabels } from '../names.js';
import { apiVersionOf, KINDS, type KubeObject } from '../object.js';

/** The name of the Secret that holds it. */
export function pinSecretName(app: AppName): string {
  return `fnmesh-pin-${app}`;
}

/**
 * The secret; null: there is none.
 * @throws FnmeshError as Cluster does.
 */
export async function readPinSecret(
  cluster: Cluster,
  namespace: string,
  app: AppName,
): Promise<string | null> {
  const object = await cluster.get(KINDS.Secret, namespace, pinSecretName(app));
  return object === null ? null : valueIn(object);
}

/** One that nobody has: 32 hexadecimal digits. */
export function newPinSecret(): string {
  return randomBytes(16).toString('hex');
}

/**
 * The secret, made if there is none. Of two that make it at once, both get the first one's.
 * @throws FnmeshError as Cluster does.
 */
export async function ensurePinSecret(cluster: Cluster, namespace: string, app: AppName): Promise<string> {
  const there = await readPinSecret(cluster, namespace, app);
  if (there !== null) return there;
  const secret = newPinSecret();
  try {
    await cluster.create({
      apiVersion: apiVersionOf(KINDS.Secret),
      kind: KINDS.Secret.kind,
      metadata: { name: pinSecretName(app), namespace, labels: appLabels(app) },
      type: 'Opaque',
      data: { secret: Buffer.from(secret).toString('base64') },
    });
    return secret;
  } catch (error) {
    if (!(error instanceof FnmeshError) || error.code !== 'conflict') throw error;
    const others = await readPinSecret(cluster, namespace, app);
    if (others === null) throw error;
    return others;
  }
}

function valueIn({ metadata, ...object }: KubeObject): string {
  const coded = (object['data'] as Record<string, string> | undefined)?.['secret'] ?? '';
  const secret = Buffer.from(coded, 'base64').toString();
  if (/^[0-9a-f]{32}$/.test(secret)) return secret;
  const { namespace = '', name } = metadata;
  throw new FnmeshError(
    'config',
    `Secret ${namespace}/${name} is not one that fnmesh made: its key "secret" has to be 32 hexadecimal digits`,
    {
      try: `kubectl delete secret -n ${namespace} ${name}, then fnmesh wire`,
    },
  );
}
