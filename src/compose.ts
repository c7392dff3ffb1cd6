// The one place that chooses what stands behind the ports of a target: which Fn server, and which router.
import { hostname, userInfo } from 'node:os';
import { ControlClient } from './control/client.js';
import { controlSocket, stateDir } from './control/home.js';
import type { ServerInfo } from './control/protocol.js';
import { askedPorts } from './control/ports.js';
import { ensureServer, findServer, type Ports as StartPorts } from './control/start.js';
import { isOlder, ownVersion } from './control/version.js';
import { embeddedReadiness } from './deploy/embedded-images.js';
import type { Locate, Readiness } from './deploy/ports.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { FnClient } from './fn/client.js';
import type { FnServer } from './fn/fn-server.js';
import { HTTP_ENDPOINT } from './fn/model.js';
import { readyCall } from './fn/ready.js';
import type { Front } from './kubernetes/front.js';
import { EmbeddedRouter } from './router/embedded.js';
import type { Router } from './router/router.js';
import type { ClusterPlace, FrontOptions } from './compose-cluster.js';
import { choose, isOnCluster, type OnCluster } from './compose-choose.js';
import type { ChosenTarget, Probe, TargetFlags } from './target/target.js';
import { wayOut } from './target/way-out.js';

/** How long a real Fn server answers from what it had (fnproject/fn 0.3.753, api/agent/data_access.go), and some. */
const CACHE_MS = 5_300;
/** How long the first call of a version may take: its image is pulled for it. */
const READY_MS = 60_000;

/** What commands act through, whatever routes. `embedded`: the Fn server is this machine's own. */
type Ports = {
  chosen: ChosenTarget;
  embedded: boolean;
  fn: FnServer;
  readiness: Readiness;
  locate: Locate;
  router: Router;
};

/** A target whose routes are in the embedded server's gateway. */
type GatewayTarget = Ports & { server: ServerInfo; control: ControlClient; place: null };

/** A target whose routes are on a cluster. */
export type ClusterTarget = Ports & { server: null; control: null; place: ClusterPlace };

/** What a cluster's target has of its Fn server. */
export type FnSide = Pick<Ports, 'fn' | 'embedded' | 'readiness' | 'locate'>;

/** What commands act through. */
export type Target = GatewayTarget | ClusterTarget;

/** The cluster of a target. @throws FnmeshError `usage` for a target with the embedded gateway. */
export function clusterOnly({ place, chosen: { name } }: Target, command: string): ClusterPlace {
  if (place !== null) return place;
  const message = `\`fnmesh ${command}\` is for clusters, and target ${name.value} (${name.from}) has the embedded gateway`;
  throw new FnmeshError('usage', message, {
    try: `fnmesh ${command} --target NAME of a target with router: kubernetes in fnmesh.yaml`,
  });
}

/**
 * The target, whose gateway runs.
 * @throws FnmeshError `unreachable` when the embedded server does not run.
 */
export async function connect(flags: TargetFlags, emit: Emit): Promise<Target> {
  const found = await connectIfRunning(flags, emit);
  if (found && !found.server?.stopping) return found;
  if (found) {
    throw new FnmeshError(
      'not_ready',
      'the embedded server is stopping: it answers the calls that are under way',
      {
        try: 'fnmesh start -d',
      },
    );
  }
  throw new FnmeshError('unreachable', 'the embedded server is not running', { try: 'fnmesh start -d' });
}

/** The target, or null when the embedded server does not run. */
export async function connectIfRunning(flags: TargetFlags, emit: Emit): Promise<Target | null> {
  const chosen = await choose(flags);
  if (isOnCluster(chosen)) return onCluster(chosen, emit);
  const home = stateDir();
  const server = await findServer(home);
  return server && target(chosen, home, server, emit);
}

/** The target, whose Fn server was asked whether it is one; the embedded server is started when none runs and it is needed. */
export async function connectOrStart(flags: TargetFlags, ports: StartPorts, emit: Emit): Promise<Target> {
  const chosen = await choose(flags);
  if (isOnCluster(chosen)) return onCluster(chosen, emit, true);
  const home = stateDir();
  return target(chosen, home, await ensureServer(home, ports, emit), emit);
}

