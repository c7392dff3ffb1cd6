// The one place that chooses what stands behind the ports of a target. There is one target: local, both embedded.
import { hostname, userInfo } from 'node:os';
import { ControlClient } from './control/client.js';
import { controlSocket, stateDir } from './control/home.js';
import type { ServerInfo } from './control/protocol.js';
import { ensureServer, findServer, type Ports } from './control/start.js';
import { EmbeddedImages } from './deploy/embedded-images.js';
import type { ImageStore } from './deploy/ports.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { FnClient } from './fn/client.js';
import type { FnServer } from './fn/fn-server.js';
import { EmbeddedRouter } from './router/embedded.js';
import type { Router } from './router/router.js';

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
  if (found) return found;
  throw new FnmeshError('unreachable', 'the embedded server is not running', { try: 'fnmesh start -d' });
}

/** The running embedded server as a target, or null. */
export async function connectIfRunning(emit: Emit): Promise<Target | null> {
  const home = stateDir();
  const server = await findServer(home);
  return server && target(home, server, emit);
}

/** The embedded server as a target; started when none runs. */
export async function connectOrStart(ports: Ports, emit: Emit): Promise<Target> {
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

function target(home: string, server: ServerInfo, emit: Emit): Target {
  const foreign = process.env['FN_API_URL'];
  if (foreign && foreign.replace(/\/+$/, '').replace('//localhost', '//127.0.0.1') !== server.fnUrl) {
    emit({
      type: 'warning',
      text: `FN_API_URL=${foreign} does not count: this fnmesh has the embedded target only (${server.fnUrl})`,
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
