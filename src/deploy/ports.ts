// What a deploy needs from outside, besides FnServer and Router.
import type { Build, Unrunnable } from '../build/build.js';
import type { WarmResult } from '../control/protocol.js';
import type { Emit } from '../events.js';
import type { FnServer } from '../fn/fn-server.js';
import type { FnChange } from '../fn/model.js';
import type { Router } from '../router/router.js';

/** Which fn an image is for. `image`: the name it must have; else the store makes one. */
export type ImageOwner = { app: string; fn: string; image?: string };

/** Where builds become images that the Fn server can run. */
export interface ImageStore {
  /** The image's name where it follows from the build's hash; null when it is known only after publishing. */
  imageOf(hash: string, owner: ImageOwner): string | null;
  /**
   * Makes the build available under an image and gives its name. Again with the same build and owner: no write.
   * Many may be published at once; how many are under way is the store's to bound.
   * What cannot run is made known with its reason.
   */
  publish(build: Build | Unrunnable, owner: ImageOwner): Promise<string>;
  /** Starts the fn as it is, or as it would be after `change`, and waits until it is ready or has failed. */
  warm(fnId: string, change?: FnChange): Promise<WarmResult>;
}

/** Everything that deploy and destroy act through. */
export type DeployPorts = { fn: FnServer; images: ImageStore; router: Router; emit: Emit };

/** The image of a build on the embedded server. */
export function localImage(hash: string, owner: ImageOwner): string {
  return `fnmesh.local/${owner.app}/${owner.fn}:${hash.slice(0, 12)}`;
}
