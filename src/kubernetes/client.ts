// The adapter that speaks to a real cluster's API server. Only compose loads it, and only for a target on a cluster.
import type { Emit } from '../events.js';
import { FnmeshError } from '../errors.js';
import type { ClusterSettings } from '../target/cluster.js';
import { ClusterApi } from './client-api.js';
import { holds } from './client-arrived.js';
import { callService } from './client-call.js';
import { ClusterHttp } from './client-http.js';
import { findAccess } from './client-kubeconfig.js';
import { ClusterLogin } from './client-login.js';
import { readLog } from './client-log.js';
import { groupPath, objectPath, queryOf } from './client-paths.js';
import { forwardPort } from './client-port.js';
import { statusOf } from './client-status.js';
import type { Cluster } from './cluster.js';
import type { Kind, KubeObject } from './object.js';
import { apiVersionOf, kindOf, objectName } from './object.js';

/** Who fnmesh is among the managers of an object's fields. */
const MANAGER = 'fnmesh';
/** Objects in one page of a list. */
const PAGE = 500;
/** How often a list is begun at most, when its later pages are gone. */
const ANEW = 3;

/** What tests set: limits in milliseconds, and where a Pod's service account lies. */
export type ClientOptions = {
  /** How long a connection may take. Default: 10 000. */
  connectMs?: number;
  /** How long one request may take from there. Default: 60 000. */
  requestMs?: number;
  /** How often a request is made at most. Default: 5. */
  tries?: number;
  /** The wait before the second try. Default: 250. */
  firstWaitMs?: number;
  serviceAccount?: string;
};

/**
 * The cluster that the settings and the environment name. Nothing is asked of it yet; a credential plugin runs with the
 * first request.
 * @param env Of which KUBECONFIG, HOME, HTTPS_PROXY, NO_PROXY and those of a Pod count; plugins get all of it.
 * @param emit Gets notes: what a plugin says, and waits for a busy API server.
 * @throws FnmeshError `config` as `findAccess`.
 */
export async function connectCluster(
  settings: Pick<ClusterSettings, 'kubeconfig' | 'context' | 'namespace'>,
  env: NodeJS.ProcessEnv,
  emit: Emit,
  options: ClientOptions = {},
): Promise<Cluster> {
  const { connectMs = 10_000, requestMs = 60_000, tries = 5, firstWaitMs = 250 } = options;
  const access = await findAccess(settings, env, options.serviceAccount);
  const { context, server, namespace, user } = access;
  const identity = { context, server, namespace, user };
  const login = new ClusterLogin(access, env, emit);
  const http = new ClusterHttp(server, login, { connectMs, requestMs });
  const api = new ClusterApi(identity, http, login, { tries, firstWaitMs }, emit);
  return cluster(api, http, () => login.close());
}

