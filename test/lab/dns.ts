// The lab's DNS server. A record is a file: whoever has the lab's folder can change it, from any process.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerTo } from '../helpers/dns-server.js';

/** A running server. */
export type DnsServer = { close(): Promise<void> };

/**
 * Answers on `address:53`. The file `records/NAME` holds a JSON list of IPv4 addresses, read anew for each question; a
 * name without a file does not exist.
 */
export async function startDns(address: string, records: string): Promise<DnsServer> {
  const get = (name: string): string[] | undefined => {
    if (!/^[a-z0-9._-]+$/.test(name)) return undefined;
    try {
      return JSON.parse(readFileSync(join(records, name), 'utf8')) as string[];
    } catch {
      return undefined;
    }
  };
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => socket.send(answerTo(query, { get }), from.port, from.address));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(53, address, resolve);
  });
  return { close: () => new Promise((resolve) => socket.close(() => resolve())) };
}
