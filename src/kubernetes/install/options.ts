// What `fnmesh install fn` may be told, with defaults; every text is checked before it stands in an object.
import { FnmeshError } from '../../errors.js';
import { isHost } from '../../routing/match.js';
import { quantityOf } from '../quantity.js';

/** A key of a Secret in the namespace that Fn goes to. */
export type SecretKey = { readonly name: string; readonly key: string };

/** Fn on a cluster. */
export type FnOptions = {
  readonly namespace: string;
  /** What the names of all objects begin with. */
  readonly name: string;
  /** Whether the Namespace is made too, with the Pod Security level that runners need. */
  readonly makeNamespace: boolean;
  /** Images, best with a digest. `engine`: Docker's own image for Docker in Docker. */
  readonly images: { readonly server: string; readonly engine: string };
  /** SQLite on a volume, for one API server; or a MySQL or PostgreSQL whose FN_DB_URL is in a Secret. */
  readonly storage:
    | { readonly kind: 'sqlite'; readonly size: string; readonly storageClass: string | null }
    | { readonly kind: 'secret'; readonly url: SecretKey };
  /** How many Pods; more than one API server needs a database of its own. */
  readonly replicas: { readonly api: number; readonly lb: number; readonly runner: number };
  /** What one runner may take for functions, as Kubernetes quantities. */
  readonly runner: { readonly cpu: string; readonly memory: string; readonly disk: string };
  /** Docker configuration (JSON) for registries that want a login. */
  readonly registryLogin: SecretKey | null;
  /** Base URL of the load balancer that Fn gives out; null: its name inside the cluster. */
  readonly publicUrl: string | null;
  readonly clusterDomain: string;
  /** Namespaces, besides Fn's own load balancer, whose Pods may use the Fn API, which knows no login. */
  readonly apiFrom: readonly string[];
  /** Namespaces whose Pods may call functions: those of the proxies. */
  readonly callsFrom: readonly string[];
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
};

/** One API server with SQLite, two load balancers, two runners; nobody but them may reach anything. */
export const FN_DEFAULTS: FnOptions = {
  namespace: 'fn',
  name: 'fn',
  makeNamespace: false,
  images: { server: 'fnproject/fnserver:0.3.753', engine: 'docker:20.10-dind' },
  storage: { kind: 'sqlite', size: '1Gi', storageClass: null },
  replicas: { api: 1, lb: 2, runner: 2 },
  runner: { cpu: '1', memory: '2Gi', disk: '20Gi' },
  registryLogin: null,
  publicUrl: null,
  clusterDomain: 'cluster.local',
  apiFrom: [],
  callsFrom: [],
  logLevel: 'info',
};

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const IMAGE =
  /^[a-z0-9]([-a-zA-Z0-9._]*[a-zA-Z0-9])?(:\d{1,5})?(\/[a-z0-9]([-._a-z0-9]*[a-z0-9])?)*(:[\w][-.\w]{0,127})?(@sha256:[0-9a-f]{64})?$/;

const isLabel = (text: string): boolean => text.length <= 63 && LABEL.test(text);
const isSubdomain = (text: string): boolean => text.length <= 253 && SUBDOMAIN.test(text);
const isSecret = ({ name, key }: SecretKey): boolean => isSubdomain(name) && KEY.test(key);
const isSize = (text: string): boolean => (quantityOf(text) ?? 0) > 0;
const isCount = (number: number): boolean => Number.isInteger(number) && number >= 1 && number <= 100;

/**
 * Reads `SECRET/KEY`.
 * @param flag As the command line has it, for the message.
 * @throws FnmeshError `usage`.
 */
export function parseSecretKey(text: string, flag: string): SecretKey {
  const [name = '', key = '', ...rest] = text.split('/');
  if (rest.length === 0 && isSecret({ name, key })) return { name, key };
  throw new FnmeshError('usage', `${flag} ${JSON.stringify(text)} is not written SECRET/KEY`, {
    try: `${flag} fn-db/url`,
  });
}

/**
 * The options as they are, when each is of its form and they fit together.
 * @throws FnmeshError `config` that names the first one that is not.
 */
export function checkOptions(options: FnOptions): FnOptions {
  const { images, storage, replicas, runner } = options;
  const wrong = (what: string, value: unknown, rule: string): never => {
    throw new FnmeshError('config', `install fn: ${what} ${JSON.stringify(value)} ${rule}`, {
      try: 'fnmesh install fn --help',
    });
  };
  const must = (fine: boolean, what: string, value: unknown, rule: string): unknown =>
    fine || wrong(what, value, rule);

  for (const namespace of [options.namespace, ...options.apiFrom, ...options.callsFrom])
    must(isLabel(namespace), 'namespace', namespace, 'is no name of a namespace');
  // Names and labels that are made of it go up to 63 characters.
  must(
    isLabel(options.name) && /^[a-z]/.test(options.name) && options.name.length <= 40,
    'name',
    options.name,
    'is not 1 to 40 lower-case letters, digits and dashes that begin with a letter',
  );
  for (const [what, image] of Object.entries(images))
    must(IMAGE.test(image) && image.length <= 400, `image of the ${what}`, image, 'is no image');
  for (const [what, count] of Object.entries(replicas))
    must(isCount(count), `number of ${what} Pods`, count, 'is not from 1 to 100');
  for (const [what, size] of Object.entries(runner))
    must(isSize(size), `a runner's ${what}`, size, 'is no quantity, such as 500m or 2Gi');
  if (storage.kind === 'sqlite') {
    must(isSize(storage.size), 'size of the volume', storage.size, 'is no quantity, such as 1Gi');
    const { storageClass } = storage;
    must(storageClass === null || isSubdomain(storageClass), 'storage class', storageClass, 'is no name');
    must(replicas.api === 1, 'number of api Pods', replicas.api, 'needs a database: SQLite serves one only');
  } else {
    must(isSecret(storage.url), 'Secret of the database', storage.url, 'is no name and key of a Secret');
  }
  const { registryLogin, publicUrl, clusterDomain } = options;
  must(
    registryLogin === null || isSecret(registryLogin),
    'Secret of the registries',
    registryLogin,
    'is no name and key of a Secret',
  );
  must(publicUrl === null || isBaseUrl(publicUrl), 'URL', publicUrl, 'is no http(s)://HOST[:PORT]');
  must(isHost(clusterDomain), 'cluster domain', clusterDomain, 'is no DNS name');
  return options;
}

function isBaseUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && (url.origin === text || `${url.origin}/` === text);
}
