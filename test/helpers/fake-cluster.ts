// A cluster in memory, with the semantics that writers meet: resourceVersions, uids and generations, conflicts, field
// managers, finalizers and garbage collection. There are no controllers: tests put in what these would make.
//
//   const cluster = fakeCluster();
//   cluster.put(service);                                     // as if it had always been there
//   cluster.before({ verb: 'replace' }, () => cluster.edit(service, (it) => (it.spec = …)));   // meanwhile
//   cluster.after({ verb: 'create' }, () => { throw lost(); });   // it arrived, the answer did not
//   cluster.as('kubectl').apply(…);                           // another manager
//   cluster.requests                                          // what was asked, in order
import type { Duplex } from 'node:stream';
import { FnmeshError } from '../../src/errors.js';
import type {
  Cluster,
  LogRequest,
  Permission,
  ServiceAnswer,
  ServiceCall,
} from '../../src/kubernetes/cluster.js';
import type { Kind, KubeObject } from '../../src/kubernetes/object.js';
import { apiVersionOf, kindOf, KINDS, objectName } from '../../src/kubernetes/object.js';
import type { Owners } from './field-owners.js';
import { applied, managedFields, sorted, updated, WITH_STATUS } from './field-owners.js';

/** One request as the API server would see it; `kind` is an object's kind, '' where there is none. */
type FakeRequest = { verb: Verb; kind: string; namespace: string | null; name: string; by: string };
type Verb =
  | 'version'
  | 'serves'
  | 'get'
  | 'list'
  | 'create'
  | 'replace'
  | 'apply'
  | 'remove'
  | 'call'
  | 'may'
  | 'logs'
  | 'connect';
type Which = Partial<FakeRequest> | ((request: FakeRequest) => boolean);
type Stored = { object: KubeObject; owners: Owners };

/** What there is besides the port's methods, for tests. */
export type FakeCluster = Cluster & {
  /** All requests since the start, or since it was emptied. */
  readonly requests: FakeRequest[];
  /** Puts in an object as it is, or changes the one of that name, without a request. */
  put(object: KubeObject, manager?: string): KubeObject;
  /** Changes what is there, status too, without a request, as somebody else would. */
  edit(
    object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>,
    change: (object: KubeObject) => void,
    manager?: string,
  ): KubeObject;
  /** Takes an object away without a request. */
  drop(object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>): void;
  /** All objects, those of one kind if it is given. */
  objects(kind?: Kind): KubeObject[];
  /** Runs when such a request comes, before it is carried out; what it throws is the answer. Default: once. */
  before(which: Which, act: (request: FakeRequest) => unknown, times?: number): void;
  /** Runs when such a request was carried out; what it throws is what the asker sees. Default: once. */
  after(which: Which, act: (request: FakeRequest) => unknown, times?: number): void;
  /** The same cluster, asked by another field manager. */
  as(manager: string): Cluster;
  /** Resolves when the garbage collector has nothing to do. */
  settled(): Promise<void>;
  /** What Services answer; at first: that there are no endpoints. */
  answer: (call: ServiceCall) => ServiceAnswer | Promise<ServiceAnswer>;
  /** Who may what; at first: everything. */
  allows: (permission: Permission) => boolean;
  /** The lines of a container; at first: none. */
  log: (request: LogRequest) => AsyncIterable<string> | Iterable<string>;
  /** What a port-forward leads to; at first: nothing. */
  port: (namespace: string, pod: string, port: number) => Promise<Duplex>;
};

/** How the cluster is. */
export type FakeOptions = {
  /** Kinds that its API does not serve. */
  without?: readonly Kind[];
  /** The only namespaces there are; default: every one. */
  namespaces?: readonly string[];
  /** The context's namespace. Default: `hello`. */
  namespace?: string;
};

/** The error of a request whose answer was lost. */
export function lost(): FnmeshError {
  return new FnmeshError('unreachable', 'cluster fake cannot be reached: socket hang up');
}

