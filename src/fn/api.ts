// Requests of Fn API v2 that survive bad networks: made again where that is safe, looked up where it is not, and
// refused with a reason.
import { setTimeout as pause } from 'node:timers/promises';
import type { FnmeshError } from '../errors.js';
import { isLoopback } from '../loopback.js';
import type { Answer, Connection } from './http.js';
import { HttpClient, NoAnswer } from './http.js';
import type { Asked } from './refusal.js';
import { isFnRefusal, isNotFound, notFn, refused, unreachable } from './refusal.js';
import { failureOf, LONGEST_MS, retryText, TRIES, waitMs } from './retry.js';

/** How a server is spoken to. */
export type ApiOptions = Connection & {
  /** The first wait before a request is made again, in milliseconds; each further one is twice as long. */
  backoffMs: number;
  /** Told before a request is made again, in words for the user. */
  onRetry?: (text: string) => void;
};

/** Whether a body is what was asked for: a list, or an object of the server's. */
type Kind = (body: object) => boolean;

/** Something made that was lost sight of: what is there of it, or undefined. @throws FnmeshError `conflict`. */
type LookUp<T> = () => Promise<T | undefined>;

const isList: Kind = (body) => 'items' in body && (body.items === null || Array.isArray(body.items));
const isObject: Kind = (body) => 'id' in body && typeof body.id === 'string';

/** An Fn server's API v2. Every method throws FnmeshError as FnServer does. */
export class FnApi {
  readonly #options: ApiOptions;
  readonly #http: HttpClient;
  readonly #loopback: boolean;
  /** Whether it has answered as an Fn server. */
  #answered = false;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#http = new HttpClient(options);
    this.#loopback = isLoopback(new URL(options.url).hostname);
  }

  /** A page of a list. */
  async page<T>(path: string): Promise<{ items?: T[] | null; next_cursor?: string }> {
    return (await this.#expect({ method: 'GET', path }, isList)).body as { items?: T[] };
  }

  /** One object; undefined when there is none. */
  async get<T>(path: string): Promise<T | undefined> {
    const asked = { method: 'GET', path };
    const answer = await this.#repeat(asked);
    return isNotFound(answer) ? undefined : ((await this.#checked(asked, answer, isObject)).body as T);
  }

  /** A merge: the same once or twice. */
  async put<T>(path: string, body: object): Promise<T> {
    return (await this.#expect({ method: 'PUT', path }, isObject, body)).body as T;
  }

  /** Removes; what was gone when the request was made again is what it had removed. */
  async delete(path: string): Promise<void> {
    await this.#expect({ method: 'DELETE', path }, () => true);
  }

  /**
   * Makes something once: a request that may have arrived is looked up before it is made again.
   * @throws FnmeshError `conflict` when `lookUp` does, or as the server says.
   */
  async create<T>(path: string, body: object, lookUp: LookUp<T>): Promise<T> {
    const asked = { method: 'POST', path };
    const answer = await this.#repeat(asked, body, lookUp);
    return 'found' in answer ? answer.found : ((await this.#checked(asked, answer, isObject)).body as T);
  }

  /** Any answer to a GET, whatever its status and body. */
  any(path: string): Promise<Answer> {
    return this.#repeat({ method: 'GET', path });
  }

  /** A list's answer with its headers. */
  list(path: string): Promise<Answer> {
    return this.#expect({ method: 'GET', path }, isList);
  }

  async #expect(asked: Asked, kind: Kind, body?: object): Promise<Answer> {
    return this.#checked(asked, await this.#repeat(asked, body), kind);
  }

  async #checked(asked: Asked, answer: Answer, kind: Kind): Promise<Answer> {
    const { status, body } = answer;
    if (status === 204) return answer;
    if (status < 300 && typeof body === 'object' && body !== null && kind(body)) {
      this.#answered = true;
      return answer;
    }
    throw await this.#refusal(asked, answer);
  }

  #repeat(asked: Asked, body?: object): Promise<Answer>;
  #repeat<T>(asked: Asked, body: object, lookUp: LookUp<T>): Promise<Answer | { found: T }>;
  async #repeat<T>(asked: Asked, body?: object, lookUp?: LookUp<T>): Promise<Answer | { found: T }> {
    const { method, path } = asked;
    const started = performance.now();
    let mayBeThere = false;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#http.send(method, path, body).catch(noAnswer);
      const failure = failureOf(outcome, { answered: this.#answered, loopback: this.#loopback });
      // The first request may have arrived late, after it was looked up.
      const isTaken = mayBeThere && !(outcome instanceof NoAnswer) && outcome.status === 409;
      mayBeThere ||= failure?.arrived === true;
      if (lookUp && mayBeThere && (failure || isTaken)) {
        const found = await lookUp();
        if (found !== undefined) return { found };
      }
      const isLast = attempt === TRIES || performance.now() - started > LONGEST_MS;
      if (failure === null || isLast) {
        if (outcome instanceof NoAnswer) throw unreachable(this.#options, outcome);
        const isGone = method === 'DELETE' && mayBeThere && isNotFound(outcome);
        return isGone ? { ...outcome, status: 204 } : outcome;
      }
      const ms = waitMs(attempt, failure, this.#options.backoffMs, Math.random());
      if (ms > 0) this.#options.onRetry?.(retryText(failure, ms));
      await pause(ms);
    }
  }

  async #refusal(asked: Asked, answer: Answer): Promise<FnmeshError> {
    if (isFnRefusal(answer)) return refused(this.#options, asked, answer);
    const look = (path: string): Promise<Answer | null> => this.#http.send('GET', path).catch(() => null);
    const [version, v1] = await Promise.all([look('/version'), look('/v1/apps')]);
    return notFn(this.#options, asked, answer, { version, v1 });
  }
}

function noAnswer(error: unknown): NoAnswer {
  if (error instanceof NoAnswer) return error;
  throw error;
}
