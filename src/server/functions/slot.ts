// The processes of one identity (see slot-key.ts), and the calls that wait for one of them.
import { messageOf } from '../../errors.js';
import type { Call, CallFailure } from './call.js';
import { NOT_INITIALIZED, TOO_BUSY } from './call.js';
import type { Capacity, Tenant } from './capacity.js';
import { FunctionProcess } from './process.js';
import type { ProcessOwner, ProcessSpec } from './process.js';
import { Queue } from './queue.js';
import type { ProcessRecords } from './records.js';

/** More calls than this do not wait: they are told that the server is too busy. */
const MOST_WAITING = 10_000;
/** After a process failed to start beside others that run, no further one is started for this long, in milliseconds. */
const PAUSE_AFTER_FAILURE_MS = 1000;
/** How long a process that was started ahead of a deploy waits to be adopted, in milliseconds. */
const LEASE_MS = 60_000;

let arrivals = 0;

/** What a slot needs to know and where it reports. */
export type SlotSpec = {
  fnId: string;
  process: ProcessSpec;
  /** The most processes it may have. */
  limit: number;
  /** How long a process may be idle, in milliseconds. */
  idleTimeoutMs: number;
  capacity: Capacity;
  records: ProcessRecords;
  /** A process has written a line. */
  line(stream: 'stdout' | 'stderr', text: string, callId: string | null): void;
  /** Nothing runs and nothing waits. */
  empty(slot: Slot): void;
};

/** Whether a process of the slot listens, and if not, why. */
export type Warmth = { ready: true } | { ready: false; why: string };

/**
 * Calls are taken in the order they came. A process is started when more calls wait than processes are idle or
 * starting (fnproject/fn 0.3.753, api/agent/agent.go, which looks every 200 ms; here at once), up to the limit.
 */
export class Slot implements ProcessOwner, Tenant {
  /** The longest idle one first; the last one is used next, so that the others can idle out. */
  readonly #idle: FunctionProcess[] = [];
  readonly #starting = new Set<FunctionProcess>();
  readonly #busy = new Set<FunctionProcess>();
  readonly #ending = new Set<FunctionProcess>();
  readonly #waiting = new Queue<Call>();
  #warming: ((warmth: Warmth) => void)[] = [];
  #leaseUntil = 0;
  #noStartBefore = 0;
  #retired = false;

  constructor(readonly spec: SlotSpec) {
    spec.capacity.join(this);
  }

