// Endpoints as Envoy asks istiod for them: one stream of ADS over gRPC (xDS protocol, state of the world; Envoy 1.40,
// service.discovery.v3). Files would take an inotify instance a cluster, of which Linux gives a user 128.
import { createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { LoadAssignment } from './gateway-clusters.js';

/** A running server of endpoints. */
export type EndpointServer = {
  port: number;
  /** Takes the place of all that was; what changed is sent at once. */
  set(endpoints: ReadonlyMap<string, LoadAssignment>): void;
  /** Whether Envoy has acknowledged all that it was sent. @throws Error with what it says when it refused. */
  acknowledged(): boolean;
  close(): void;
};

const TYPE = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

/** Starts it on a port of 127.0.0.1. */
export async function serveEndpoints(): Promise<EndpointServer> {
  let known = new Map<string, Buffer>();
  const sessions = new Set<Http2Session>();
  let subscriber: Subscriber | null = null;
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.on('error', () => undefined);
    subscriber = new Subscriber(stream, (name) => known.get(name) ?? assignment(name));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    set: (endpoints) => {
      const before = known;
      known = new Map([...endpoints].map(([name, load]) => [name, assignment(name, load)]));
      subscriber?.send(
        [...known.keys()].filter((name) => !known.get(name)!.equals(before.get(name) ?? NONE)),
      );
    },
    acknowledged: () => {
      if (subscriber?.refusal) throw new Error(`Envoy refused endpoints: ${subscriber.refusal}`);
      return subscriber === null || subscriber.acknowledged;
    },
    close: () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

const NONE = Buffer.alloc(0);

/** An Envoy that asks. */
class Subscriber {
  acknowledged = true;
  refusal: string | null = null;
  #names = new Set<string>();
  #nonce = 0;
  #rest: Buffer = NONE;

  constructor(
    readonly stream: ServerHttp2Stream,
    readonly find: (name: string) => Buffer,
  ) {
    stream.on('data', (bytes: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt32BE(1)) {
        const end = 5 + this.#rest.readUInt32BE(1);
        this.#asked(this.#rest.subarray(5, end));
        this.#rest = this.#rest.subarray(end);
      }
    });
  }

  /** Those of the names that it asked for. */
  send(names: readonly string[]): void {
    const wanted = names.filter((name) => this.#names.has(name));
    if (wanted.length === 0 || this.stream.destroyed) return;
    this.acknowledged = false;
    const nonce = String(++this.#nonce);
    const message = Buffer.concat([
      text(1, nonce),
      ...wanted.map((name) => bytes(2, Buffer.concat([text(1, TYPE), bytes(2, this.find(name))]))),
      text(4, TYPE),
      text(5, nonce),
    ]);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    this.stream.write(Buffer.concat([head, message]));
  }

  /** DiscoveryRequest: resource_names is 3, type_url 4, response_nonce 5, error_detail 6. */
  #asked(message: Buffer): void {
    const fields = fieldsOf(message);
    if (!fields.some(([number, value]) => number === 4 && value.toString() === TYPE)) return;
    const names = fields.flatMap(([number, value]) => (number === 3 ? [value.toString()] : []));
    const nonce = fields.find(([number]) => number === 5)?.[1].toString() ?? '';
    this.refusal = fields.find(([number]) => number === 6)?.[1].toString() ?? null;
    const added = names.filter((name) => !this.#names.has(name));
    // The same question once more, after the answer was acknowledged: a cluster of that name was made anew.
    const again = added.length === 0 && this.acknowledged && nonce === String(this.#nonce);
    if (nonce === String(this.#nonce)) this.acknowledged = true;
    const fewer = names.length < this.#names.size;
    this.#names = new Set(names);
    this.send(again && !fewer ? names : added);
  }
}

/** ClusterLoadAssignment; enum HEALTHY is 1. */
function assignment(name: string, load?: LoadAssignment): Buffer {
  const localities = (load?.endpoints ?? []).map(({ lb_endpoints: endpoints }) => {
    const each = endpoints.map(({ endpoint }) => {
      const { address, port_value: port } = endpoint.address.socket_address;
      const socket = Buffer.concat([text(2, address), number(3, port)]);
      return bytes(2, Buffer.concat([bytes(1, bytes(1, bytes(1, socket))), number(2, 1)]));
    });
    return bytes(2, Buffer.concat([bytes(1, NONE), ...each]));
  });
  return Buffer.concat([text(1, name), ...localities]);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  for (; value > 127; value >>>= 7) out.push((value & 127) | 128);
  return Buffer.from([...out, value]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

/** The fields that have a length; others are passed over. */
function fieldsOf(message: Buffer): [number, Buffer][] {
  const fields: [number, Buffer][] = [];
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = next();
    const kind = key & 7;
    if (kind === 2) {
      const length = next();
      fields.push([key >>> 3, message.subarray(at, at + length)]);
      at += length;
    } else if (kind === 0) next();
    else at += kind === 1 ? 8 : 4;
  }
  return fields;
}
