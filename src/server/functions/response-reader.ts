// Reads one HTTP/1.1 response at a time from a function's socket. Pure: bytes in, a response or its fault out.

/** How large a function's response may be, in bytes. */
export type ResponseLimits = { head: number; body: number };

/** Why bytes are no response: `malformed` is not HTTP; the others are over the limits. */
export type ResponseFault = 'malformed' | 'head too large' | 'body too large';

type Stage = 'head' | 'counted' | 'chunk size' | 'chunk' | 'chunk end' | 'trailer' | 'until close' | 'done';

const HEAD_END = Buffer.from('\r\n\r\n');
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What no head may hold: control characters other than tab and line ends. */
// eslint-disable-next-line no-control-regex -- these are what must not pass to the caller
const FORBIDDEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const LONGEST_LINE = 4096;

/**
 * A strict reader: lines end in CRLF, names are tokens, lengths are digits, nothing folds over lines. What a
 * function sends ends up in front of its caller, so what is not understood is a fault and never passed on.
 */
export class ResponseReader {
  /** The service status; valid from `headComplete` on. */
  status = 0;
  /** Names and values in turn, as sent, framing headers included. */
  headers: string[] = [];
  /** The body, unchunked. Valid when `read` or `end` has given 'done'. */
  body: Buffer = EMPTY;
  /** Whether the connection can carry another request after this response. */
  keepAlive = true;
  /** Whether any byte of the response has arrived. */
  started = false;

  #stage: Stage = 'head';
  /** Bytes of an unfinished head or line. */
  #held: Buffer = EMPTY;
  /** Bytes still to come of the body or of the chunk. */
  #missing = 0;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(private readonly limits: ResponseLimits) {}

  /** Makes ready for the next response. */
  reset(): void {
    this.headers = [];
    this.body = EMPTY;
    this.keepAlive = true;
    this.started = false;
    this.#stage = 'head';
    this.#held = EMPTY;
    this.#parts = [];
    this.#size = 0;
  }

  /** Takes bytes (copied where kept); says whether more is needed, or the response is there, or is at fault. */
  read(bytes: Buffer): 'more' | 'done' | ResponseFault {
    this.started = true;
    let rest = bytes;
    while (this.#stage === 'head') {
      if (this.#held.length > 0) rest = Buffer.concat([this.#held, rest]);
      const end = rest.indexOf(HEAD_END);
      if (end > this.limits.head || (end < 0 && rest.length > this.limits.head)) return 'head too large';
      if (end < 0) {
        this.#held = Buffer.from(rest);
        return 'more';
      }
      this.#held = EMPTY;
      const fault = this.#readHead(rest.toString('latin1', 0, end));
      if (fault) return fault;
      rest = rest.subarray(end + HEAD_END.length);
    }
    return this.#readBody(rest);
  }

  /** Takes the end of the connection: it completes a body that was to last until then. */
  end(): 'done' | 'malformed' {
    if (this.#stage !== 'until close') return 'malformed';
    this.#finish();
    return 'done';
  }

  #readHead(head: string): ResponseFault | undefined {
    if (FORBIDDEN.test(head)) return 'malformed';
    const lines = head.split('\r\n');
    const first = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0]!);
    if (!first) return 'malformed';
    this.status = Number(first[2]);
    // Informational answers (100, 103) precede the real one.
    if (this.status >= 100 && this.status < 200) return this.status === 101 ? 'malformed' : undefined;
    this.keepAlive = first[1] === '1';
    let length: string | undefined;
    let chunked = false;
    for (let i = 1; i < lines.length; i++) {
      const line = lines[i]!;
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      if (colon < 1 || !NAME.test(name) || line.includes('\n') || line.includes('\r')) return 'malformed';
      const value = line.slice(colon + 1).trim();
      this.headers.push(name, value);
      // Only these three lengths can be framing headers; the others need no lower-casing.
      if (name.length === 14 && name.toLowerCase() === 'content-length') {
        if (!/^\d{1,15}$/.test(value) || (length !== undefined && length !== value)) return 'malformed';
        length = value;
      } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
        if (chunked || value.toLowerCase() !== 'chunked') return 'malformed';
        chunked = true;
      } else if (name.length === 10 && name.toLowerCase() === 'connection') {
        if (/\bclose\b/i.test(value)) this.keepAlive = false;
      }
    }
    if (chunked && length !== undefined) return 'malformed';
    return this.#expectBody(length, chunked);
  }

  #expectBody(length: string | undefined, chunked: boolean): ResponseFault | undefined {
    if (this.status === 204 || this.status === 304) this.#finish();
    else if (chunked) this.#stage = 'chunk size';
    else if (length === undefined) {
      this.#stage = 'until close';
      this.keepAlive = false;
    } else {
      this.#missing = Number(length);
      if (this.#missing > this.limits.body) return 'body too large';
      this.#stage = 'counted';
    }
    return undefined;
  }

  #readBody(bytes: Buffer): 'more' | 'done' | ResponseFault {
    let rest = bytes;
    for (;;) {
      switch (this.#stage) {
        case 'done':
          // Bytes beyond the response belong to nothing: the connection is not to be trusted further.
          if (rest.length > 0) this.keepAlive = false;
          return 'done';
        case 'counted':
        case 'chunk': {
          const taken = Math.min(this.#missing, rest.length);
          if (taken > 0) this.#parts.push(Buffer.from(rest.subarray(0, taken)));
          this.#size += taken;
          this.#missing -= taken;
          if (this.#missing > 0) return 'more';
          rest = rest.subarray(taken);
          if (this.#stage === 'counted') this.#finish();
          else this.#stage = 'chunk end';
          break;
        }
        case 'until close':
          this.#size += rest.length;
          if (this.#size > this.limits.body) return 'body too large';
          if (rest.length > 0) this.#parts.push(Buffer.from(rest));
          return 'more';
        case 'chunk size':
        case 'chunk end':
        case 'trailer': {
          if (this.#held.length > 0) rest = Buffer.concat([this.#held, rest]);
          this.#held = EMPTY;
          const end = rest.indexOf('\r\n');
          if (end > LONGEST_LINE || (end < 0 && rest.length > LONGEST_LINE)) return 'malformed';
          if (end < 0) {
            this.#held = Buffer.from(rest);
            return 'more';
          }
          const fault = this.#readLine(rest.toString('latin1', 0, end));
          if (fault) return fault;
          rest = rest.subarray(end + 2);
          break;
        }
        case 'head':
          return 'malformed';
      }
    }
  }

  /** A line between chunks: a size, the empty end of a chunk, or a trailer (dropped). */
  #readLine(line: string): ResponseFault | undefined {
    if (this.#stage === 'trailer') {
      if (line === '') this.#finish();
    } else if (this.#stage === 'chunk end') {
      if (line !== '') return 'malformed';
      this.#stage = 'chunk size';
    } else {
      const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
      if (size === undefined) return 'malformed';
      this.#missing = Number.parseInt(size, 16);
      if (this.#size + this.#missing > this.limits.body) return 'body too large';
      this.#stage = this.#missing === 0 ? 'trailer' : 'chunk';
    }
    return undefined;
  }

  #finish(): void {
    this.body = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#stage = 'done';
  }
}

const EMPTY = Buffer.alloc(0);
