// What Fn's three kinds of servers have in common: names, labels, ports, probes, and how little they may do. Pure.
import type { KubeObject } from '../object.js';
import type { FnOptions } from './options.js';

/** Fn's kinds of servers that stand apart on a cluster. */
export type Part = 'api' | 'lb' | 'runner';

/** fnproject/fn 0.3.753: FN_PORT, and FN_GRPC_PORT of runners. */
export const HTTP = 8080;
/** What load balancers speak to runners on. */
export const GRPC = 9190;

/** `fn-api`. */
export const partName = ({ name }: FnOptions, part: Part): string => `${name}-${part}`;

/** What selects the Pods of a part. */
export const selectorOf = ({ name }: FnOptions, part: Part): Record<string, string> => ({
  'app.kubernetes.io/name': 'fnserver',
  'app.kubernetes.io/instance': name,
  'app.kubernetes.io/component': part,
});

/** An object of a part, in Fn's namespace. */
export function objectOf(
  options: FnOptions,
  part: Part,
  [apiVersion, kind]: readonly [apiVersion: string, kind: string],
  fields: object,
  name = partName(options, part),
): KubeObject {
  const labels = { ...selectorOf(options, part), 'app.kubernetes.io/managed-by': 'fnmesh' };
  return { apiVersion, kind, metadata: { name, namespace: options.namespace, labels }, ...fields };
}

/** `http://fn-lb.fn.svc.cluster.local`. */
export const urlOf = (options: FnOptions, part: 'api' | 'lb'): string =>
  `http://${partName(options, part)}.${options.namespace}.svc.${options.clusterDomain}`;

/** Such as `[{ name: 'FN_PORT', value: '8080' }]`. */
export const envOf = (values: Readonly<Record<string, string>>): { name: string; value: string }[] =>
  Object.entries(values).map(([name, value]) => ({ name, value }));

/** GET /version is answered by all kinds of servers, without asking anything else (fnproject/fn 0.3.753, api/server/server.go). */
export const probes = {
  startupProbe: { httpGet: { path: '/version', port: 'http' }, periodSeconds: 2, failureThreshold: 60 },
  readinessProbe: { httpGet: { path: '/version', port: 'http' }, periodSeconds: 5 },
  livenessProbe: { httpGet: { path: '/version', port: 'http' }, periodSeconds: 20, timeoutSeconds: 5 },
} as const;

/** A container as Pod Security `restricted` wants it (Kubernetes 1.36, Pod Security Standards). */
export const confined = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const;

/** A Pod of nobody's. The Service links would set FN_API_PORT and their like, which Fn could take for its own. */
export const nobody = {
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 65_532,
    runAsGroup: 65_532,
    fsGroup: 65_532,
    seccompProfile: { type: 'RuntimeDefault' },
  },
} as const;
