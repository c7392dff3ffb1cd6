// The API server as the harness asks it: plain requests with the admin's certificate, and watches.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { KubeObject } from '../../src/kubernetes/object.js';

/** What the API server answered; `body` is parsed when it is JSON. */
export type ApiAnswer = { status: number; body: unknown };

/** One change of a watched list. */
export type WatchEvent = {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: KubeObject;
};

/** The API server at 127.0.0.1:6443, asked as admin. */
export class Api {
  readonly #agent: Agent;

  /** @param dir Where the certificates lie. */
  constructor(dir: string) {
    this.#agent = new Agent({
      keepAlive: true,
      ca: readFileSync(join(dir, 'ca.crt')),
      cert: readFileSync(join(dir, 'admin.crt')),
      key: readFileSync(join(dir, 'admin.key')),
    });
  }

  /** Any request; an object is sent as JSON. Rejects only when there is no answer. */
  ask(method: string, path: string, body?: object, type = 'application/json'): Promise<ApiAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    // Node gives a DELETE with a body no length by itself.
    const headers =
      text === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(text) };
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: 6443, method, path, headers, agent: this.#agent },
        (answer) => {
          let answered = '';
          answer.setEncoding('utf8').on('data', (part: string) => (answered += part));
          answer.on('error', reject);
          answer.on('end', () => resolve({ status: answer.statusCode!, body: parsed(answered) }));
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  }

  /** The same, for an answer that must be a success. */
  async must<T = KubeObject>(method: string, path: string, body?: object, type?: string): Promise<T> {
    const answer = await this.ask(method, path, body, type);
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body as T;
  }

  /**
   * Lists, then watches, and does both again whenever the watch ends, until the signal.
   * @param listed Gets the whole list, each time.
   */
  async follow(
    path: string,
    signal: AbortSignal,
    listed: (items: KubeObject[]) => void,
    changed: (event: WatchEvent) => void,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const list = await this.must<{ metadata: { resourceVersion: string }; items: KubeObject[] }>(
          'GET',
          path,
        );
        listed(list.items);
        await this.#watch(
          `${path}?watch=true&resourceVersion=${list.metadata.resourceVersion}`,
          signal,
          changed,
        );
      } catch {
        // The API server is restarting, or the watch is too old: from the list again.
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  /** Ends kept-alive connections. */
  close(): void {
    this.#agent.destroy();
  }

  #watch(path: string, signal: AbortSignal, changed: (event: WatchEvent) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: 6443, path, agent: this.#agent, signal }, (answer) => {
        const lines = createInterface({ input: answer });
        lines.on('line', (line) => {
          const event = JSON.parse(line) as WatchEvent;
          if (event.type === 'ERROR') answer.destroy();
          else changed(event);
        });
        lines.on('close', resolve);
        lines.on('error', reject);
      });
      sent.on('error', reject);
      sent.end();
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
