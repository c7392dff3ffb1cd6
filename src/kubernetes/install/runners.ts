// Fn's runners: each with a container engine of its own, which is what needs privileges. Pure.
import type { KubeObject } from '../object.js';
import { quantityOf } from '../quantity.js';
import type { FnOptions } from './options.js';
import { confined, envOf, GRPC, HTTP, objectOf, partName, probes, selectorOf } from './parts.js';

const SOCKET = '/run/docker/docker.sock';
/** How long functions may still run when a runner is to end: Fn's longest timeout is 300 s. */
const GRACE_S = 330;

/**
 * A StatefulSet, for load balancers name each runner; its headless Service (`FN_NODE_TYPE=pure-runner`, fnproject/fn
 * 0.3.753). Never in a mesh: a sidecar would catch what functions' containers send. The engine is a sidecar container
 * (Kubernetes 1.29 and later): there before Fn starts, and until Fn has ended.
 */
export function runners(options: FnOptions): KubeObject[] {
  const labels = selectorOf(options, 'runner');
  const { cpu, memory, disk } = options.runner;
  const login = options.registryLogin;
  const server = {
    name: 'fnserver',
    image: options.images.server,
    command: ['/app/fnserver'],
    workingDir: '/tmp',
    env: [
      ...envOf({
        FN_NODE_TYPE: 'pure-runner',
        FN_PORT: String(HTTP),
        FN_GRPC_PORT: String(GRPC),
        FN_LOG_LEVEL: options.logLevel,
        DOCKER_HOST: `unix://${SOCKET}`,
        // The same folder under the same path in both containers.
        FN_IOFS_PATH: '/iofs',
        FN_IOFS_DOCKER_PATH: '/iofs',
        // What the engine is limited to: Fn would count the node's.
        FN_MAX_TOTAL_CPU_MCPUS: String(Math.floor((quantityOf(cpu) ?? 1) * 1000)),
        FN_MAX_TOTAL_MEMORY_BYTES: String(Math.floor((quantityOf(memory) ?? 0) * FOR_FUNCTIONS)),
      }),
      ...(login === null ? [] : [{ name: 'FN_DOCKER_AUTH', valueFrom: { secretKeyRef: { ...login } } }]),
    ],
    ports: [
      { name: 'http', containerPort: HTTP },
      { name: 'grpc', containerPort: GRPC },
    ],
    ...probes,
    readinessProbe: { tcpSocket: { port: 'grpc' }, periodSeconds: 5 },
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    // The engine's socket and the folders that functions get are root's.
    securityContext: { ...confined, runAsUser: 0, seccompProfile: { type: 'RuntimeDefault' } },
    volumeMounts: [
      { name: 'docker-socket', mountPath: '/run/docker' },
      { name: 'iofs', mountPath: '/iofs' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  const engine = {
    name: 'docker',
    image: options.images.engine,
    restartPolicy: 'Always',
    // By its socket alone: the engine's port would be the node's root to whoever reaches it.
    args: ['dockerd', `--host=unix://${SOCKET}`],
    env: envOf({ DOCKER_TLS_CERTDIR: '' }),
    startupProbe: {
      exec: { command: ['docker', '--host', `unix://${SOCKET}`, 'version'] },
      periodSeconds: 2,
      timeoutSeconds: 5,
      failureThreshold: 60,
    },
    resources: { requests: { cpu, memory }, limits: { cpu, memory } },
    securityContext: { privileged: true },
    volumeMounts: [
      { name: 'docker-socket', mountPath: '/run/docker' },
      { name: 'iofs', mountPath: '/iofs' },
      { name: 'docker', mountPath: '/var/lib/docker' },
    ],
  };
  return [
    objectOf(options, 'runner', ['apps/v1', 'StatefulSet'], {
      spec: {
        serviceName: partName(options, 'runner'),
        replicas: options.replicas.runner,
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: labels },
        template: {
          metadata: {
            labels: { ...labels, 'sidecar.istio.io/inject': 'false', 'istio.io/dataplane-mode': 'none' },
          },
          spec: {
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            terminationGracePeriodSeconds: GRACE_S,
            initContainers: [engine],
            containers: [server],
            volumes: [
              { name: 'docker-socket', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
              { name: 'iofs', emptyDir: {} },
              { name: 'docker', emptyDir: { sizeLimit: disk } },
              { name: 'tmp', emptyDir: {} },
            ],
          },
        },
      },
    }),
    objectOf(options, 'runner', ['v1', 'Service'], {
      spec: {
        clusterIP: 'None',
        selector: labels,
        ports: [{ name: 'grpc', appProtocol: 'grpc', port: GRPC, targetPort: 'grpc' }],
      },
    }),
  ];
}

/** The part of an engine's memory that functions may fill; the rest is for the engine itself. */
const FOR_FUNCTIONS = 0.85;
