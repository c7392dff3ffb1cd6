// A connection to a port of a Pod by the API server's port-forward over a WebSocket (Kubernetes, pods/portforward;
// subprotocol v4.channel.k8s.io: binary messages whose first byte is the channel, 0 for data and 1 for errors).
import { Duplex } from 'node:stream';
import type { RawData } from 'ws';
import { FnmeshError, messageOf } from '../errors.js';
import { NoAnswer } from '../fn/http.js';
import type { ClusterApi } from './client-api.js';
import type { ClusterHttp } from './client-http.js';
import { objectPath, queryOf } from './client-paths.js';
import { refusalOf } from './client-status.js';
import { KINDS } from './object.js';

const PROTOCOL = 'v4.channel.k8s.io';
/** Both channels first say which port they are for, in two bytes. */
const PREFIX = 2;
const [DATA, ERROR] = [0, 1];
/** How long the other side has to answer a close, in milliseconds. */
const CLOSE_MS = 1000;
/** Bytes in one message, at most. */
const MESSAGE = 65_536;

/**
 * Connects, and gives the connection once the API server has taken it. The Pod's side can end it, but the protocol has no
 * end of one direction: ending the stream keeps the other one open until it is destroyed.
 * An error of the Pod's side, such as a port on which nobody listens, destroys the stream with FnmeshError `unreachable`.
 * @throws FnmeshError as `refusalOf` says; `unreachable` without an answer.
 */
export async function forwardPort(
  api: ClusterApi,
  http: ClusterHttp,
  namespace: string,
  pod: string,
  port: number,
): Promise<Duplex> {
  const { default: WebSocket } = await import('ws');
  const { headers, agent } = await http.signed();
  const path = `${objectPath(KINDS.Pod, namespace, pod)}/portforward${queryOf({ ports: port })}`;
  const asked = { verb: 'create', kind: KINDS.Pod, subresource: 'portforward', namespace, name: pod };
  const where = `port ${port} of Pod ${namespace}/${pod}`;
  // Compression is for those who pay by the byte; here it would cost memory for every connection.
  const socket = new WebSocket(`${http.server.replace(/^http/, 'ws')}${path}`, [PROTOCOL], {
    headers: headers as Record<string, string>,
    agent,
    perMessageDeflate: false,
    handshakeTimeout: 30_000,
  });
  socket.binaryType = 'nodebuffer';

  const skipped = [0, 0];
  let failure = '';
  const stream = new Duplex({
    read: () => socket.resume(),
    write(piece: Buffer, _encoding, done) {
      const send = (from: number): void => {
        const message = Buffer.concat([Buffer.from([DATA]), piece.subarray(from, from + MESSAGE)]);
        const isLast = from + MESSAGE >= piece.length;
        socket.send(message, (error) => (error || isLast ? done(error) : send(from + MESSAGE)));
      };
      send(0);
    },
    destroy(error, done) {
      // What waits to be sent goes first; who does not answer the close is not waited for.
      if (error) socket.terminate();
      else socket.close();
      setTimeout(() => socket.terminate(), CLOSE_MS).unref();
      done(error);
    },
  });

  socket.on('message', (raw: RawData) => {
    const message = raw as Buffer;
    const channel = message[0]!;
    if (channel !== DATA && channel !== ERROR) return;
    const prefix = Math.min(PREFIX - skipped[channel]!, message.length - 1);
    skipped[channel]! += prefix;
    const content = message.subarray(1 + prefix);
    if (content.length === 0) return;
    if (channel === ERROR) failure += content.toString();
    else if (!stream.push(content)) socket.pause();
  });

  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('unexpected-response', (_request, answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('close', () => {
        const text = Buffer.concat(pieces).toString();
        reject(refusalOf({ status: answer.statusCode ?? 0, body: parsed(text) }, asked, api.identity));
      });
    });
    socket.on('error', (error) => reject(api.unanswered(new NoAnswer(error, { arrived: false }))));
  });

  const broken = (why: string): FnmeshError =>
    new FnmeshError('unreachable', `${where}: ${why}`, {
      try: `kubectl -n ${namespace} describe pod ${pod}`,
    });
  socket.on('error', (error) => stream.destroy(broken(messageOf(error))));
  socket.on('close', (code) => {
    if (failure !== '') stream.destroy(broken(failure.trim()));
    // 1006: without a word, as when the API server went.
    else if (code === 1006) stream.destroy(broken('the connection broke off'));
    else stream.push(null);
  });
  return stream;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
