// The embedded server as an image store: a build folder is registered as it lies, nothing is copied.
import { isDeepStrictEqual } from 'node:util';
import type { Build, BuildKind, Unrunnable } from '../build/build.js';
import type { ControlClient } from '../control/client.js';
import type { BuildRegistration } from '../control/protocol.js';
import { localImage, type ImageOwner, type ImageStore, type Published, type Readiness } from './ports.js';

/** Fn's longest start (5 s) and a slow machine's share, in milliseconds. */
const WARM_TIMEOUT_MS = 60_000;

/** Registers builds over the control socket. */
export class EmbeddedImages implements ImageStore {
  readonly builds: BuildKind = { kind: 'processes' };
  #registered: Promise<Map<string, BuildRegistration>> | undefined;
  #waiting: BuildRegistration[] = [];
  #sending: Promise<void> | undefined;

  constructor(private readonly control: ControlClient) {}

  imageOf(hash: string, owner: ImageOwner): string {
    return owner.image ?? localImage(hash, owner);
  }

  /** Never: what runs must lie on this machine, so that the build is always asked for. */
  deployed(): Promise<null> {
    return Promise.resolve(null);
  }

  /** @throws FnmeshError `unreachable` when the server does not answer. */
  async publish(build: Build | Unrunnable, owner: ImageOwner): Promise<Published> {
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
    return { image };
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

/** The embedded server starts a process of an fn, as it is or would be, before anything is changed. */
export function embeddedReadiness(control: ControlClient): Readiness {
  return {
    when: 'before',
    warm: (fnId, change) =>
      control.call<'warm'>('POST /warm', {}, change ? { fnId, change } : { fnId }, WARM_TIMEOUT_MS),
  };
}