/**
 * The target, for what an Fn server elsewhere tells of its deploys to any machine: there the gateway is started, once
 * that server has answered.
 * @throws FnmeshError as `connect` where the Fn server is the embedded one; as `fnServer`.
 */
export async function connectForChanges(flags: TargetFlags, emit: Emit): Promise<Target> {
  const chosen = await choose(flags);
  const { fn } = chosen;
  if (isOnCluster(chosen) || fn.kind === 'embedded' || (await findServer(stateDir())) !== null)
    return connect(flags, emit);
  await fnServerOf(fn, emit);
  return connectOrStart(flags, askedPorts({}), emit);
}

/** A target whose embedded server need not run; `fn` null: the Fn server is the one that does not run. */
export type Planned = Pick<Target, 'chosen' | 'embedded' | 'readiness' | 'locate' | 'place'> & {
  fn: FnServer | null;
  router: Router | null;
  server?: ServerInfo | null;
};

/** The target, for plans: nothing is started for them. @throws FnmeshError as `connectIfRunning`. */
export async function planned(flags: TargetFlags, emit: Emit): Promise<Planned> {
  const running = await connectIfRunning(flags, emit);
  if (running) return running;
  const chosen = await choose(flags);
  warnOf(chosen, null, emit);
  const control = new ControlClient(controlSocket(stateDir()));
  const fn = chosen.fn.kind === 'embedded' ? null : await fnServerOf(chosen.fn, emit);
  return {
    chosen,
    embedded: fn === null,
    fn,
    router: null,
    place: null,
    ...reach(chosen, fn === null, control),
  };
}

/**
 * Base URL by which this machine reaches the gateway of an app's routes.
 * @throws FnmeshError `config` where a cluster does not tell, and nobody said.
 */
export function gatewayOf(target: Target, app: string): Promise<string> {
  return target.place === null ? Promise.resolve(target.server.gatewayUrl) : target.place.gatewayUrl(app);
}

/** What stands before an app's functions besides routes; undefined: the embedded gateway needs nothing. */
export async function frontOf(
  { place }: Pick<Target, 'place'>,
  app: string,
  options: FrontOptions = {},
): Promise<Front | undefined> {
  return place === null ? undefined : place.front(app, options);
}

/** Who makes a change, for the history: `user@machine`. */
export function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A user id without an entry in passwd, as containers have.
    return `${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}

/** @param check Whether to ask the Fn server first what it is: a shift never needs it. */
async function onCluster(chosen: OnCluster, emit: Emit, check = false): Promise<ClusterTarget> {
  const { clusterTarget } = await import('./compose-cluster.js');
  return clusterTarget(chosen, emit, await ownOr(chosen, emit, check));
}

/** The Fn server, which may be this machine's embedded one, and how its versions are found to be ready. */
async function ownOr(chosen: OnCluster, emit: Emit, check: boolean): Promise<FnSide> {
  const { fn } = chosen;
  const server = await findServer(stateDir());
  if (fn.kind === 'server' && server !== null && isSame(fn.api.value, server.fnUrl)) {
    const control = new ControlClient(controlSocket(stateDir()));
    const { readiness } = reach(chosen, true, control);
    return { fn: new FnClient(server.fnUrl), embedded: true, readiness, locate: locateIn(chosen) };
  }
  if (fn.kind === 'embedded') throw new FnmeshError('config', `target ${chosen.name.value} has no Fn server`);
  const client = check ? await fnServerOf(fn, emit) : fnClient(fn, emit);
  const readiness = remoteReadiness(chosen.probe);
  return { fn: client, embedded: false, readiness, locate: locateIn(chosen) };
}

async function target(
  chosen: ChosenTarget,
  home: string,
  server: ServerInfo,
  emit: Emit,
): Promise<GatewayTarget> {
  warnOf(chosen, server.fnUrl, emit);
  if (isOlder(server.version, ownVersion())) {
    emit({
      type: 'warning',
      text: `the running server is fnmesh ${server.version}, this is ${ownVersion()}: \`fnmesh stop && fnmesh start -d\` restarts it`,
    });
  }
  const control = new ControlClient(controlSocket(home));
  const isOwn = chosen.fn.kind === 'embedded' || isSame(chosen.fn.api.value, server.fnUrl);
  const embedded = chosen.fn.kind === 'embedded' || isOwn;
  return {
    chosen,
    embedded,
    server,
    control,
    place: null,
    fn:
      chosen.fn.kind === 'embedded' || isOwn ? new FnClient(server.fnUrl) : await fnServerOf(chosen.fn, emit),
    ...reach(chosen, embedded, control),
    router: new EmbeddedRouter(control, { probe: chosen.probe }),
  };
}