  /** Processes that take calls, or will. */
  get #size(): number {
    return this.#idle.length + this.#starting.size + this.#busy.size;
  }

  /** How many processes start, wait, work. */
  get counts(): { starting: number; idle: number; busy: number } {
    return { starting: this.#starting.size, idle: this.#idle.length, busy: this.#busy.size };
  }

  /** Makes the call as soon as a process can take it. */
  run(call: Call): void {
    const idle = this.#idle.pop();
    if (idle) {
      this.#busy.add(idle);
      idle.run(call);
    } else if (this.#waiting.length >= MOST_WAITING) {
      call.fail(TOO_BUSY);
    } else {
      call.queued = ++arrivals;
      this.#waiting.push(call);
      this.grow();
    }
  }

  /** Resolves when a process listens, or could not be made to. Such a process is kept for a while. */
  warm(): Promise<Warmth> {
    // It may be what the fn was a moment ago, and is to be again.
    this.#retired = false;
    this.#leaseUntil = performance.now() + LEASE_MS;
    if (this.#idle.length + this.#busy.size > 0) return Promise.resolve({ ready: true });
    return new Promise((resolve) => {
      this.#warming.push(resolve);
      this.grow();
    });
  }

  /** New calls go to this slot again. */
  adopt(): void {
    this.#retired = false;
    this.#leaseUntil = 0;
  }

  /** New calls go elsewhere: those under way and waiting are finished, then every process ends. */
  retire(): void {
    this.#retired = true;
    this.#leaseUntil = 0;
    for (const process of [...this.#idle]) process.end();
    if (this.#waiting.length === 0 && this.#warming.length === 0) {
      for (const process of [...this.#starting]) process.end();
    }
    this.#reportEmpty();
  }

  /** Ends everything; calls that wait fail. */
  close(how: 'end' | 'kill'): void {
    this.#retired = true;
    this.#warmed({ ready: false, why: 'the server is about to end' });
    this.#failWaiting(TOO_BUSY);
    for (const process of [...this.#idle, ...this.#starting, ...this.#busy]) process[how]();
    if (how === 'kill') for (const process of this.#ending) process.kill();
  }

  /** Ends the processes that have been idle too long. @param now performance.now() */
  reap(now: number): void {
    if (now < this.#leaseUntil) return;
    while (this.#idle.length > 0 && now - this.#idle[0]!.idleSince >= this.spec.idleTimeoutMs)
      this.#idle[0]!.end();
  }

  grow(): void {
    for (;;) {
      const wanted = Math.max(this.#waiting.length, this.#warming.length > 0 ? 1 : 0);
      if (wanted <= this.#idle.length + this.#starting.size || this.#size >= this.spec.limit) return;
      if (this.#size > 0 && performance.now() < this.#noStartBefore) return;
      if (!this.spec.capacity.take(this)) return;
      try {
        this.#starting.add(new FunctionProcess(this.spec.process, this, this.spec.records));
      } catch (error) {
        // The system refuses: no room for the socket's directory, too many open files or processes.
        this.spec.capacity.give();
        this.line('stderr', `fnmesh: the process could not be started: ${messageOf(error)}`, null);
        return this.#couldNotStart(NOT_INITIALIZED, messageOf(error));
      }
    }
  }

  starvedSince(): number | undefined {
    if (this.#size > 0) return undefined;
    return this.#waiting.peek()?.queued ?? (this.#warming.length > 0 ? 0 : undefined);
  }

  idleSince(): number | undefined {
    return this.#idle[0]?.idleSince;
  }

  giveUpIdle(): boolean {
    this.#idle[0]?.end();
    return this.#ending.size > 0;
  }

  ready(process: FunctionProcess): void {
    this.#starting.delete(process);
    this.#warmed({ ready: true });
    this.#place(process);
  }

  notReady(_process: FunctionProcess, failure: CallFailure, why: string): void {
    this.#couldNotStart(failure, why);
  }

  free(process: FunctionProcess): void {
    this.#busy.delete(process);
    this.#place(process);
  }

  lost(process: FunctionProcess): void {
    const at = this.#idle.indexOf(process);
    if (at >= 0) this.#idle.splice(at, 1);
    const wasStarting = this.#starting.delete(process);
    this.#busy.delete(process);
    this.#ending.add(process);
    // Where it was to start, what becomes of those who wait is decided once it is known why it did not.
    if (!wasStarting) this.grow();
  }

  again(call: Call): void {
    this.#waiting.putBack(call);
    const idle = this.#idle.pop();
    if (idle) this.#place(idle);
    else this.grow();
  }

  ended(process: FunctionProcess): void {
    this.#ending.delete(process);
    this.spec.capacity.give();
    this.#reportEmpty();
  }

  line(stream: 'stdout' | 'stderr', text: string, callId: string | null): void {
    this.spec.line(stream, text, callId);
  }

  /** Gives an idle process its next call, or lets it rest, or ends it to make room for others. */
  #place(process: FunctionProcess): void {
    while (!this.spec.capacity.isStarved(this.#waiting.peek()?.queued)) {
      const call = this.#waiting.shift();
      if (call === undefined) {
        if (this.#retired) break;
        this.#idle.push(process);
        return;
      }
      if (call.gone()) {
        call.fail(TOO_BUSY);
        continue;
      }
      this.#busy.add(process);
      process.run(call);
      return;
    }
    process.end();
  }

  #couldNotStart(failure: CallFailure, why: string): void {
    if (this.#idle.length + this.#busy.size > 0) {
      // Others serve those who wait; trying again and again at full speed would only take their time.
      this.#noStartBefore = performance.now() + PAUSE_AFTER_FAILURE_MS;
    } else if (this.#starting.size === 0) {
      this.#warmed({ ready: false, why });
      this.#failWaiting(failure);
    }
    this.#reportEmpty();
  }

  #warmed(warmth: Warmth): void {
    for (const resolve of this.#warming.splice(0)) resolve(warmth);
  }

  #failWaiting(failure: CallFailure): void {
    for (let call = this.#waiting.shift(); call; call = this.#waiting.shift()) call.fail(failure);
  }

  #reportEmpty(): void {
    const size = this.#size + this.#ending.size;
    if (size === 0 && this.#waiting.length === 0 && this.#warming.length === 0) this.spec.empty(this);
  }
}
