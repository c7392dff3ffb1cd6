// The parts of a Pod (v1) that the node agent reads and writes.
import type { KubeObject } from '../../src/kubernetes/object.js';

/** What is asked to tell how a container is. */
export type Probe = {
  httpGet?: { path?: string; port: number | string; httpHeaders?: { name: string; value: string }[] };
  tcpSocket?: { port: number | string };
  exec?: { command: string[] };
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
};

/** What is the same in a Pod's and in a container's security context. */
type SecurityContext = { runAsUser?: number; runAsGroup?: number; readOnlyRootFilesystem?: boolean };

/** One container. */
export type ContainerSpec = {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { fieldRef?: { fieldPath: string } } }[];
  ports?: { name?: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string; subPath?: string; readOnly?: boolean }[];
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { preStop?: { sleep?: { seconds: number }; exec?: { command: string[] } } };
  securityContext?: SecurityContext;
};

/** Keys of a ConfigMap or Secret as files. */
type Keys = { optional?: boolean; items?: { key: string; path: string }[] };

/** What the Pod runs. */
export type PodSpec = {
  nodeName?: string;
  containers: ContainerSpec[];
  volumes?: {
    name: string;
    configMap?: Keys & { name: string };
    secret?: Keys & { secretName: string };
    emptyDir?: object;
  }[];
  securityContext?: SecurityContext;
  terminationGracePeriodSeconds?: number;
};

/** A Pod as the API server gives it. */
export type Pod = KubeObject & {
  metadata: KubeObject['metadata'] & { namespace: string; uid: string; deletionGracePeriodSeconds?: number };
  spec: PodSpec;
  status?: { phase?: string };
};

/** How a container is, in the words of the API. */
export type ContainerState =
  | { waiting: { reason: string; message?: string } }
  | { running: { startedAt: string } }
  | { terminated: { exitCode: number; reason: string; startedAt: string; finishedAt: string } };
