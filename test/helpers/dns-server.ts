// A DNS server in this process (RFC 1035, A records over UDP), for what looks names up by itself.
import { createSocket } from 'node:dgram';

/** A running server. */
export type DnsServer = {
  /** `127.0.0.1:PORT`. */
  address: string;
  /** Names and their IPv4 addresses; may be changed at any time. A name that is not there does not exist. */
  records: Map<string, string[]>;
  close(): Promise<void>;
};

/** Starts it on a free port. */
export async function startDnsServer(records: Record<string, string[]> = {}): Promise<DnsServer> {
  const known = new Map(Object.entries(records));
  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => socket.send(answerTo(query, known), port, address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    records: known,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** The answer to a query with one question; names are looked up in lower case, without the dot at their end. */
export function answerTo(query: Buffer, records: Pick<ReadonlyMap<string, string[]>, 'get'>): Buffer {
  const labels: string[] = [];
  let end = 12;
  for (; query[end]! > 0; end += 1 + query[end]!)
    labels.push(query.toString('latin1', end + 1, end + 1 + query[end]!));
  const found = records.get(labels.join('.').toLowerCase());
  const asksForA = query.readUInt16BE(end + 1) === 1;
  const addresses = asksForA ? (found ?? []) : [];
  const head = Buffer.from(query.subarray(0, 12));
  // An answer, recursion available; 3: no such name.
  head.writeUInt16BE(0x8180 | (found === undefined ? 3 : 0), 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  // The name by pointer, type A, class IN, a second to live, four bytes.
  const rows = addresses.map((ip) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...ip.split('.').map(Number)]),
  );
  return Buffer.concat([head, query.subarray(12, end + 5), ...rows]);
}
