// A port of this machine whose connections go to a ready Pod, by the API server's port-forward.
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { FnmeshError, messageOf } from '../errors.js';
import type { Emit } from '../events.js';
import type { Cluster, Selection } from './cluster.js';
import type { KubeObject } from './object.js';
import { KINDS } from './object.js';

/** Which Pods, and their port: a number, or the name of one of their containers' ports. */
export type ForwardTarget = Selection & { port: number | string };

/** A running forward. */
export type Forward = {
  /** Of 127.0.0.1. */
  port: number;
  /** The Pods that were ready when it began, as `namespace/name`, in the order in which they are used. */
  pods: string[];
  /** Ends it, and all connections. */
  close(): Promise<void>;
};

type Pod = { namespace: string; name: string; port: number };

/** How long a list of Pods counts, in milliseconds. */
const FRESH_MS = 5000;
/** How long an answer may still have pieces to come when the caller has closed its side, in milliseconds. */
const SILENCE_MS = 1000;
/** How long an answer may take to begin then: longer than Fn's longest function, in milliseconds. */
const ANSWER_MS = 330_000;

/**
 * Listens on 127.0.0.1. All connections go to the first ready Pod, and to the next one when it is gone or not ready.
 * That it may, and that one can be reached, is tried before.
 * @param listen The port; 0: any.
 * @throws FnmeshError `not_ready` when no Pod is ready, `conflict` when the port is taken, and what Cluster throws.
 */
export async function forward(
  cluster: Pick<Cluster, 'list' | 'connect'>,
  target: ForwardTarget,
  listen: { port: number },
  emit: Emit,
): Promise<Forward> {
  const chooser = new ReadyPods(cluster, target);
  const first = await chooser.ready();
  (await chooser.connect(emit)).destroy();

  const open = new Set<Socket>();
  // The answer to a request whose sender has closed its side is still to be sent.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    chooser.connect(emit).then(
      (stream) => {
        // Its caller may have gone meanwhile.
        if (socket.destroyed) stream.destroy();
        else join(socket, stream, emit);
      },
      (error: unknown) => {
        emit({ type: 'warning', text: `a connection could not be forwarded: ${messageOf(error)}` });
        socket.resetAndDestroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(
        new FnmeshError('conflict', `port ${listen.port} of this machine is taken`, {
          try: '--port 0, for any free port',
        }),
      );
    });
    server.listen(listen.port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    pods: first.map(({ namespace, name }) => `${namespace}/${name}`),
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The Pods that connections may go to, in order; what does not work goes last. */
class ReadyPods {
  #pods: Pod[] = [];
  #at = -Infinity;
  #current = '';

  constructor(
    private readonly cluster: Pick<Cluster, 'list' | 'connect'>,
    private readonly target: ForwardTarget,
  ) {}

  /** @throws FnmeshError `not_ready` when there is none. */
  async ready(): Promise<Pod[]> {
    if (Date.now() - this.#at < FRESH_MS) return this.#pods;
    const { namespace, labels, port } = this.target;
    const all = await this.cluster.list(KINDS.Pod, { namespace, ...(labels && { labels }) });
    this.#pods = all.filter(isReady).flatMap((pod) => {
      const number = typeof port === 'number' ? port : portNamed(pod, port);
      return number === undefined
        ? []
        : [{ namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, port: number }];
    });
    this.#at = Date.now();
    if (this.#pods.length > 0) return this.#pods;
    this.#at = -Infinity;
    const words = Object.entries(labels ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join(',');
    const what = all.length === 0 ? 'there is no Pod' : `none of ${all.length} Pods is ready`;
    throw new FnmeshError(
      'not_ready',
      `${what} with ${words}${namespace === null ? '' : ` in ${namespace}`}`,
      {
        try: `kubectl ${namespace === null ? '-A' : `-n ${namespace}`} get pods -l ${words}`,
      },
    );
  }

  /** @throws FnmeshError of the last Pod that was tried. */
  async connect(emit: Emit): Promise<Duplex> {
    const tried = new Set<string>();
    for (;;) {
      const left = (await this.ready()).filter(({ name }) => !tried.has(name));
      const pod = left.find(({ name }) => name === this.#current) ?? left[0]!;
      tried.add(pod.name);
      try {
        const stream = await this.cluster.connect(pod.namespace, pod.name, pod.port);
        if (this.#current !== '' && this.#current !== pod.name)
          emit({ type: 'note', text: `now to Pod ${pod.namespace}/${pod.name}` });
        this.#current = pod.name;
        return stream;
      } catch (error) {
        // Who may not do it here may not do it there.
        if (error instanceof FnmeshError && error.code === 'config') throw error;
        this.#at = -Infinity;
        if (!(await this.ready()).some(({ name }) => !tried.has(name))) throw error;
      }
    }
  }
}

/** Joins a caller and a Pod. The protocol has no end of one direction, so what a caller's end means is made out here. */
function join(socket: Socket, stream: Duplex, emit: Emit): void {
  let isWaiting = false;
  let timer: NodeJS.Timeout | undefined;
  const endAfter = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stream.destroy(), ms);
  };
  socket.on('data', () => (isWaiting = true));
  stream.on('data', () => {
    isWaiting = false;
    if (timer !== undefined) endAfter(SILENCE_MS);
  });
  socket.on('end', () => endAfter(isWaiting ? ANSWER_MS : SILENCE_MS));
  stream.on('error', (error) => {
    emit({ type: 'warning', text: messageOf(error) });
    socket.resetAndDestroy();
  });
  stream.on('close', () => {
    clearTimeout(timer);
    socket.destroySoon();
  });
  socket.on('close', () => stream.destroy());
  socket.pipe(stream).pipe(socket);
}

function isReady({ metadata, status }: KubeObject): boolean {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] };
  if (metadata.deletionTimestamp !== undefined) return false;
  return conditions.some((each) => each.type === 'Ready' && each.status === 'True');
}

function portNamed({ spec }: KubeObject, wanted: string): number | undefined {
  type Container = { ports?: { name?: string; containerPort: number }[] };
  const { containers = [] } = (spec ?? {}) as { containers?: Container[] };
  return containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === wanted)?.containerPort;
}
