// The embedded server as an image store: a build folder is registered as it lies, nothing is copied.
import { isDeepStrictEqual } from 'node:util';
import type { Build, Unrunnable } from '../build/build.js';
import type { ControlClient } from '../control/client.js';
import type { BuildRegistration, WarmResult } from '../control/protocol.js';
import type { FnChange } from '../fn/model.js';
import { localImage, type ImageOwner, type ImageStore } from './ports.js';

/** Fn's longest start (5 s) and a slow machine's share, in milliseconds. */
const WARM_TIMEOUT_MS = 60_000;

/** Registers builds over the control socket. */
export class EmbeddedImages implements ImageStore {
  #registered: Promise<Map<string, BuildRegistration>> | undefined;
  #waiting: BuildRegistration[] = [];
  #sending: Promise<void> | undefined;

  constructor(private readonly control: ControlClient) {}

  imageOf(hash: string, owner: ImageOwner): string {
    return owner.image ?? localImage(hash, owner);
  }

  /** @throws FnmeshError `unreachable` when the server does not answer. */
  async publish(build: Build | Unrunnable, owner: ImageOwner): Promise<string> {
    const image = this.imageOf(build.hash, owner);
    const registration: BuildRegistration =
      'cannotRun' in build
        ? { image, dir: '/', command: [], cannotRun: build.cannotRun }
        : { image, dir: build.dir, command: build.command };
    const registered = await (this.#registered ??= this.#read());
    if (!isDeepStrictEqual(registered.get(image), registration)) {
      await this.#send(registration);
      registered.set(image, registration);
    }
    return image;
  }

  warm(fnId: string, change?: FnChange): Promise<WarmResult> {
    const body = change ? { fnId, change } : { fnId };
    return this.control.call<'warm'>('POST /warm', {}, body, WARM_TIMEOUT_MS);
  }

  async #read(): Promise<Map<string, BuildRegistration>> {
    const builds = await this.control.call<'listBuilds'>('GET /builds');
    return new Map(builds.map((build) => [build.image, build]));
  }

  /** What is asked for in the same moment goes in one call: each costs the server a write to the disk. */
  #send(registration: BuildRegistration): Promise<void> {
    this.#waiting.push(registration);
    this.#sending ??= new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      const batch = this.#waiting;
      this.#waiting = [];
      this.#sending = undefined;
      await this.control.call<'builds'>('POST /builds', {}, batch);
    });
    return this.#sending;
  }
}