/** A cluster without objects. */
export function fakeCluster({
  without = [],
  namespaces,
  namespace: home = 'hello',
}: FakeOptions = {}): FakeCluster {
  const store = new Map<string, Stored>();
  const requests: FakeRequest[] = [];
  const hooks: {
    when: 'before' | 'after';
    which: Which;
    act: (request: FakeRequest) => unknown;
    left: number;
  }[] = [];
  let version = 1000;
  let made = 0;
  let collecting: Promise<void> = Promise.resolve();

  const known = Object.values<Kind>(KINDS)
    .filter((kind) => !without.includes(kind))
    .map(keyOfKind);
  const serves = (kind: Kind): boolean => known.includes(keyOfKind(kind));
  const now = (): string => new Date(Date.UTC(2026, 0, 1, 0, 0, ++made)).toISOString().replace('.000', '');
  const show = ({ object, owners }: Stored): KubeObject => {
    const copy = structuredClone(object);
    copy.metadata.managedFields = managedFields(owners);
    return copy;
  };
  const find = (kind: Kind, namespace: string | null, name: string): Stored | undefined =>
    store.get(keyOf(kind, namespace, name));
  const placeOf = (
    object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>,
  ): { kind: Kind; namespace: string | null; name: string; key: string } => {
    const kind = kindOf(object);
    if (kind === null) throw new Error(`${object.apiVersion} ${object.kind} is no kind that fnmesh knows`);
    const { namespace = null, name } = object.metadata;
    if (kind.namespaced && namespace === null) throw new Error(`${objectName(object)} has no namespace`);
    return { kind, namespace, name, key: keyOf(kind, namespace, name) };
  };

  /** Stores what a write made of an object; a write that changes nothing is none. */
  function save(next: KubeObject, owners: Owners, dryRun = false): KubeObject {
    const { key } = placeOf(next);
    const before = store.get(key);
    const object = structuredClone(next);
    object.metadata = { ...object.metadata };
    delete object.metadata.managedFields;
    normalize(object);
    if (before !== undefined && isSame(before.object, object)) {
      if (!dryRun) before.owners = owners;
      return show({ object: before.object, owners });
    }
    const old = before?.object.metadata;
    object.metadata.uid = old?.uid ?? `uid-${String(++made).padStart(6, '0')}`;
    object.metadata.creationTimestamp = old?.creationTimestamp ?? now();
    object.metadata.generation =
      (old?.generation ?? 0) +
      (before === undefined || !isSame(specOf(before.object), specOf(object)) ? 1 : 0);
    object.metadata.resourceVersion = String(dryRun ? version : ++version);
    const stored = { object, owners };
    if (dryRun) return show(stored);
    if (object.metadata.deletionTimestamp !== undefined && !object.metadata.finalizers?.length) erase(key);
    else store.set(key, stored);
    return show(stored);
  }

  function erase(key: string): void {
    const uid = store.get(key)?.object.metadata.uid;
    store.delete(key);
    // What belonged to it goes a moment later.
    collecting = collecting
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => {
        for (const [other, { object }] of [...store]) {
          const owners = object.metadata.ownerReferences ?? [];
          const uids = new Set([...store.values()].map((each) => each.object.metadata.uid));
          if (owners.some((owner) => owner.uid === uid) && !owners.some((owner) => uids.has(owner.uid)))
            erase(other);
        }
      });
  }

  /** Notes a request and carries it out between its hooks. */
  async function handle<T>(request: FakeRequest, act: () => T | Promise<T>): Promise<T> {
    requests.push(request);
    await Promise.resolve();
    await run('before', request);
    const answer = await act();
    await run('after', request);
    return answer;
  }

  async function run(when: 'before' | 'after', request: FakeRequest): Promise<void> {
    for (const hook of hooks.filter((each) => each.when === when)) {
      if (hook.left <= 0 || !isMeant(request, hook.which)) continue;
      hook.left--;
      await hook.act(request);
    }
  }

  function mustServe(kind: Kind, namespace: string | null): void {
    if (!serves(kind))
      throw new FnmeshError('not_found', `cluster fake does not serve ${kind.kind} (${apiVersionOf(kind)})`);
    if (kind.namespaced && namespaces && !namespaces.includes(namespace ?? '')) {
      throw new FnmeshError('not_found', `cluster fake has no namespace ${namespace}`, {
        try: `kubectl create namespace ${namespace}`,
      });
    }
  }

  const clusterOf = (by: string): Cluster => {
    const about = (verb: Verb, object: KubeObject): FakeRequest => ({
      verb,
      kind: object.kind,
      namespace: object.metadata.namespace ?? null,
      name: object.metadata.name,
      by,
    });
    return {
      identity: { context: 'fake', server: 'https://fake.example:6443', namespace: home, user: 'tester' },
      close: () => undefined,
      version: () => handle({ verb: 'version', kind: '', namespace: null, name: '', by }, () => 'v1.36.3'),
      serves: (kind) =>
        handle({ verb: 'serves', kind: kind.kind, namespace: null, name: '', by }, () => serves(kind)),
      get: (kind, namespace, name) =>
        handle({ verb: 'get', kind: kind.kind, namespace, name, by }, () => {
          const found = find(kind, namespace, name);
          return found && serves(kind) ? show(found) : null;
        }),
      list: (kind, { namespace, labels = {} }) =>
        handle({ verb: 'list', kind: kind.kind, namespace, name: '', by }, () =>
          serves(kind)
            ? all(kind).filter(({ metadata }) => {
                const isThere = !kind.namespaced || namespace === null || metadata.namespace === namespace;
                return (
                  isThere &&
                  Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value)
                );
              })
            : [],
        ),
      create: (object) =>
        handle(about('create', object), () => {
          const { kind, namespace, key } = placeOf(object);
          mustServe(kind, namespace);
          if (store.has(key)) throw new FnmeshError('conflict', `there is a ${objectName(object)} already`);
          const next = withoutStatus(fresh(object));
          const owners: Owners = new Map();
          updated(owners, null, next, by);
          return save(next, owners);
        }),
      replace: (object) =>
        handle(about('replace', object), () => {
          const { kind, namespace, key } = placeOf(object);
          if (object.metadata.resourceVersion === undefined)
            throw new Error(`${objectName(object)} is replaced without the resourceVersion that was read`);
          mustServe(kind, namespace);
          const there = store.get(key);
          if (there === undefined) throw new FnmeshError('conflict', `${objectName(object)} is gone`);
          const { resourceVersion, uid } = there.object.metadata;
          const isOther = object.metadata.uid !== undefined && object.metadata.uid !== uid;
          if (object.metadata.resourceVersion !== resourceVersion || isOther)
            throw new FnmeshError('conflict', `${objectName(object)} changed meanwhile`);
          const next = keepingOwn(object, there.object);
          const owners = structuredClone(there.owners);
          updated(owners, there.object, next, by);
          return save(next, owners);
        }),
      apply: (object, { force = false, dryRun = false } = {}) =>
        handle(about('apply', object), () => {
          const { kind, namespace, key } = placeOf(object);
          mustServe(kind, namespace);
          const there = store.get(key);
          const { resourceVersion, uid } = object.metadata;
          const isOther =
            (resourceVersion !== undefined && resourceVersion !== there?.object.metadata.resourceVersion) ||
            (uid !== undefined && uid !== there?.object.metadata.uid);
          if (isOther) throw new FnmeshError('conflict', `${objectName(object)} changed meanwhile`);
          const owners = there === undefined ? (new Map() as Owners) : structuredClone(there.owners);
          const next = applied(there?.object ?? null, owners, withoutStatus(object), by, force);
          return { object: save(next, owners, dryRun), warnings: [] };
        }),
      remove: (kind, namespace, name, precondition = {}) =>
        handle({ verb: 'remove', kind: kind.kind, namespace, name, by }, () => {
          const there = find(kind, namespace, name);
          if (there === undefined) return;
          const { uid, resourceVersion, finalizers = [] } = there.object.metadata;
          const isOther =
            (precondition.uid ?? uid) !== uid ||
            (precondition.resourceVersion ?? resourceVersion) !== resourceVersion;
          if (isOther)
            throw new FnmeshError('conflict', `${kind.kind} ${name} changed meanwhile and is not removed`);
          if (finalizers.length === 0) return erase(keyOf(kind, namespace, name));
          const next = structuredClone(there.object);
          next.metadata.deletionTimestamp ??= now();
          save(next, there.owners);
        }),
      call: (call) =>
        handle({ verb: 'call', kind: 'Service', namespace: call.namespace, name: call.service, by }, () =>
          fake.answer(call),
        ),
      may: (permission) =>
        handle(
          { verb: 'may', kind: permission.kind.kind, namespace: permission.namespace, name: '', by },
          () => fake.allows(permission),
        ),
      async *logs(request) {
        const { namespace, pod: name } = request;
        yield* await handle({ verb: 'logs', kind: 'Pod', namespace, name, by }, () => fake.log(request));
      },
      connect: (namespace, pod, port) =>
        handle({ verb: 'connect', kind: 'Pod', namespace, name: pod, by }, () =>
          fake.port(namespace, pod, port),
        ),
    };
  };

  const all = (kind?: Kind): KubeObject[] =>
    [...store.values()]
      .map(show)
      .filter((object) => kind === undefined || keyOfKind(kindOf(object)!) === keyOfKind(kind))
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));

  const fake: FakeCluster = {
    ...clusterOf('fnmesh'),
    requests,
    put(object, manager = 'test') {
      const before = store.get(placeOf(object).key);
      const owners = before?.owners ?? (new Map() as Owners);
      updated(owners, before?.object ?? null, object, manager);
      return save(
        {
          ...structuredClone(object),
          metadata: { ...before?.object.metadata, ...structuredClone(object.metadata) },
        },
        owners,
      );
    },
    edit(object, change, manager = 'test') {
      const there = store.get(placeOf(object).key);
      if (there === undefined) throw new Error(`there is no ${objectName(object)}`);
      const next = structuredClone(there.object);
      change(next);
      updated(there.owners, there.object, next, manager);
      return save(next, there.owners);
    },
    drop: (object) => erase(placeOf(object).key),
    objects: all,
    before: (which, act, times = 1) => void hooks.push({ when: 'before', which, act, left: times }),
    after: (which, act, times = 1) => void hooks.push({ when: 'after', which, act, left: times }),
    as: clusterOf,
    async settled() {
      let last;
      while (last !== collecting) await (last = collecting);
    },
    answer: ({ service }) => {
      const message = `no endpoints available for service "${service}"`;
      return {
        status: 503,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'Status', message }),
        unreached: message,
      };
    },
    allows: () => true,
    log: () => [],
    port: () => Promise.reject(new FnmeshError('unreachable', 'nobody listens')),
  };
  return fake;
}