function cluster(api: ClusterApi, http: ClusterHttp, close: () => void): Cluster {
  const served = new Map<string, Promise<Set<string>>>();

  async function get(kind: Kind, namespace: string | null, name: string): Promise<KubeObject | null> {
    const path = objectPath(kind, namespace, name);
    const answer = await api.ask({ method: 'GET', path }, { verb: 'get', kind, namespace, name }, [404]);
    return answer.status === 404 ? null : (answer.body as KubeObject);
  }

  return {
    identity: api.identity,
    get,
    close,

    async version() {
      const { body } = await api.ask({ method: 'GET', path: '/version' }, { verb: 'get' });
      return String((body as { gitVersion?: string }).gitVersion);
    },

    async serves(kind) {
      const path = groupPath(kind);
      let known = served.get(path);
      if (known === undefined) {
        known = api.ask({ method: 'GET', path }, { verb: 'get' }, [404]).then(({ status, body }) => {
          const { resources = [] } =
            status === 404 ? {} : (body as { resources?: { name: string; kind: string }[] });
          return new Set(resources.map((each) => `${each.kind} ${each.name}`));
        });
        served.set(path, known);
        known.catch(() => served.delete(path));
      }
      return (await known).has(`${kind.kind} ${kind.plural}`);
    },

    async list(kind, { namespace, labels = {} }) {
      const labelSelector = Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(',');
      const asked = { verb: 'list', kind, namespace };
      let found: KubeObject[] = [];
      let next: string | undefined;
      for (let begun = 1; ;) {
        const query = queryOf({ labelSelector: labelSelector || undefined, limit: PAGE, continue: next });
        const path = objectPath(kind, namespace) + query;
        const isFirst = next === undefined;
        const fine = isFirst ? [404] : begun < ANEW ? [404, 410] : [];
        const { status, body } = await api.ask({ method: 'GET', path }, asked, fine);
        if (status === 404 && isFirst) return [];
        if (status === 404 || status === 410) {
          // The pages were of a state that the API server no longer has, or the kind is no longer served.
          [found, next, begun] = [[], undefined, begun + 1];
          continue;
        }
        const page = body as { items?: KubeObject[] | null; metadata?: { continue?: string } };
        // What stands in a list does not say what it is.
        for (const item of page.items ?? [])
          found.push({ ...item, apiVersion: apiVersionOf(kind), kind: kind.kind });
        next = page.metadata?.continue || undefined;
        if (next === undefined) return found.sort(byName);
      }
    },

    async create(object) {
      const { kind, namespace, name, where } = placeOf(object);
      const path =
        objectPath(kind, namespace) + queryOf({ fieldManager: MANAGER, fieldValidation: 'Strict' });
      const answer = await api.ask(sending('POST', path, object), { verb: 'create', ...where }, [409]);
      if (answer.status !== 409) return answer.body as KubeObject;
      const live = answer.again ? await get(kind, namespace, name) : null;
      if (live !== null && holds(live, object)) return live;
      if (statusOf(answer.body)?.reason === 'AlreadyExists') {
        throw new FnmeshError('conflict', `there is a ${objectName(object)} already`);
      }
      throw new FnmeshError(
        'conflict',
        `${objectName(object)}: ${statusOf(answer.body)?.message ?? 'conflict'}`,
      );
    },

    async replace(object) {
      const { kind, namespace, name, where } = placeOf(object);
      if (object.metadata.resourceVersion === undefined) {
        throw new Error(`${objectName(object)} is replaced without the resourceVersion that was read`);
      }
      const path =
        objectPath(kind, namespace, name) + queryOf({ fieldManager: MANAGER, fieldValidation: 'Strict' });
      const answer = await api.ask(sending('PUT', path, object), { verb: 'update', ...where }, [404, 409]);
      if (answer.status < 300) return answer.body as KubeObject;
      const live = answer.status === 409 && answer.again ? await get(kind, namespace, name) : null;
      if (live !== null && holds(live, object)) return live;
      const how = answer.status === 404 ? 'is gone' : 'changed meanwhile';
      throw new FnmeshError('conflict', `${objectName(object)} ${how}`, {
        try: 'the same command again: it reads anew',
      });
    },

    async apply(object, { force = false, dryRun = false } = {}) {
      const { kind, namespace, name, where } = placeOf(object);
      const query = queryOf({
        fieldManager: MANAGER,
        fieldValidation: 'Strict',
        force,
        dryRun: dryRun ? 'All' : undefined,
      });
      const metadata = { ...object.metadata };
      delete metadata.managedFields;
      const request = sending('PATCH', objectPath(kind, namespace, name) + query, { ...object, metadata });
      request.headers = { 'content-type': 'application/apply-patch+yaml' };
      const answer = await api.ask(request, { verb: 'patch', ...where });
      return { object: answer.body as KubeObject, warnings: warningsIn(answer.headers['warning']) };
    },

    async remove(kind, namespace, name, precondition = {}) {
      const path = objectPath(kind, namespace, name);
      const options = { propagationPolicy: 'Background', preconditions: precondition };
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
      const asked = { verb: 'delete', kind, namespace, name };
      const answer = await api.ask(sending('DELETE', path, body), asked, [404, 409]);
      if (answer.status !== 409) return;
      const { uid } = precondition;
      const live = answer.again ? await get(kind, namespace, name) : undefined;
      if (live === null || live?.metadata.deletionTimestamp !== undefined) return;
      // The very one was removed, and another one made since.
      if (live !== undefined && uid !== undefined && live.metadata.uid !== uid) return;
      const message = statusOf(answer.body)?.message ?? '';
      throw new FnmeshError(
        'conflict',
        `${kind.kind} ${name} changed meanwhile and is not removed: ${message}`,
      );
    },

    call: (call) => callService(api, http, call),

    async may({ verb, kind, subresource, namespace, name }) {
      const { group, plural: resource } = kind;
      const resourceAttributes = {
        verb,
        group,
        resource,
        ...(subresource !== undefined && { subresource }),
        ...(namespace !== null && { namespace }),
        ...(name !== undefined && { name }),
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const review = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes },
      };
      const { body } = await api.ask(sending('POST', path, review), { verb: 'create' });
      return (body as { status?: { allowed?: boolean } }).status?.allowed === true;
    },

    logs: (request) => readLog(api, http, request),
    connect: (namespace, pod, port) => forwardPort(api, http, namespace, pod, port),
  };
}

function sending(method: string, path: string, body: object): Parameters<ClusterApi['ask']>[0] {
  return { method, path, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** Where an object belongs, for paths and for messages. */
function placeOf(object: KubeObject): {
  kind: Kind;
  namespace: string | null;
  name: string;
  where: { kind: Kind; namespace: string | null; name: string };
} {
  const kind = kindOf(object);
  if (kind === null) throw new Error(`${object.apiVersion} ${object.kind} is no kind that fnmesh knows`);
  const { namespace = null, name } = object.metadata;
  if (kind.namespaced && namespace === null) throw new Error(`${objectName(object)} has no namespace`);
  return { kind, namespace, name, where: { kind, namespace, name } };
}

function byName(a: KubeObject, b: KubeObject): number {
  return (
    compare(a.metadata.namespace ?? '', b.metadata.namespace ?? '') ||
    compare(a.metadata.name, b.metadata.name)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The texts of `299 - "…"` (RFC 7234, 5.5, as Kubernetes uses it), which node joins by commas. */
function warningsIn(header: string | string[] | undefined): string[] {
  const line = Array.isArray(header) ? header.join(', ') : (header ?? '');
  return [...line.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
    text!.replace(/\\(.)/g, '$1'),
  );
}
