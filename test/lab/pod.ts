// One Pod on the lab's only Node: starts its containers, keeps them running, tells how they are, and ends them.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.js';
import { startContainer, type Container } from './container.js';
import { addSandbox, NODE_ADDRESS, type Sandbox } from './network.js';
import type { ContainerSpec, ContainerState, Pod } from './pod-types.js';
import { probe } from './probe.js';
import { writeVolumes } from './volumes.js';

/** What the node gives its Pods. */
export type NodeSettings = {
  api: Api;
  /** Where the Pods' folders are made. */
  dir: string;
  /** Debian's nginx: the one image there is. */
  nginx: string;
  /** Grace periods are cut to this many seconds. */
  maxGraceSeconds: number;
  /** Sleeps before a stop are cut to this many seconds. */
  maxPreStopSeconds: number;
};

/** How one container is. */
type Status = {
  spec: ContainerSpec;
  process: Container | null;
  state: ContainerState;
  lastState: ContainerState | null;
  ready: boolean;
  started: boolean;
  restarts: number;
};

/** A Pod that runs, or tries to. */
export class RunningPod {
  readonly #settings: NodeSettings;
  readonly #pod: Pod;
  readonly #dir: string;
  readonly #path: string;
  readonly #startTime = new Date().toISOString();
  readonly #containers: Status[];
  #sandbox: Sandbox | null = null;
  #ending = false;
  #gone = false;
  #reporting: Promise<void> = Promise.resolve();
  #reported = '';
  #readiness = { ready: false, since: this.#startTime };

