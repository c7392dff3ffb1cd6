// Forwards requests to functions on another Fn server, and streams the answers back.
import { Agent, request, type AgentOptions, type ClientRequest } from 'node:http';
import type { IncomingMessage, RequestOptions, ServerResponse } from 'node:http';
import { messageOf } from '../errors.js';
import { forwardedRequestHeaders, forwardedResponseHeaders, hopsOf } from './forwarded.js';
import { IDEMPOTENT, asFnDoes, sendMessage } from './http-call.js';
import type { Escort } from './trigger.js';

/** An answer gets as long as Fn's longest timeout and a little more, and so does each part of it, in milliseconds. */
const TIMEOUT_MS = 310_000;
/** A server that is there accepts a connection within this time, in milliseconds. */
const CONNECT_MS = 10_000;
/** An idle connection is kept for less time than servers and load balancers keep it, in milliseconds. */
const IDLE_MS = 30_000;
/** The largest head of an answer, in bytes. */
const HEAD_SIZE = 1024 * 1024;
/** A request that came through this many gateways goes in a circle. */
const MOST_HOPS = 8;

const KEPT: AgentOptions = { keepAlive: true, scheduling: 'lifo', timeout: IDLE_MS };

/** The way to functions on other Fn servers. */
export interface Upstream {
  /**
   * Sends the request to a trigger's URL, with the caller's query, and the answer to the caller. Without an answer it
   * is 502, or 504 when it took too long; 508 when the request goes in a circle.
   */
  forward(
    endpoint: string,
    req: IncomingMessage,
    res: ServerResponse,
    body: Buffer | undefined,
    escort: Escort,
  ): void;
  /** Closes the connections that are kept. */
  close(): void;
}

/** What http and https have in common. */
type Transport = { request: typeof request; agent: Agent };

/** Opens nothing until there is something to forward. @param timeoutMs See TIMEOUT_MS. */
export function createUpstream(timeoutMs = TIMEOUT_MS): Upstream {
  const plain: Transport = { request, agent: new Agent(KEPT) };
  let secure: Promise<Transport> | undefined;

  return {
    forward(endpoint, req, res, body, escort) {
      const hops = hopsOf(req);
      if (hops >= MOST_HOPS) {
        escort.watch.ended(escort.startedAt, 508);
        const message = `Loop detected: the request came through ${hops} gateways`;
        return sendMessage(req, res, 508, message, escort.marks);
      }
      const url = new URL(endpoint);
      const exchange = new Exchange(url, req, res, body, escort, timeoutMs);
      if (url.protocol === 'http:') return exchange.send(plain);
      secure ??= import('node:https').then((https) => {
        return { request: https.request, agent: new https.Agent(KEPT) };
      });
      void secure.then((transport) => exchange.send(transport));
    },
    close() {
      plain.agent.destroy();
      void secure?.then(({ agent }) => agent.destroy());
    },
  };
}

/** One request on its way to the other server, until its answer has passed or has failed. */
class Exchange {
  readonly #server: string;
  readonly #options: RequestOptions;
  readonly #timer: NodeJS.Timeout;
  #outgoing: ClientRequest | undefined;
  #answered = false;
  #over = false;

