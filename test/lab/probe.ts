// The probes of a container, as the kubelet makes them.
import { get } from 'node:http';
import { connect } from 'node:net';
import type { Container } from './container.js';
import type { ContainerSpec, Probe } from './pod-types.js';

/** Makes one probe: whether it succeeded. */
export async function probe(
  how: Probe,
  spec: ContainerSpec,
  address: string,
  container: Container,
): Promise<boolean> {
  const timeout = (how.timeoutSeconds ?? 1) * 1_000;
  if (how.exec) {
    return await container.exec(how.exec.command).then(
      () => true,
      () => false,
    );
  }
  const port = portOf(how.httpGet?.port ?? how.tcpSocket!.port, spec);
  if (how.tcpSocket) {
    return await new Promise((resolve) => {
      const socket = connect({ host: address, port, timeout });
      const done = (good: boolean): void => {
        socket.destroy();
        resolve(good);
      };
      socket.on('connect', () => done(true)).on('error', () => done(false));
      socket.on('timeout', () => done(false));
    });
  }
  const { path = '/', httpHeaders = [] } = how.httpGet!;
  const headers = { 'user-agent': 'kube-probe/1.36', connection: 'close' } as Record<string, string>;
  for (const { name, value } of httpHeaders) headers[name] = value;
  return await new Promise((resolve) => {
    const sent = get({ host: address, port, path, headers, timeout, agent: false }, (answer) => {
      answer.resume();
      answer.on('error', () => undefined);
      resolve(answer.statusCode! >= 200 && answer.statusCode! < 400);
    });
    sent.on('error', () => resolve(false));
    sent.on('timeout', () => sent.destroy());
  });
}

function portOf(port: number | string, { ports = [] }: ContainerSpec): number {
  if (typeof port === 'number') return port;
  return ports.find(({ name }) => name === port)?.containerPort ?? 0;
}