  /** @param number Which Pod of the Node it is, from 1; its address follows from it. */
  constructor(
    settings: NodeSettings,
    pod: Pod,
    readonly number: number,
  ) {
    this.#settings = settings;
    this.#pod = pod;
    this.#dir = join(settings.dir, pod.metadata.uid);
    this.#path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
    this.#containers = pod.spec.containers.map((spec) => ({
      spec,
      process: null,
      state: { waiting: { reason: 'ContainerCreating' } },
      lastState: null,
      ready: false,
      started: false,
      restarts: 0,
    }));
  }

  /** The file with what a container printed, all its runs together. */
  logOf(container?: string): string {
    return join(this.#dir, container ?? this.#pod.spec.containers[0]!.name, 'log');
  }

  /** Its IP address, once it has one. */
  get address(): string | undefined {
    return this.#sandbox?.address;
  }

  /** Runs it until `end` or `drop`. */
  async run(): Promise<void> {
    this.#report();
    this.#sandbox = await addSandbox(this.number);
    let volumes: Record<string, string> | null = null;
    while (!volumes && !this.#ending) {
      volumes = await writeVolumes(this.#settings.api, this.#pod, join(this.#dir, 'volumes')).catch(
        () => null,
      );
      if (!volumes) await sleep(200);
    }
    await Promise.all(this.#containers.map((container) => this.#keep(container, volumes ?? {})));
  }

  /** The Pod was deleted: preStop, SIGQUIT as nginx images ask for, SIGKILL after the grace period, then it is gone. */
  async end(graceSeconds: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    const { maxGraceSeconds, maxPreStopSeconds, api } = this.#settings;
    const until = sleep(Math.min(graceSeconds, maxGraceSeconds) * 1_000, null, { ref: false });
    await Promise.all(
      this.#containers.map(async ({ process, spec }) => {
        if (!process) return;
        const { sleep: pause, exec } = spec.lifecycle?.preStop ?? {};
        if (graceSeconds > 0) {
          if (pause) await Promise.race([until, sleep(Math.min(pause.seconds, maxPreStopSeconds) * 1_000)]);
          if (exec) await Promise.race([until, process.exec(exec.command).catch(() => undefined)]);
          process.signal('SIGQUIT');
        }
        await Promise.race([process.ended, until]);
        process.signal('SIGKILL');
        await process.ended;
      }),
    );
    this.drop();
    await this.#reporting;
    await api.ask('DELETE', this.#path, {
      gracePeriodSeconds: 0,
      preconditions: { uid: this.#pod.metadata.uid },
    });
  }

  /** Ends it at once: the object is gone, or the lab ends. */
  drop(): void {
    this.#ending = true;
    this.#gone = true;
    for (const { process } of this.#containers) process?.signal('SIGKILL');
    this.#sandbox?.remove();
    rmSync(join(this.#dir, 'volumes'), { recursive: true, force: true });
  }

  /** Starts a container again whenever it ends, until the Pod ends. */
  async #keep(status: Status, volumes: Record<string, string>): Promise<void> {
    const { spec } = status;
    if (!/(^|\/)nginx[^/]*$/.test(spec.image)) return this.#noImage(status);
    const dir = join(this.#dir, spec.name);
    mkdirSync(dir, { recursive: true });
    for (let pause = 100; !this.#ending; pause = Math.min(pause * 2, 5_000)) {
      const startedAt = new Date().toISOString();
      const own = startContainer({
        ...{ pod: this.#pod.spec, container: spec, dir, volumes, nginx: this.#settings.nginx },
        env: this.#environment(spec),
        sandbox: this.#sandbox!.pid,
      });
      status.process = own;
      status.state = { running: { startedAt } };
      status.started = !spec.startupProbe;
      status.ready = status.started && !spec.readinessProbe;
      this.#report();
      void this.#probes(status, own);
      const exitCode = await own.ended;
      if (status.process === own) status.process = null;
      const reason = exitCode === 0 ? 'Completed' : 'Error';
      const over = { terminated: { exitCode, reason, startedAt, finishedAt: new Date().toISOString() } };
      status.ready = status.started = false;
      if (this.#ending) {
        status.state = over;
        this.#report();
        return;
      }
      status.lastState = over;
      status.restarts += 1;
      const message = `back-off restarting failed container ${spec.name} in pod ${this.#pod.metadata.name}`;
      status.state = { waiting: { reason: 'CrashLoopBackOff', message } };
      this.#report();
      await sleep(pause);
    }
  }

  /** A failing pull, as the kubelet tells it: first the error, then that it waits. */
  async #noImage(status: Status): Promise<void> {
    const { image } = status.spec;
    const message = `failed to pull and unpack image "${image}": not found`;
    status.state = { waiting: { reason: 'ErrImagePull', message } };
    this.#report();
    await sleep(2_000);
    status.state = { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } };
    this.#report();
  }

  /** Startup, then readiness and liveness, while this very process runs. Until the first success it asks often. */
  async #probes(status: Status, own: Container): Promise<void> {
    const { spec } = status;
    const address = this.#sandbox!.address;
    const lives = (): boolean => status.process === own && !this.#gone;
    for (let failures = 0; spec.startupProbe && lives() && !status.started;) {
      status.started = await probe(spec.startupProbe, spec, address, own);
      if (!status.started && ++failures > 10 * (spec.startupProbe.failureThreshold ?? 3))
        own.signal('SIGKILL');
      if (!status.started) await sleep(100);
    }
    const readiness = async (): Promise<void> => {
      const how = spec.readinessProbe;
      for (let failures = 0; lives();) {
        const good = !how || (await probe(how, spec, address, own));
        failures = good ? 0 : failures + 1;
        const ready = good || (status.ready && failures < (how?.failureThreshold ?? 3));
        if (lives() && ready !== status.ready) {
          status.ready = ready;
          this.#report();
        }
        if (!how) return;
        await sleep(status.ready ? (how.periodSeconds ?? 10) * 1_000 : 100);
      }
    };
    const liveness = async (): Promise<void> => {
      const how = spec.livenessProbe;
      for (let failures = 0; how && lives();) {
        await sleep((how.periodSeconds ?? 10) * 1_000);
        failures = (await probe(how, spec, address, own)) ? 0 : failures + 1;
        if (lives() && failures >= (how.failureThreshold ?? 3)) own.signal('SIGKILL');
      }
    };
    await Promise.all([readiness(), liveness()]);
  }

  #environment({ env = [] }: ContainerSpec): Record<string, string> {
    const { metadata } = this.#pod;
    const fields: Record<string, string> = {
      'metadata.name': metadata.name,
      'metadata.namespace': metadata.namespace,
      'status.podIP': this.#sandbox!.address,
    };
    return Object.fromEntries([
      ['HOSTNAME', metadata.name],
      ...env.map(({ name, value, valueFrom }) => [
        name,
        value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ''] ?? '',
      ]),
    ]) as Record<string, string>;
  }

  /** Writes the status as it is now, one write after the other, when it has changed. */
  #report(): void {
    this.#reporting = this.#reporting.then(async () => {
      const status = this.#status();
      const text = JSON.stringify(status);
      if (this.#gone || text === this.#reported) return;
      this.#reported = text;
      await this.#settings.api
        .ask('PATCH', `${this.#path}/status`, { status }, 'application/merge-patch+json')
        .catch(() => undefined);
    });
  }

  #status(): object {
    const running = this.#containers.every(
      ({ state }) => !('waiting' in state) || state.waiting.reason === 'CrashLoopBackOff',
    );
    const ready = this.#containers.every((container) => container.ready);
    if (ready !== this.#readiness.ready) this.#readiness = { ready, since: new Date().toISOString() };
    const condition = (type: string, good: boolean, lastTransitionTime = this.#startTime): object => {
      return { type, status: good ? 'True' : 'False', lastTransitionTime };
    };
    const address = this.#sandbox?.address;
    return {
      phase: running ? 'Running' : 'Pending',
      startTime: this.#startTime,
      hostIP: NODE_ADDRESS,
      hostIPs: [{ ip: NODE_ADDRESS }],
      ...(address !== undefined && { podIP: address, podIPs: [{ ip: address }] }),
      conditions: [
        condition('PodScheduled', true),
        condition('Initialized', true),
        condition('ContainersReady', ready, this.#readiness.since),
        condition('Ready', ready, this.#readiness.since),
      ],
      containerStatuses: this.#containers.map(
        ({ spec, state, lastState, ready, started, restarts, process }) => ({
          name: spec.name,
          image: spec.image,
          imageID: '',
          state,
          lastState: lastState ?? {},
          ready,
          started,
          restartCount: restarts,
          ...(process && { containerID: `lab://${process.pid() ?? 0}` }),
        }),
      ),
    };
  }
}
