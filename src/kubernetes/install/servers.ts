// Fn's API server and its load balancers: Pods without privileges. Pure.
import type { KubeObject } from '../object.js';
import type { FnOptions } from './options.js';
import {
  confined,
  envOf,
  GRPC,
  HTTP,
  nobody,
  objectOf,
  type Part,
  partName,
  probes,
  selectorOf,
  urlOf,
} from './parts.js';

/** How long a call may take that a server has begun: Fn's longest timeout is 300 s, placing takes up to 360 s. */
const LONGEST_CALL_S = 390;

/** The API server: Deployment, Service, and the volume of SQLite (fnproject/fn 0.3.753, `FN_NODE_TYPE=api`). */
export function apiServer(options: FnOptions): KubeObject[] {
  const { storage } = options;
  const claim = `${partName(options, 'api')}-data`;
  const sqlite = storage.kind === 'sqlite';
  const env = [
    ...envOf({ FN_NODE_TYPE: 'api', FN_PUBLIC_LB_URL: options.publicUrl ?? urlOf(options, 'lb') }),
    sqlite
      ? { name: 'FN_DB_URL', value: 'sqlite3:///data/fn.db' }
      : { name: 'FN_DB_URL', valueFrom: { secretKeyRef: { ...storage.url } } },
  ];
  return [
    ...(sqlite
      ? [
          objectOf(
            options,
            'api',
            ['v1', 'PersistentVolumeClaim'],
            {
              spec: {
                accessModes: ['ReadWriteOnce'],
                resources: { requests: { storage: storage.size } },
                ...(storage.storageClass !== null && { storageClassName: storage.storageClass }),
              },
            },
            claim,
          ),
        ]
      : []),
    deployment(options, 'api', {
      env,
      // A volume for one Pod, a database for one writer: never two at a time.
      strategy: sqlite
        ? { type: 'Recreate' }
        : { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      data: sqlite ? { persistentVolumeClaim: { claimName: claim } } : { emptyDir: {} },
      grace: 30,
    }),
    service(options, 'api'),
    ...(options.replicas.api > 1 ? [budget(options, 'api')] : []),
  ];
}

/** The load balancers: Deployment and Service; `/t` and `/invoke`, and nothing of the API (`FN_NODE_TYPE=lb`). */
export function loadBalancers(options: FnOptions): KubeObject[] {
  const runner = partName(options, 'runner');
  const runners = Array.from(
    { length: options.replicas.runner },
    (_, index) => `${runner}-${index}.${runner}.${options.namespace}.svc.${options.clusterDomain}:${GRPC}`,
  );
  return [
    deployment(options, 'lb', {
      env: envOf({
        FN_NODE_TYPE: 'lb',
        FN_RUNNER_API_URL: urlOf(options, 'api'),
        FN_RUNNER_ADDRESSES: runners.join(','),
        FN_PUBLIC_LB_URL: options.publicUrl ?? urlOf(options, 'lb'),
      }),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      data: { emptyDir: {} },
      grace: LONGEST_CALL_S,
    }),
    service(options, 'lb'),
    ...(options.replicas.lb > 1 ? [budget(options, 'lb')] : []),
  ];
}

type Server = { env: object[]; strategy: object; data: object; grace: number };

function deployment(
  options: FnOptions,
  part: 'api' | 'lb',
  { env, strategy, data, grace }: Server,
): KubeObject {
  const labels = selectorOf(options, part);
  const container = {
    name: 'fnserver',
    image: options.images.server,
    // Its image is Docker's own with Fn in it, whose entry point would start an engine.
    command: ['/app/fnserver'],
    // What Fn writes without being told goes to its working folder.
    workingDir: '/data',
    env: [...env, ...envOf({ FN_PORT: String(HTTP), FN_LOG_LEVEL: options.logLevel })],
    ports: [{ name: 'http', containerPort: HTTP }],
    ...probes,
    // Endpoints are told to all nodes before it stops to take calls.
    lifecycle: { preStop: { sleep: { seconds: 10 } } },
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: confined,
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  return objectOf(options, part, ['apps/v1', 'Deployment'], {
    spec: {
      replicas: options.replicas[part],
      strategy,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          ...nobody,
          terminationGracePeriodSeconds: grace,
          containers: [container],
          volumes: [
            { name: 'data', ...data },
            { name: 'tmp', emptyDir: {} },
          ],
        },
      },
    },
  });
}

/** Inside the cluster only. Istio reads the protocol from the port's name. */
const service = (options: FnOptions, part: Part): KubeObject =>
  objectOf(options, part, ['v1', 'Service'], {
    spec: {
      type: 'ClusterIP',
      selector: selectorOf(options, part),
      ports: [{ name: 'http', appProtocol: 'http', port: 80, targetPort: 'http' }],
    },
  });

const budget = (options: FnOptions, part: Part): KubeObject =>
  objectOf(options, part, ['policy/v1', 'PodDisruptionBudget'], {
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(options, part) } },
  });
