// The lab's DNS server (RFC 1035, A records over UDP). A record is a file: whoever has the lab's folder can change it.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A running server. */
export type DnsServer = { close(): Promise<void> };

/**
 * Answers on `address:53`. `records/NAME` holds JSON: `{"addresses": ["10.99.0.7"], "ttl": 1}`; a name without a file
 * does not exist (NXDOMAIN). Read anew for each question.
 */
export async function startDns(address: string, records: string): Promise<DnsServer> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { address: to, port }) => {
    const answer = answerTo(message, records);
    if (answer) socket.send(answer, port, to);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(53, address, resolve);
  });
  return { close: () => new Promise((resolve) => socket.close(() => resolve())) };
}

function answerTo(message: Buffer, records: string): Buffer | null {
  if (message.length < 17 || message.readUInt16BE(4) !== 1) return null;
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at]!; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const question = message.subarray(12, at + 5);
  const isA = message.readUInt16BE(at + 1) === 1;
  const found = lookUp(labels.join('.').toLowerCase(), records);
  const answers = isA && found ? found.addresses : [];

  const head = Buffer.alloc(12);
  message.copy(head, 0, 0, 2);
  // An authoritative answer, recursion as asked for and available; NXDOMAIN when there is no such name.
  head.writeUInt16BE(0x8480 | (message.readUInt16BE(2) & 0x0100) | (found ? 0 : 3), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  const rows = answers.map((ip) => {
    const row = Buffer.alloc(16);
    row.writeUInt16BE(0xc00c, 0);
    row.writeUInt32BE(0x00010001, 2);
    row.writeUInt32BE(found!.ttl, 6);
    row.writeUInt16BE(4, 10);
    row.set(ip.split('.').map(Number), 12);
    return row;
  });
  return Buffer.concat([head, question, ...rows]);
}

function lookUp(name: string, records: string): { addresses: string[]; ttl: number } | null {
  if (!/^[a-z0-9._-]+$/.test(name)) return null;
  try {
    return JSON.parse(readFileSync(join(records, name), 'utf8')) as { addresses: string[]; ttl: number };
  } catch {
    return null;
  }
}