  constructor(
    url: URL,
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly body: Buffer | undefined,
    private readonly escort: Escort,
    timeoutMs: number,
  ) {
    const port = url.port || (url.protocol === 'http:' ? '80' : '443');
    this.#server = `the Fn server at ${url.hostname}:${port}`;
    const query = req.url!.indexOf('?');
    this.#options = {
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      method: req.method,
      path: url.pathname + (query < 0 ? '' : req.url!.slice(query)),
      headers: forwardedRequestHeaders(req, url.host, body?.length),
      maxHeaderSize: HEAD_SIZE,
      insecureHTTPParser: false,
    };
    this.#timer = setTimeout(() => {
      this.#fail(504, `${this.#server} did not answer within ${timeoutMs / 1000} s`);
    }, timeoutMs);
    // A pipelining caller may have many under way on its connection. The response of all but the first of them has no
    // connection yet, so that it would not hear of its end.
    req.socket.setMaxListeners(0).once('close', this.#gone);
  }

  /** @param agent false = over a connection of its own. */
  send(transport: Transport, agent: Agent | false = transport.agent): void {
    if (this.req.socket.destroyed) return this.#gone();
    const outgoing = transport.request({ ...this.#options, agent });
    this.#outgoing = outgoing;
    // Its head is bounded; node would leave out what is beyond, and say nothing.
    outgoing.maxHeadersCount = 0;
    let connected = false;
    let receivedBefore = 0;
    let connecting: NodeJS.Timeout | undefined;
    outgoing.once('socket', (socket) => {
      receivedBefore = socket.bytesRead;
      connected = outgoing.reusedSocket;
      if (connected) return;
      const late = new Error(`no connection within ${CONNECT_MS / 1000} s`);
      connecting = setTimeout(() => outgoing.destroy(late), CONNECT_MS);
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => {
        connected = true;
        clearTimeout(connecting);
      });
    });
    outgoing.on('response', (answer) => this.#pass(answer));
    outgoing.on('upgrade', (_, socket) => {
      socket.destroy();
      this.#fail(502, `${this.#server} answered with another protocol`);
    });
    outgoing.on('error', (error) => {
      // The server closed a kept connection just when it was used.
      const unread = outgoing.reusedSocket && outgoing.socket?.bytesRead === receivedBefore;
      if (unread && !this.#answered && !this.#over && IDEMPOTENT.has(this.req.method!)) {
        return this.send(transport, false);
      }
      this.#fail(502, `${this.#server} ${connected ? 'broke off' : 'cannot be reached'}: ${causeOf(error)}`);
    });
    outgoing.on('close', () => {
      clearTimeout(connecting);
      if (outgoing === this.#outgoing && !this.#answered) this.#fail(502, `${this.#server} broke off`);
    });
    outgoing.end(this.body);
  }

  #pass(answer: IncomingMessage): void {
    if (this.#over) return;
    const { req, res, escort } = this;
    const status = answer.statusCode!;
    try {
      if (status < 200) throw new Error(`the status ${status} is none`);
      asFnDoes(req, res).writeHead(status, [...forwardedResponseHeaders(answer), ...escort.marks]);
    } catch (error) {
      return this.#fail(502, `${this.#server} gave an invalid answer: ${messageOf(error)}`);
    }
    this.#answered = true;
    this.#timer.refresh();
    answer.on('data', () => this.#timer.refresh());
    answer.on('end', () => this.#end(status));
    answer.on('error', () => this.#fail(502, ''));
    answer.pipe(res);
    // A body that comes with the head leaves with it; one that comes later is not waited for.
    setImmediate(() => this.#over || res.flushHeaders());
  }

  /** Tells the caller; once the answer's head is with the caller, all that can be done is to break off. */
  #fail(status: number, message: string): void {
    if (!this.#end(this.#answered ? 502 : status)) return;
    this.#outgoing?.destroy();
    if (this.#answered) this.res.destroy();
    else sendMessage(this.req, this.res, status, message, this.escort.marks);
  }

  readonly #gone = (): void => {
    if (this.#end(0)) this.#outgoing?.destroy();
  };

  /** Counts the request as ended; false when it had ended before. */
  #end(status: number): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.req.socket.off('close', this.#gone);
    this.escort.watch.ended(this.escort.startedAt, status);
    return true;
  }
}

/** What an error says of its cause; a name with several addresses gives an AggregateError with an empty message. */
function causeOf(error: NodeJS.ErrnoException): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const untrusted = /CERT|SIGNATURE|ISSUER/.test(error.code ?? '');
  const way = untrusted ? '; NODE_EXTRA_CA_CERTS names further CAs when the embedded server starts' : '';
  return `${messageOf(first)}${way}`;
}
