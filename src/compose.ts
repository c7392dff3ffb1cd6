// The one place that chooses what stands behind the ports of a target: which Fn server, and the embedded gateway.
import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { ControlClient } from './control/client.js';
import { controlSocket, stateDir } from './control/home.js';
import type { ServerInfo } from './control/protocol.js';
import { askedPorts } from './control/ports.js';
import { ensureServer, findServer, type Ports } from './control/start.js';
import { isOlder, ownVersion } from './control/version.js';
import { embeddedReadiness } from './deploy/embedded-images.js';
import type { Locate, Readiness } from './deploy/ports.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { FnClient } from './fn/client.js';
import type { FnServer } from './fn/fn-server.js';
import { HTTP_ENDPOINT } from './fn/model.js';
import { readyCall } from './fn/ready.js';
import { EmbeddedRouter } from './router/embedded.js';
import type { Router } from './router/router.js';
import { chooseImages, chooseTarget, type Said, targetName } from './target/choose.js';
import {
  type ChosenImages,
  type ChosenTarget,
  LOCAL,
  type Probe,
  type TargetFlags,
} from './target/target.js';
import { wayOut } from './target/way-out.js';

/** How long a real Fn server answers from what it had (fnproject/fn 0.3.753, api/agent/data_access.go), and some. */
const CACHE_MS = 5_300;
/** How long the first call of a version may take: its image is pulled for it. */
const READY_MS = 60_000;

/** What commands act through. `server` is the embedded one, whose gateway routes; `embedded`: it is the Fn server too. */
export type Target = {
  chosen: ChosenTarget;
  embedded: boolean;
  server: ServerInfo;
  control: ControlClient;
  fn: FnServer;
  readiness: Readiness;
  locate: Locate;
  router: Router;
};

/**
 * The target that flags, variables, fnmesh.yaml and the Fn context name.
 * @throws FnmeshError as `chooseTarget`.
 */
async function choose(flags: TargetFlags): Promise<ChosenTarget> {
  return chooseTarget(await everythingSaid(flags));
}

/**
 * What images are made for where nothing is deployed, so that no Fn server need be named.
 * @throws FnmeshError as `chooseImages`.
 */
export async function chooseForImages(flags: TargetFlags): Promise<ChosenImages> {
  return chooseImages(await everythingSaid(flags));
}

async function everythingSaid(flags: TargetFlags): Promise<Said> {
  const { findAppFile } = await import('./project/read.js');
  const file = await findAppFile(process.cwd()).catch(() => undefined);
  const settings = file === undefined ? null : await readSettingsIn(dirname(file));
  const said = { flags, env: process.env, settings };
  const { value: name } = targetName(said);
  if (name === LOCAL) return { ...said, context: null };
  // A broken ~/.fn is in the way only of who needs it.
  const isOpen = flags['api-url'] === undefined && !settings?.targets[name]?.fn.api;
  const context = await readContext().catch((error: unknown) => {
    if (isOpen) throw error;
    return null;
  });
  return { ...said, context };
}

async function readSettingsIn(root: string) {
  if (!['fnmesh.yaml', 'fnmesh.yml'].some((name) => existsSync(join(root, name)))) return null;
  return (await import('./project/settings.js')).readSettings(root, process.cwd());
}

async function readContext() {
  return (await import('./project/fn-context.js')).readFnContext();
}

/**
 * The target, whose gateway runs.
 * @throws FnmeshError `unreachable` when the embedded server does not run.
 */
export async function connect(flags: TargetFlags, emit: Emit): Promise<Target> {
  const found = await connectIfRunning(flags, emit);
  if (found && !found.server.stopping) return found;
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
  const home = stateDir();
  const server = await findServer(home);
  return server && target(chosen, home, server, emit);
}

/** The target; the embedded server is started when none runs. */
export async function connectOrStart(flags: TargetFlags, ports: Ports, emit: Emit): Promise<Target> {
  const chosen = await choose(flags);
  const home = stateDir();
  return target(chosen, home, await ensureServer(home, ports, emit), emit);
}

/**
 * The target, for what an Fn server elsewhere tells of its deploys to any machine: there the gateway is started, once
 * that server has answered.
 * @throws FnmeshError as `connect` where the Fn server is the embedded one; as `fnServer`.
 */
export async function connectForChanges(flags: TargetFlags, emit: Emit): Promise<Target> {
  const { fn } = await choose(flags);
  if (fn.kind === 'embedded' || (await findServer(stateDir())) !== null) return connect(flags, emit);
  await fnServer(fn, emit);
  return connectOrStart(flags, askedPorts({}), emit);
}

/** A target whose embedded server need not run; `fn` null: the Fn server is the one that does not run. */
export type Planned = Pick<Target, 'chosen' | 'embedded' | 'readiness' | 'locate'> & {
  fn: FnServer | null;
  router: Router | null;
  server?: ServerInfo;
};

/** The target, for plans: nothing is started for them. @throws FnmeshError as `connectIfRunning`. */
export async function planned(flags: TargetFlags, emit: Emit): Promise<Planned> {
  const running = await connectIfRunning(flags, emit);
  if (running) return running;
  const chosen = await choose(flags);
  warnOf(chosen, null, emit);
  const control = new ControlClient(controlSocket(stateDir()));
  const fn = chosen.fn.kind === 'embedded' ? null : await fnServer(chosen.fn, emit);
  return { chosen, embedded: fn === null, fn, router: null, ...reach(chosen, fn === null, control) };
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

async function target(chosen: ChosenTarget, home: string, server: ServerInfo, emit: Emit): Promise<Target> {
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
    fn: chosen.fn.kind === 'embedded' || isOwn ? new FnClient(server.fnUrl) : await fnServer(chosen.fn, emit),
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

async function fnServer(
  { api, token }: Extract<ChosenTarget['fn'], { kind: 'server' }>,
  emit: Emit,
): Promise<FnServer> {
  const client = new FnClient(api.value, {
    ...(token && { token: token.value }),
    onRetry: (text) => emit({ type: 'note', text }),
  });
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

function locateIn({ fn, name }: ChosenTarget): Locate {
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
