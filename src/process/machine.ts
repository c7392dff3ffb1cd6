// Which machine a process runs on, so that others can tell whether its process id says anything to them.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * A name that only processes share which see each other's ids: on Linux of one boot of one machine and of one
 * container, since machines of one image, and containers in their host's network, have the same host name; elsewhere
 * the host name alone. At most 120 characters.
 */
export function machine(): string {
  const boot = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const processes = read(() => readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''));
  return [hostname().slice(0, 60), boot.slice(0, 36), processes.slice(0, 20)].filter(Boolean).join(' ');
}

function read(get: () => string): string {
  try {
    return get();
  } catch {
    return '';
  }
}
