// What fnmesh.yaml and flags say of a target whose router is Kubernetes. Pure data; null: left open, and found on the cluster.
import type { Setting } from './target.js';

/** `NAMESPACE/NAME#LISTENER` taken apart; a namespace that was not said is the target's own. */
export type GatewayWord = {
  readonly namespace: string | null;
  readonly name: string;
  readonly listener: string | null;
};

/** A cluster, the place on it, and how the proxies there are run. */
export type ClusterSettings = {
  /** The file; null: KUBECONFIG, ~/.kube/config, or the cluster that fnmesh runs in. */
  readonly kubeconfig: Setting<string> | null;
  /** null: the kubeconfig's current context. */
  readonly context: Setting<string> | null;
  /** null: the context's namespace, else `default`. */
  readonly namespace: Setting<string> | null;
  /** The host of the app's functions; null: the one that the gateway's listener names, if it is one. */
  readonly host: Setting<string> | null;
  /** null: by what the cluster serves. */
  readonly api: Setting<'istio' | 'gateway-api'> | null;
  /** null: when exactly one fits. */
  readonly gateway: Setting<GatewayWord> | null;
  /** Whether fnmesh makes the Gateway that `gateway` names when there is none. */
  readonly makeGateway: boolean;
  /** Base URL by which this machine reaches the gateway; null: what the cluster says of it. */
  readonly address: Setting<string> | null;
  readonly proxy: 'dedicated' | 'shared';
  /** null: whether the namespace is part of a mesh. */
  readonly mesh: Setting<boolean> | null;
  readonly pin: 'secret' | 'on' | 'off';
  readonly clusterDomain: string;
  /** IP address; null: that of the Service kube-dns in kube-system. */
  readonly dns: Setting<string> | null;
  /** null: the image that this version of fnmesh was made for. */
  readonly image: Setting<string> | null;
  readonly replicas: number;
  readonly autoscale: { readonly min: number; readonly max: number; readonly cpuPercent: number } | null;
  readonly networkPolicy: boolean;
  /** Bytes of a request's body, at most. */
  readonly bodyBytes: number;
  /** How long what was taken out of the routes goes on answering, in milliseconds. */
  readonly drainMs: number;
  /** Base URLs of the admin interfaces of all gateway Envoys; null: by port-forward. */
  readonly adminUrls: readonly Setting<string>[] | null;
};

/** A cluster of which nothing is said. */
export const OPEN_CLUSTER: ClusterSettings = {
  kubeconfig: null,
  context: null,
  namespace: null,
  host: null,
  api: null,
  gateway: null,
  makeGateway: false,
  address: null,
  proxy: 'dedicated',
  mesh: null,
  pin: 'secret',
  clusterDomain: 'cluster.local',
  dns: null,
  image: null,
  replicas: 2,
  autoscale: null,
  networkPolicy: false,
  bodyBytes: 64 * 2 ** 20,
  drainMs: 30_000,
  adminUrls: null,
};