function keyOfKind({ group, kind }: Kind): string {
  return `${group}/${kind}`;
}

function keyOf(kind: Kind, namespace: string | null, name: string): string {
  return `${keyOfKind(kind)} ${kind.namespaced ? (namespace ?? '') : ''} ${name}`;
}

function orderOf({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata.namespace ?? '', metadata.name].join('\0');
}

function isMeant(request: FakeRequest, which: Which): boolean {
  if (typeof which === 'function') return which(request);
  return Object.entries(which).every(([key, value]) => request[key as keyof FakeRequest] === value);
}

/** A new object has nothing of what the API server writes. */
function fresh(object: KubeObject): KubeObject {
  const { name, namespace, labels, annotations, ownerReferences, finalizers } = object.metadata;
  const metadata = { name, namespace, labels, annotations, ownerReferences, finalizers };
  return structuredClone({
    ...object,
    metadata: JSON.parse(JSON.stringify(metadata)) as KubeObject['metadata'],
  });
}

function withoutStatus(object: KubeObject): KubeObject {
  if (!WITH_STATUS.has(object.kind)) return object;
  const copy = { ...object };
  delete copy['status'];
  return copy;
}

/** What a PUT makes of an object: status and what the API server writes stay as they are. */
function keepingOwn(sent: KubeObject, live: KubeObject): KubeObject {
  const { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = live.metadata;
  const own = { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp };
  const metadata = { ...fresh(sent).metadata, ...(JSON.parse(JSON.stringify(own)) as object) };
  const next: KubeObject = { ...structuredClone(withoutStatus(sent)), metadata };
  if (WITH_STATUS.has(sent.kind) && 'status' in live) next['status'] = structuredClone(live['status']);
  return next;
}

/** What the API server does with everything it stores: a Secret's texts become data, null is left out. */
function normalize(object: KubeObject): void {
  if (object.kind === 'Secret' && object['stringData'] !== undefined) {
    const text = object['stringData'] as Record<string, string>;
    const data = Object.entries(text).map(([key, value]): [string, string] => [
      key,
      Buffer.from(value).toString('base64'),
    ]);
    object['data'] = { ...(object['data'] as object), ...Object.fromEntries(data) };
    delete object['stringData'];
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function specOf(object: KubeObject): unknown {
  return { ...object, metadata: null, status: null };
}

/** The core namespace object, where a test wants one. */
export function namespace(name: string, labels: Record<string, string> = {}): KubeObject {
  return { apiVersion: apiVersionOf(KINDS.Namespace), kind: 'Namespace', metadata: { name, labels } };
}
