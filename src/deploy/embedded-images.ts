import type { Build, Unrunnable } from '../build/build.js';
import type { ControlClient } from '../control/client.js';
import type { WarmResult } from '../control/protocol.js';
import type { FnChange } from '../fn/model.js';
import { localImage, type ImageOwner, type ImageStore } from './ports.js';

/** Fn's longest start (5 s) and a slow machine's share, in milliseconds. */
const WARM_TIMEOUT_MS = 60_000;

/** The embedded server as an image store: a build folder is registered as it lies, nothing is copied. */
export class EmbeddedImages implements ImageStore {
  constructor(private readonly control: ControlClient) {}

  imageOf(hash: string, owner: ImageOwner): string {
    return owner.image ?? localImage(hash, owner);
  }

  /** @throws FnmeshError `unreachable` when the server does not answer. */
  async publish(build: Build | Unrunnable, owner: ImageOwner): Promise<string> {
    const image = this.imageOf(build.hash, owner);
    const how =
      'cannotRun' in build
        ? { dir: '/', command: [], cannotRun: build.cannotRun }
        : { dir: build.dir, command: build.command };
    await this.control.call<'builds'>('POST /builds', {}, [{ image, ...how }]);
    return image;
  }

  warm(fnId: string, change?: FnChange): Promise<WarmResult> {
    const body = change ? { fnId, change } : { fnId };
    return this.control.call<'warm'>('POST /warm', {}, body, WARM_TIMEOUT_MS);
  }
}
