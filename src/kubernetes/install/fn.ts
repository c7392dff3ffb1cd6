// Fn itself for a cluster of today: API server, load balancers, runners, storage, and who may reach what. Pure.
import { inOrder } from '../render/order.js';
import type { KubeObject } from '../object.js';
import { checkOptions, type FnOptions } from './options.js';
import { partName, urlOf } from './parts.js';
import { policies } from './policies.js';
import { runners } from './runners.js';
import { apiServer, loadBalancers } from './servers.js';

export { parseSecretKey } from './options.js';

/** What is to be applied, in this order; what a target's `fn:` says of it; and what a person must know of it. */
export type FnInstall = {
  objects: KubeObject[];
  /** Base URLs inside the cluster. */
  fn: { api: string; invoke: string };
  notes: string[];
};

/**
 * All objects of Fn (fnproject/fn 0.3.753). Nothing is exposed outside the cluster: Services are ClusterIPs, and there
 * is no Ingress, Gateway or node port.
 * @throws FnmeshError `config` as `checkOptions`.
 */
export function renderFn(given: FnOptions): FnInstall {
  const options = checkOptions(given);
  const objects = [
    ...(options.makeNamespace ? [namespace(options)] : []),
    ...apiServer(options),
    ...loadBalancers(options),
    ...runners(options),
    ...policies(options),
  ];
  return {
    objects: inOrder(objects),
    fn: { api: urlOf(options, 'api'), invoke: urlOf(options, 'lb') },
    notes: notesOf(options),
  };
}

const namespace = ({ namespace: name }: FnOptions): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: {
      'app.kubernetes.io/managed-by': 'fnmesh',
      'pod-security.kubernetes.io/enforce': 'privileged',
      'pod-security.kubernetes.io/warn': 'restricted',
    },
  },
});

function notesOf(options: FnOptions): string[] {
  const { namespace: at, storage, images, callsFrom, apiFrom } = options;
  const [api, runner] = [partName(options, 'api'), partName(options, 'runner')];
  const unpinned = Object.values(images).filter((image) => !image.includes('@sha256:'));
  return [
    `${runner}: its container docker is privileged, for an engine in a Pod needs that: who can deploy a function is root on the nodes it runs on. Give runners nodes of their own; the namespace must allow it: kubectl label ns ${at} pod-security.kubernetes.io/enforce=privileged`,
    `${api}: the Fn API knows no login. Let in: ${apiFrom.length === 0 ? 'nobody but Fn itself' : apiFrom.join(', ')}; from here: kubectl port-forward -n ${at} svc/${api} 8080:80`,
    ...(callsFrom.length === 0
      ? ['no namespace may call functions: name that of the proxies (callsFrom)']
      : []),
    'NetworkPolicies count only where the network enforces them: not every one does',
    'calls between load balancers and runners are not encrypted',
    ...(storage.kind === 'sqlite'
      ? [
          `SQLite on the volume ${api}-data: one API server, and no API while it restarts (functions go on answering for what load balancers have cached, 5 s)`,
        ]
      : [`the Secret ${storage.url.name} must be there, with FN_DB_URL in its key ${storage.url.key}`]),
    ...(options.registryLogin === null
      ? []
      : [
          `the Secret ${options.registryLogin.name} must be there, with Docker's JSON in its key ${options.registryLogin.key}`,
        ]),
    `more runners than ${options.replicas.runner}: install again, for load balancers name each one`,
    ...unpinned.map((image) => `${image} is not pinned by digest`),
  ];
}
