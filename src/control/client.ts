// The CLI's side of the control socket: calls and their answers, as protocol.ts types them.
import { request, type IncomingMessage } from 'node:http';
import { FnmeshError, messageOf } from '../errors.js';
import type { ControlCalls, ControlError } from './protocol.js';

/** What goes into a call's query; arrays repeat the key, undefined leaves it out. */
type Query = Record<string, string | number | string[] | undefined>;

/** Speaks to the embedded server of one state folder over its control socket. */
export class ControlClient {
  constructor(private readonly socketPath: string) {}

  /**
   * Makes one call and gives its answer.
   * @throws FnmeshError `unreachable` when no server listens; the server's own code and message otherwise.
   */
  async call<Name extends keyof ControlCalls>(
    call: ControlCalls[Name]['call'],
    query: Query = {},
    body?: ControlCalls[Name]['body'],
    timeoutMs = 30_000,
  ): Promise<ControlCalls[Name]['answer']> {
    const answer = await this.#send(call, query, body, timeoutMs);
    const text = await readAll(answer);
    const json = parseAnswer(text, call);
    if ((answer.statusCode ?? 500) < 400) return json as ControlCalls[Name]['answer'];
    const error = json as ControlError;
    throw errorOf(error);
  }

  /**
   * The answer's lines as they come; ends with the connection or when `signal` aborts.
   * @throws FnmeshError as `call` does.
   */
  async *lines<Name extends keyof ControlCalls>(
    call: ControlCalls[Name]['call'],
    query: Query,
    signal?: AbortSignal,
  ): AsyncGenerator<ControlCalls[Name]['answer']> {
    const answer = await this.#send(call, query, undefined, 0, signal);
    if ((answer.statusCode ?? 500) >= 400) {
      const error = parseAnswer(await readAll(answer), call) as ControlError;
      throw errorOf(error);
    }
    let rest = '';
    try {
      for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) {
        rest += chunk;
        let end;
        while ((end = rest.indexOf('\n')) >= 0) {
          const line = rest.slice(0, end);
          rest = rest.slice(end + 1);
          if (line) yield JSON.parse(line) as ControlCalls[Name]['answer'];
        }
      }
    } catch (error) {
      if (!signal?.aborted)
        throw new FnmeshError('unreachable', `the embedded server ended: ${messageOf(error)}`);
    }
  }

  #send(
    call: string,
    query: Query,
    body: unknown,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const [method, path] = call.split(' ') as [string, string];
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      for (const each of Array.isArray(value) ? value : [value])
        if (each !== undefined) search.append(key, String(each));
    }
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.socketPath,
          method,
          path: search.size > 0 ? `${path}?${search.toString()}` : path,
          headers: payload ? { 'content-type': 'application/json', 'content-length': payload.length } : {},
          timeout: timeoutMs,
          ...(signal ? { signal } : {}),
        },
        resolve,
      );
      outgoing.on('timeout', () =>
        outgoing.destroy(
          new FnmeshError('not_ready', `the embedded server did not answer within ${timeoutMs} ms`),
        ),
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(error)));
      outgoing.end(payload);
    });
  }
}

function errorOf(error: ControlError): FnmeshError {
  return new FnmeshError(error.code, error.message, error.try === undefined ? {} : { try: error.try });
}

function unreachable(error: NodeJS.ErrnoException): FnmeshError {
  if (error instanceof FnmeshError) return error;
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ECONNREFUSED') {
    return new FnmeshError('unreachable', 'the embedded server is not running', {
      try: 'fnmesh start -d',
      cause: error,
    });
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new FnmeshError('unreachable', `the control socket belongs to another user: ${error.message}`, {
      try: 'export FNMESH_HOME=/a/folder/of/yours',
      cause: error,
    });
  }
  return new FnmeshError('unreachable', `the embedded server broke off: ${error.message}`, {
    try: 'fnmesh status',
    cause: error,
  });
}

async function readAll(answer: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  } catch (error) {
    throw unreachable(error as NodeJS.ErrnoException);
  }
  return text;
}

function parseAnswer(text: string, call: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FnmeshError('unreachable', `the embedded server's answer to ${call} is no JSON`, {
      cause: error,
    });
  }
}
