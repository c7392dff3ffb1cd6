// What a deploy needs from outside, besides FnServer and Router.
import type { Build, BuildKind, Unrunnable } from '../build/build.js';
import type { WarmResult } from '../control/protocol.js';
import type { Emit } from '../events.js';
import type { FnServer } from '../fn/fn-server.js';
import type { FnChange, Trigger } from '../fn/model.js';
import type { ObservedFn } from '../fn/observe.js';
import type { ReadyResult } from '../fn/ready.js';
import type { Front } from '../kubernetes/front.js';
import type { Router } from '../router/router.js';

/** Which fn an image is for. `image`: the name it must have; else the store makes one of the others. */
export type ImageOwner = {
  app: string;
  fn: string;
  /** func.yaml's name, perhaps with a registry's path, and version. */
  name: string;
  version: string;
  image?: string;
};

/** An image that the Fn server can run. `pushed` in bytes: what had to be sent for it. */
export type Published = { image: string; tag?: string; pushed?: number };

/** Where builds become images that the Fn server can run. */
export interface ImageStore {
  /** Which builds it takes. */
  readonly builds: BuildKind;
  /** The image's name where it follows from the build's hash; null when it is known only after publishing. */
  imageOf(hash: string, owner: ImageOwner): string | null;
  /**
   * The image that the fn has already, when it was made from the same hash, so that nothing need be built; else null.
   * @throws FnmeshError `config` or `usage` when no image of it could be published in any case; `failed` when nobody can
   * tell whether it is there.
   */
  deployed(hash: string, owner: ImageOwner, there: ObservedFn | undefined): Promise<string | null>;
  /**
   * Makes the build available under an image and gives its name. Again with the same build and owner: no write.
   * Many may be published at once; how many are under way is the store's to bound.
   * What cannot run is made known with its reason.
   */
  publish(build: Build | Unrunnable, owner: ImageOwner): Promise<Published>;
}

/**
 * How it is known that a version can take traffic: before the fn is changed, by starting a process of it; or only
 * afterwards, by calling it, once the server's cache of `cacheMs` milliseconds has let go of what was before; or never.
 */
export type Readiness =
  | { when: 'before'; warm(fnId: string, change?: FnChange): Promise<WarmResult> }
  | { when: 'after'; cacheMs: number; call(endpoint: string): Promise<ReadyResult> }
  | { when: 'never'; cacheMs: number };

/**
 * Where routers reach a trigger: a URL on another Fn server; undefined: it is the embedded one's own.
 * @throws FnmeshError `config` when the server does not say where its triggers are.
 */
export type Locate = (app: string, trigger: Trigger) => string | undefined;

/** What is deployed acts through these, whatever it was built from. */
export type LivePorts = {
  fn: FnServer;
  readiness: Readiness;
  locate: Locate;
  router: Router;
  /** What stands before the functions besides routes; absent: nothing does. */
  front?: Front | undefined;
  emit: Emit;
};

/** Everything that a deploy acts through. */
export type DeployPorts = LivePorts & { images: ImageStore };

/** The image of a build on the embedded server. */
export function localImage(hash: string, owner: Pick<ImageOwner, 'app' | 'fn'>): string {
  return `fnmesh.local/${owner.app}/${owner.fn}:${hash.slice(0, 12)}`;
}
