// Where and how the functions of one app stand on a cluster: everything that rendering needs, nothing left open. Pure data.
import type { AppName } from '../routing/route.js';

/** A Gateway and, if it is named, one listener (Gateway API) or server (Istio) of it. */
export type GatewayRef = { readonly namespace: string; readonly name: string; readonly listener?: string };

/** How pinned requests are told: not at all, by `Fnmesh-Version: v2`, or by `Fnmesh-Version: v2.<secret>`. */
export type Pin =
  { readonly kind: 'off' } | { readonly kind: 'on' } | { readonly kind: 'secret'; readonly secret: string };

/** How the proxies are run. */
export type ProxySettings = {
  /** Image with nginx 1.22 or later that runs without root, best named by digest. */
  readonly image: string;
  /** How many Pods; ignored with `autoscale`. */
  readonly replicas: number;
  readonly autoscale: { readonly min: number; readonly max: number; readonly cpuPercent: number } | null;
  /** Whether a NetworkPolicy lets in only what the gateway and the mesh need. */
  readonly networkPolicy: boolean;
  /** Kubernetes quantities. */
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>;
    readonly limits: Readonly<Record<string, string>>;
  };
  /** Bytes of a request's body, at most. */
  readonly bodyBytes: number;
};

/** An app on a cluster. */
export type Site = {
  readonly app: AppName;
  readonly namespace: string;
  /** The host its functions answer on, such as `hello.example.com`. */
  readonly host: string;
  readonly api: 'istio' | 'gateway-api';
  readonly gateway: GatewayRef;
  /** One proxy Deployment a version, or one for all versions of the app. */
  readonly proxy: 'dedicated' | 'shared';
  /** Whether callers inside the mesh get a Service over all versions of a function. */
  readonly mesh: boolean;
  readonly pin: Pin;
  /** Such as `cluster.local`. */
  readonly clusterDomain: string;
  /** IP address of the DNS server that the proxies ask for the Fn server. */
  readonly dns: string;
  readonly settings: ProxySettings;
};
