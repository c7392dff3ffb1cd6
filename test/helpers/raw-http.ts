// A minimal HTTP/1.1 client over a plain socket: it sends exactly the bytes it is given and nothing of its own.
import { connect } from 'node:net';

/** An answer as it came: header names keep their case and order, `complete` is false when the body was cut. */
export type RawAnswer = {
  status: number;
  headers: [name: string, value: string][];
  body: Buffer;
  complete: boolean;
};

/** A request to be written; `headers` in order, a list value = the header repeated. */
export type RawRequest = {
  method: string;
  /** Already escaped. */
  path: string;
  headers: Record<string, string | string[]>;
  body?: Buffer;
  /** Send the body in chunks instead of with a Content-Length. */
  chunked?: boolean;
};

/** The bytes of a request. A body's Content-Length or Transfer-Encoding is added; no other header is. */
export function requestBytes(request: RawRequest): Buffer {
  const lines = [`${request.method} ${request.path} HTTP/1.1`];
  for (const [name, value] of Object.entries(request.headers)) {
    for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  }
  const body = request.body ?? Buffer.alloc(0);
  if (request.chunked) {
    lines.push('Transfer-Encoding: chunked');
    const chunks =
      body.length === 0 ? [] : [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')];
    return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), ...chunks, Buffer.from('0\r\n\r\n')]);
  }
  if (request.body || ['POST', 'PUT', 'PATCH'].includes(request.method))
    lines.push(`Content-Length: ${body.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}

/**
 * Sends the bytes on a new connection and gives the first final answer; null when the server closed without one.
 * `method` decides whether the answer has a body.
 */
export function exchange(
  at: { host: string; port: number },
  bytes: Buffer,
  method: string,
  timeoutMs = 30_000,
): Promise<RawAnswer | null> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect(at.port, at.host);
    const finish = (answer: RawAnswer | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => {
      socket.destroy();
      reject(
        new Error(`no answer within ${timeoutMs} ms; so far: ${received.toString('latin1').slice(0, 500)}`),
      );
    });
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const answer = parse(received, method, false);
      if (answer?.complete) finish(answer);
    });
    const ended = () => finish(parse(received, method, true));
    socket.on('end', ended);
    socket.on('close', ended);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that refuses the rest of a request may reset after its answer.
      if (error.code === 'ECONNREFUSED') reject(error);
      else ended();
    });
  });
}

/** The value of a header, case-blind; all values when it is repeated. */
export function headerValues(answer: RawAnswer, name: string): string[] {
  return answer.headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

function parse(received: Buffer, method: string, ended: boolean): RawAnswer | null {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  // Header values are bytes; contract values are ASCII or UTF-8.
  const [first = '', ...lines] = received.toString('utf8', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
  if (status >= 100 && status < 200) return parse(received.subarray(headEnd + 4), method, ended);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const rest = received.subarray(headEnd + 4);
  const answer = { status, headers, body: Buffer.alloc(0), complete: true };
  if (method === 'HEAD' || status === 204 || status === 304) return answer;
  if (headerValues(answer, 'transfer-encoding').includes('chunked')) return { ...answer, ...dechunk(rest) };
  const [length] = headerValues(answer, 'content-length');
  if (length === undefined) return { ...answer, body: rest, complete: ended };
  return { ...answer, body: rest.subarray(0, Number(length)), complete: rest.length >= Number(length) };
}

function dechunk(rest: Buffer): { body: Buffer; complete: boolean } {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return { body: Buffer.concat(parts), complete: false };
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16);
    if (size === 0)
      return { body: Buffer.concat(parts), complete: rest.indexOf('\r\n\r\n', lineEnd) === lineEnd };
    const start = lineEnd + 2;
    parts.push(rest.subarray(start, start + size));
    at = start + size + 2;
    if (at > rest.length) return { body: Buffer.concat(parts), complete: false };
  }
}