/** @param own The embedded server's URL; FN_API_URL may name the very server that counts. */
function warnOf({ warnings }: ChosenTarget, own: string | null, emit: Emit): void {
  const named = process.env['FN_API_URL'];
  const heeded = named !== undefined && own !== null && isSame(named.replace(/\/+$/, ''), own);
  for (const text of warnings) {
    if (!(heeded && text.includes('FN_API_URL'))) emit({ type: 'warning', text });
  }
}

/** FN_API_URL of many a shell is the embedded server's own address. */
function isSame(url: string, own: string): boolean {
  return url.replace('//localhost', '//127.0.0.1') === own;
}

type RealFn = Extract<ChosenTarget['fn'], { kind: 'server' }>;

function fnClient({ api, token }: RealFn, emit: Emit): FnClient {
  return new FnClient(api.value, {
    ...(token && { token: token.value }),
    onRetry: (text) => emit({ type: 'note', text }),
  });
}

/**
 * A client of an Fn server that has said what it is.
 * @throws FnmeshError for what is no Fn server, or one that cannot be used, each with its way out.
 */
export async function fnServerOf(fn: RealFn, emit: Emit): Promise<FnServer> {
  const { api } = fn;
  const client = fnClient(fn, emit);
  const { embedded } = await client.checkServer().catch((error: unknown) => {
    throw error instanceof FnmeshError
      ? new FnmeshError(error.code, `${error.message} (${api.from})`, {
          try: wayOut(error.try, api),
          cause: error,
        })
      : error;
  });
  if (embedded === null) return client;
  const message = `${api.value} (${api.from}) is an embedded fnmesh server that is not this one's: only who started it can deploy to it`;
  throw new FnmeshError('config', message, {
    try:
      api.from === 'FN_API_URL'
        ? 'unset FN_API_URL'
        : 'fnmesh deploy --target local, or set FNMESH_HOME to its folder',
  });
}

function reach(
  chosen: ChosenTarget,
  embedded: boolean,
  control: ControlClient,
): Pick<Target, 'readiness' | 'locate'> {
  if (embedded) return { readiness: embeddedReadiness(control), locate: () => undefined };
  return { readiness: remoteReadiness(chosen.probe), locate: locateIn(chosen) };
}

function remoteReadiness(probe: Probe): Readiness {
  if (probe === 'none') return { when: 'never', cacheMs: CACHE_MS };
  return {
    when: 'after',
    cacheMs: CACHE_MS,
    call: (endpoint) => readyCall(endpoint, probe, READY_MS),
  };
}

/** Where routers reach a trigger that is on a target's Fn server. */
export function locateIn({ fn, name }: Pick<ChosenTarget, 'fn' | 'name'>): Locate {
  const invoke = fn.kind === 'server' ? fn.invoke : null;
  return (app, { source, annotations }) => {
    const endpoint = invoke === null ? annotations?.[HTTP_ENDPOINT] : `${invoke.value}/t/${app}${source}`;
    // The gateway takes a URL only as a browser would write it.
    if (typeof endpoint === 'string' && URL.canParse(endpoint)) return new URL(endpoint).href;
    throw new FnmeshError('config', `the Fn server does not say where its triggers are (${HTTP_ENDPOINT})`, {
      try: `fnmesh.yaml: targets.${name.value}.fn.invoke: http://HOST:PORT of the server that answers /t`,
    });
  };
}
