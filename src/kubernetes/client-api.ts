// Requests to an API server until they are answered: again on connection errors, 429 and 5xx, with new credentials on 401.
import { setTimeout as pause } from 'node:timers/promises';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import { NoAnswer } from '../fn/http.js';
import type { Failure } from '../fn/retry.js';
import { failureOf, LONGEST_MS, waitMs } from '../fn/retry.js';
import { isLoopback } from '../loopback.js';
import type { ClusterHttp, HttpRequest } from './client-http.js';
import type { ClusterLogin } from './client-login.js';
import { withoutSecrets } from './client-secrets.js';
import type { Asked } from './client-status.js';
import { isAboutObject, isApiAnswer, refusalOf } from './client-status.js';
import type { ClusterIdentity } from './cluster.js';

/** An answer of the API; `body` is parsed JSON, or text where it is none. */
export type ApiAnswer = {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: unknown;
  /** Whether an earlier try may have arrived, and have done what was asked. */
  again: boolean;
};

/** How often and after what time, in milliseconds, requests are made again. */
export type RetryLimits = { tries: number; firstWaitMs: number };

/** Asks one API server. */
export class ClusterApi {
  #answered = false;

  constructor(
    readonly identity: ClusterIdentity,
    private readonly http: ClusterHttp,
    private readonly login: ClusterLogin,
    private readonly limits: RetryLimits,
    private readonly emit: Emit,
  ) {}

  /**
   * Makes a request, again where that may help, and gives its answer if its status is below 300 or in `fine`.
   * @throws FnmeshError as `refusalOf` says; `unreachable` without an answer.
   */
  async ask(request: HttpRequest, asked: Asked, fine: readonly number[] = []): Promise<ApiAnswer> {
    const answer = await this.#answer(request);
    const isFine = answer.status < 300 || fine.includes(answer.status);
    if (!isFine || !isApiAnswer(answer)) throw refusalOf(answer, asked, this.identity);
    return answer;
  }

  /** The error for a request that got no answer. */
  unanswered(error: NoAnswer, tries = 1): FnmeshError {
    const { context, server } = this.identity;
    const times = tries > 1 ? `, ${tries} times` : '';
    if (/CERT|^ERR_TLS|^UNABLE_TO_|^UNABLE_TO_VERIFY/.test(error.code)) {
      return new FnmeshError(
        'unreachable',
        `the certificate of ${server} is not trusted (cluster ${context}): ${error.message}`,
        {
          try: "the cluster's certificate-authority-data in the kubeconfig, as who runs the cluster gives it",
        },
      );
    }
    return new FnmeshError(
      'unreachable',
      `cluster ${context} (${server}) cannot be reached${times}: ${withoutSecrets(error.message)}`,
      {
        try: `kubectl --context ${context} cluster-info; is a VPN or proxy missing?`,
        cause: error,
      },
    );
  }

  async #answer(request: HttpRequest): Promise<ApiAnswer> {
    const { hostname } = new URL(this.identity.server);
    const start = Date.now();
    let [again, renewed] = [false, false];
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#try(request);
      if (!(outcome instanceof NoAnswer)) {
        if (outcome.status === 401 && !renewed && this.login.forget()) {
          renewed = true;
          continue;
        }
        if (isApiAnswer(outcome) && outcome.status < 500) this.#answered = true;
      }
      const isFinal = !(outcome instanceof NoAnswer) && isAboutObject(outcome);
      const known = { answered: this.#answered, loopback: isLoopback(hostname) };
      const failure = isFinal ? null : failureOf(outcome, known);
      const isLast = attempt >= this.limits.tries || Date.now() - start > LONGEST_MS;
      if (failure !== null && !isLast && !request.signal?.aborted) {
        again ||= failure.arrived;
        await this.#wait(failure, attempt, request.signal);
        continue;
      }
      if (outcome instanceof NoAnswer) throw this.unanswered(outcome, attempt);
      if (failure !== null && outcome.status < 300) {
        const { context, server } = this.identity;
        throw new FnmeshError('unreachable', `cluster ${context} (${server}) ${failure.why}`, {
          try: 'look for a proxy between here and the API server',
        });
      }
      return { ...outcome, again };
    }
  }

  async #try(request: HttpRequest): Promise<Omit<ApiAnswer, 'again'> | NoAnswer> {
    try {
      const { status, headers, bytes } = await this.http.send(request);
      return { status, headers, body: parsed(bytes) };
    } catch (error) {
      if (error instanceof NoAnswer) return error;
      throw error;
    }
  }

  async #wait(failure: Failure, attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const ms = waitMs(attempt, failure, this.limits.firstWaitMs, Math.random());
    // Short waits are of no interest to anybody.
    if (ms >= 1000)
      this.emit({ type: 'note', text: `the cluster ${failure.why}; again in ${Math.round(ms / 1000)} s` });
    await pause(ms, undefined, { signal }).catch(() => undefined);
  }
}

function parsed(bytes: Buffer): unknown {
  const text = bytes.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
