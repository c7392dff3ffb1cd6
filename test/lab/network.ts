// The lab's network, inside the namespace that run.sh made: a bridge with the Pods on it, and addresses of the harness.
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The harness's own address on the bridge, of the Node too. */
export const NODE_ADDRESS = '10.99.0.1';
/** The address of Service kube-dns; the lab's DNS server listens there. */
export const DNS_ADDRESS = '10.98.0.53';

/** What holds the network namespace of one Pod. */
export type Sandbox = { pid: number; address: string; remove(): void };

/** Makes the bridge, once. */
export async function setUpNetwork(): Promise<void> {
  await run('ip', ['link', 'set', 'lo', 'up']);
  const { stdout } = await run('ip', ['-o', 'link']);
  if (stdout.includes('lab0')) return;
  // A bridge without an address of its own changes it as its ports come and go; Pods would send to the old one for seconds.
  await run('ip', ['link', 'add', 'lab0', 'address', '02:00:0a:63:00:01', 'type', 'bridge']);
  await run('ip', ['addr', 'add', `${NODE_ADDRESS}/16`, 'dev', 'lab0']);
  await run('ip', ['link', 'set', 'lab0', 'up']);
  await addAddress(DNS_ADDRESS);
}

/** Gives this namespace one more address; Pods reach it too. */
export async function addAddress(address: string): Promise<void> {
  await run('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo']);
}

/** A network namespace on the bridge with the `number`th address of the Pods: 10.99.1.0 + number. It goes with its process. */
export async function addSandbox(number: number): Promise<Sandbox> {
  const address = `10.99.${1 + (number >> 8)}.${number & 255}`;
  const child = spawn('unshare', ['--net', 'sh', '-c', 'echo made; exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error('no network namespace for a Pod')));
    child.stdout.once('data', () => resolve());
  });
  const pid = child.pid!;
  const link = `pod${number}`;
  await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)]);
  const inside = [
    'link set lo up',
    `addr add ${address}/16 dev eth0`,
    'link set eth0 up',
    `route add default via ${NODE_ADDRESS}`,
  ];
  const commands = inside.map((command) => `ip ${command}`).join(' && ');
  await run('nsenter', [`--net=/proc/${pid}/ns/net`, 'sh', '-c', commands]);
  await run('ip', ['link', 'set', link, 'master', 'lab0', 'up']);
  return { pid, address, remove: () => void child.kill('SIGKILL') };
}
