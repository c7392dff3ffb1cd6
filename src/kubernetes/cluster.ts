// The port to one Kubernetes cluster: what its API server is asked. One adapter speaks to real ones.
import type { Duplex } from 'node:stream';
import type { Kind, KubeObject } from './object.js';

/** Which objects of a kind a list gives. `namespace` null: of all namespaces. */
export type Selection = {
  namespace: string | null;
  /** Labels that must have these values. */
  labels?: Readonly<Record<string, string>>;
};

/** One request to a Service by way of the API server (`services/NAME:PORT/proxy`). */
export type ServiceCall = {
  namespace: string;
  service: string;
  /** The port's name or number. */
  port: string;
  method: string;
  /** With a query, if any. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
  timeoutMs: number;
};

/** What a Service answered; header names in lower case. A Service without ready endpoints is answered 503 by the API server. */
export type ServiceAnswer = {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Where the API server answers itself, as for a Service without ready endpoints: why, in its words. */
  unreached?: string;
};

/** One thing that someone may or may not do. `namespace` null: in all namespaces. */
export type Permission = {
  verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  kind: Kind;
  /** Such as `proxy` of services, `log` and `portforward` of pods. */
  subresource?: string;
  namespace: string | null;
  /** Only the object of this name. */
  name?: string;
};

/** Which lines of a container's log. */
export type LogRequest = {
  namespace: string;
  pod: string;
  container: string;
  /** Only the last so many lines. */
  tail?: number;
  /** Only those of the last so many seconds. */
  sinceSeconds?: number;
  /** Goes on until `signal`. */
  follow: boolean;
  signal?: AbortSignal;
};

/** Who and where: the context's name, the API server's URL, and the namespace that the context names. */
export type ClusterIdentity = { context: string; server: string; namespace: string; user: string };

/**
 * One cluster. Every method throws FnmeshError: `unreachable` when the API server does not answer or not as one,
 * `config` when it does not accept who asks (401) or what they may (403, naming verb, kind and namespace),
 * `failed` when it refuses an object, with its message. Requests that are safe to repeat are repeated on
 * connection errors, 429 (after its Retry-After) and 5xx.
 */
export interface Cluster {
  readonly identity: ClusterIdentity;
  /** Such as `v1.36.3`. */
  version(): Promise<string>;
  /** Whether the API serves the kind. */
  serves(kind: Kind): Promise<boolean>;
  /** null: there is none, or the kind is not served. */
  get(kind: Kind, namespace: string | null, name: string): Promise<KubeObject | null>;
  /** Ordered by namespace and name; a kind that is not served gives an empty list. Pages are followed. */
  list(kind: Kind, selection: Selection): Promise<KubeObject[]>;
  /** Strictly validated. @throws FnmeshError `conflict` when there is one of that name. */
  create(object: KubeObject): Promise<KubeObject>;
  /** PUT with the resourceVersion in it, strictly validated. @throws FnmeshError `conflict` when it changed since, or is gone. */
  replace(object: KubeObject): Promise<KubeObject>;
  /**
   * Server-side apply with field manager `fnmesh`, strictly validated. Gives what it then is, with the API server's
   * warnings. With `dryRun` nothing is written.
   * @throws FnmeshError `conflict` when another manager owns a field that would change (unless `force`).
   */
  apply(
    object: KubeObject,
    options?: { force?: boolean; dryRun?: boolean },
  ): Promise<{ object: KubeObject; warnings: string[] }>;
  /** In the background. What is not there is fine. With `uid` and `resourceVersion`, only that very one (`conflict`). */
  remove(
    kind: Kind,
    namespace: string | null,
    name: string,
    precondition?: { uid?: string; resourceVersion?: string },
  ): Promise<void>;
  /** @throws FnmeshError `not_ready` after the call's timeout. */
  call(call: ServiceCall): Promise<ServiceAnswer>;
  /** SelfSubjectAccessReview. */
  may(permission: Permission): Promise<boolean>;
  /** The log's lines as they come. */
  logs(request: LogRequest): AsyncIterable<string>;
  /** A connection to a port of a pod, by the API server's port-forward. */
  connect(namespace: string, pod: string, port: number): Promise<Duplex>;
  /** Ends kept-alive connections. */
  close(): void;
}
