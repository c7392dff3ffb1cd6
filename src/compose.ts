// The one place that chooses what stands behind the ports of a target. There is one target: local, both embedded.
import { hostname, userInfo } from 'node:os';
import { ControlClient } from './control/client.js';
import { controlSocket, stateDir } from './control/home.js';
import type { ServerInfo } from './control/protocol.js';
import { ensureServer, findServer, type Ports } from './control/start.js';
import { isOlder, ownVersion } from './control/version.js';
import { EmbeddedImages } from './deploy/embedded-images.js';
import type { ImageStore } from './deploy/ports.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { FnClient } from './fn/client.js';
import type { FnServer } from './fn/fn-server.js';
import { EmbeddedRouter } from './router/embedded.js';
import type { Router } from './router/router.js';

const LOCAL = 'local';

/** What commands act through. */
export type Target = {
  server: ServerInfo;
  control: ControlClient;
  fn: FnServer;
  images: ImageStore;
  router: Router;
};

/**
 * The running embedded server as a target.
 * @throws FnmeshError `unreachable` when none runs.
 */
export async function connect(emit: Emit): Promise<Target> {
  const found = await connectIfRunning(emit);
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

/** The running embedded server as a target, or null. */
export async function connectIfRunning(emit: Emit): Promise<Target | null> {
  checkTarget();
  const home = stateDir();
  const server = await findServer(home);
  return server && target(home, server, emit);
}

/** The embedded server as a target; started when none runs. */
export async function connectOrStart(ports: Ports, emit: Emit): Promise<Target> {
  checkTarget();
  const home = stateDir();
  return target(home, await ensureServer(home, ports, emit), emit);
}

/** The image store of a target whose server need not run: for plans, which only ask for names. */
export function plannedImages(): ImageStore {
  return new EmbeddedImages(new ControlClient(controlSocket(stateDir())));
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

/** @throws FnmeshError `config` for a target that is not there. */
function checkTarget(): void {
  const named = process.env['FNMESH_TARGET'];
  if (!named || named === LOCAL) return;
  throw new FnmeshError('config', `FNMESH_TARGET=${named}: this fnmesh has the one target ${LOCAL}`, {
    try: 'unset FNMESH_TARGET',
  });
}

function target(home: string, server: ServerInfo, emit: Emit): Target {
  const foreign = process.env['FN_API_URL'];
  if (foreign && foreign.replace(/\/+$/, '').replace('//localhost', '//127.0.0.1') !== server.fnUrl) {
    emit({
      type: 'warning',
      text: `FN_API_URL=${foreign} does not count: this fnmesh has the embedded target only (${server.fnUrl})`,
    });
  }
  if (isOlder(server.version, ownVersion())) {
    emit({
      type: 'warning',
      text: `the running server is fnmesh ${server.version}, this is ${ownVersion()}: \`fnmesh stop && fnmesh start -d\` restarts it`,
    });
  }
  const control = new ControlClient(controlSocket(home));
  return {
    server,
    control,
    fn: new FnClient(server.fnUrl),
    images: new EmbeddedImages(control),
    router: new EmbeddedRouter(control),
  };
}
