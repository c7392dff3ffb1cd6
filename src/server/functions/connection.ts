// A kept-alive connection to one function process: one request at a time over its unix socket. Not undici: side by
// side, its dispatch took 1.6 to 2 times the CPU a request (which decides the gateway's speed), its client does not
// tell whether a request was read, and it cannot send a body in one chunk as Fn does.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ResponseReader } from './response-reader.js';
import type { ResponseFault, ResponseLimits } from './response-reader.js';

/** What a request needs on the wire. */
export type WireRequest = {
  /** Request line and headers, each line with its CRLF, without framing headers and without the empty line. */
  head: string;
  /** Sent in one chunk, as Fn's own client does; absent = no body. */
  body: Buffer | undefined;
};

/**
 * How a request ended: `answered` (see the reader); `not sent`: the function cannot have read a byte of it;
 * `reset`: the function closed a connection that had been used before, without a byte of response; `broken`:
 * the response broke off or is no HTTP; or a response over the limits.
 */
export type Outcome = 'answered' | 'not sent' | 'reset' | 'broken' | Exclude<ResponseFault, 'malformed'>;

/** Receives the outcome of a request. */
export type Done = (outcome: Outcome, response: ResponseReader) => void;

/** How many bytes one read takes at most; the buffer is reused, so this is also its cost. */
const READ_SIZE = 32 * 1024;
/** Every HTTP server reads at least this many bytes at once, if they are there. */
const SHORT = 4000;
/** So many bytes an empty unix socket takes at once or not at all: Linux has room for 200 KiB, macOS for 8. */
const AT_ONCE = process.platform === 'linux' ? 64 * 1024 : SHORT;
const END_OF_BODY = '\r\n0\r\n\r\n';

/** A connection that opens itself when there is something to send, and again after the function closed it. */
export class Connection {
  #socket: Socket | undefined;
  /** Requests that this socket has carried. */
  #carried = 0;
  #done: Done | undefined;
  #unread = false;
  /** The size of the request under way without its framing, in bytes. */
  #size = 0;
  readonly #reader: ResponseReader;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_SIZE);

  /** @param path The unix socket's path. */
  constructor(
    private readonly path: string,
    limits: ResponseLimits,
  ) {
    this.#reader = new ResponseReader(limits);
  }

  /** Opens the connection; calls back with whether the function accepted it. */
  open(opened: (accepted: boolean) => void): void {
    const socket = this.#connect();
    const settle = (accepted: boolean) => {
      socket.off('connect', onConnect);
      socket.off('close', onClose);
      opened(accepted);
    };
    const onConnect = () => settle(true);
    const onClose = () => settle(false);
    socket.on('connect', onConnect);
    socket.on('close', onClose);
  }

  /** Sends a request; `done` is called once, unless `close` comes first. Not to be called while one is under way. */
  send(request: WireRequest, done: Done): void {
    const socket = this.#socket ?? this.#connect();
    this.#done = done;
    this.#unread = false;
    this.#size = request.head.length + (request.body?.length ?? 0);
    this.#reader.reset();
    if (request.body === undefined || request.body.length === 0) {
      socket.write(`${request.head}Content-Length: 0\r\n\r\n`, 'latin1');
      return;
    }
    const head = `${request.head}Transfer-Encoding: chunked\r\n\r\n${request.body.length.toString(16)}\r\n`;
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(request.body);
    socket.write(END_OF_BODY, 'latin1');
    socket.uncork();
  }

  /** Closes the connection and forgets the request under way: its `done` is not called. */
  close(): void {
    this.#done = undefined;
    this.#drop();
  }

  #connect(): Socket {
    const socket = connect({
      path: this.path,
      onread: {
        buffer: this.#buffer,
        callback: (length, buffer) => {
          if (socket === this.#socket) this.#read((buffer as Buffer).subarray(0, length));
          return true;
        },
      },
    });
    this.#socket = socket;
    this.#carried = 0;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // On a unix socket a write after the other side closed fails at once, with nothing delivered of what goes at
      // once; and a reset says that the other side ended with bytes that it had not read, perhaps in a connection
      // that it had not even accepted.
      if (error.syscall === 'connect') this.#unread = true;
      else if (error.code === 'EPIPE') this.#unread = this.#size < AT_ONCE;
      else if (error.code === 'ECONNRESET') this.#unread = this.#size < SHORT;
    });
    socket.on('end', () => this.#ended(socket));
    socket.on('close', () => this.#ended(socket));
    return socket;
  }

  #read(bytes: Buffer): void {
    // Bytes that answer nothing: the function does not keep to the protocol, so start afresh.
    if (!this.#done) return this.#drop();
    const state = this.#reader.read(bytes);
    if (state === 'more') return;
    if (state === 'done') this.#finish('answered');
    else this.#finish(state === 'malformed' ? 'broken' : state);
  }

  #ended(socket: Socket): void {
    if (socket !== this.#socket) return;
    if (!this.#done) return this.#drop();
    if (this.#reader.started) return this.#finish(this.#reader.end() === 'done' ? 'answered' : 'broken');
    if (this.#unread || socket.connecting) return this.#finish('not sent');
    this.#finish(this.#carried > 0 ? 'reset' : 'broken');
  }

  #finish(outcome: Outcome): void {
    const done = this.#done!;
    this.#done = undefined;
    this.#carried++;
    if (outcome !== 'answered' || !this.#reader.keepAlive) this.#drop();
    done(outcome, this.#reader);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }
}
