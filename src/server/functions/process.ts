// One hot function process: started, called one request at a time, ended with everything it has started itself.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildRegistration } from '../../control/protocol.js';
import { messageOf } from '../../errors.js';
import type { Call, CallFailure } from './call.js';
import * as failure from './call.js';
import { ProcessGroup } from './child.js';
import { Connection } from './connection.js';
import type { Outcome } from './connection.js';
import type { ProcessRecords } from './records.js';
import type { ResponseLimits, ResponseReader } from './response-reader.js';
import { LISTENER, lookForListener, makeSocketDir, removeSocketDir, watchSocketDir } from './socket-dir.js';

/** After SIGTERM, how long a process may take to end before SIGKILL, in milliseconds. */
const GRACE_MS = 1000;
/** After it has ended, how long its connection may take to tell what became of its call, in milliseconds. */
const LAST_WORDS_MS = 200;
/** A call that so many connections took and nobody read is not sent again: it is the function that reads none. */
const MOST_UNREAD = 6;

/** What a process runs and within which bounds. */
export type ProcessSpec = {
  build: BuildRegistration;
  /** The environment for a process whose socket lies in this directory. */
  environment(socketDir: string): Record<string, string>;
  /** The longest a call may take, in milliseconds. */
  timeoutMs: number;
  /** The longest it may take until it listens, in milliseconds. */
  startTimeoutMs: number;
  limits: ResponseLimits;
};

/** What a process tells its slot. */
export interface ProcessOwner {
  /** It listens, and is idle. */
  ready(process: FunctionProcess): void;
  /** It will never listen; `why` is for people. */
  notReady(process: FunctionProcess, failure: CallFailure, why: string): void;
  /** It has finished a call, and is idle. */
  free(process: FunctionProcess): void;
  /** It takes no more calls. Comes before anything is done about the call it had. */
  lost(process: FunctionProcess): void;
  /** Nothing of the call can have reached the function, and this process is no more: start it elsewhere. */
  again(call: Call): void;
  /** It and all it has started have ended. */
  ended(process: FunctionProcess): void;
  line(stream: 'stdout' | 'stderr', text: string, callId: string | null): void;
}

/** A function process. `starting` → `idle` ⇄ `busy` → `ending` → `ended`. */
export class FunctionProcess {
  state: 'starting' | 'idle' | 'busy' | 'ending' | 'ended' = 'starting';
  /** When it became idle, in milliseconds of performance.now(). */
  idleSince = 0;

  readonly #dir: string;
  readonly #group: ProcessGroup;
  readonly #connection: Connection;
  #call: Call | undefined;
  /** Whether the call under way was sent in vain before, on the connection that there was. */
  #reopened = false;
  /** Whether the process itself has ended, be its call settled or not. */
  #gone = false;
  /** What is to be done about its end once it is out of service. */
  #over: (() => void) | undefined;
  #lastCallId: string | null = null;
  #deadline: { second: number; text: string } = { second: 0, text: '' };
  /** One timer for all calls: refreshed at the start of each, so it can only fire in a call that is too long. */
  #callTimer: NodeJS.Timeout | undefined;
  #stopStarting: (() => void) | undefined;
  #opening = false;

  constructor(
    private readonly spec: ProcessSpec,
    private readonly owner: ProcessOwner,
    private readonly records: ProcessRecords,
  ) {
    this.#dir = makeSocketDir();
    this.#connection = new Connection(join(this.#dir, LISTENER), spec.limits);
    // The watch comes first: a Go function listens within two milliseconds.
    const stopWatching = watchSocketDir(this.#dir, () => this.#look());
    const timer = setTimeout(() => {
      const why = `it did not listen within ${spec.startTimeoutMs / 1000} s`;
      this.#failStart(failure.INITIALIZATION_TIMED_OUT, why);
    }, spec.startTimeoutMs);
    this.#stopStarting = () => {
      stopWatching();
      clearTimeout(timer);
    };
    records.add(this.#dir);
    try {
      this.#group = new ProcessGroup(spec.build, spec.environment(this.#dir), {
        error: (error) => this.#couldNotStart(messageOf(error)),
        exit: (code, signal) => this.#exited(code, signal),
        line: (stream, text, framed) => this.owner.line(stream, text, framed ?? this.#lastCallId),
      });
    } catch (error) {
      this.#stopStarting();
      records.remove(this.#dir);
      removeSocketDir(this.#dir);
      throw error;
    }
  }

  /** Makes the call. Only when idle. */
  run(call: Call): void {
    this.state = 'busy';
    this.#call = call;
    this.#reopened = false;
    this.#lastCallId = call.id;
    this.#startCallTimer();
    this.#send(call);
  }

  /** Ends it with all it has started: kindly first, then by force. A call under way is not waited for. */
  end(): void {
    if (this.state === 'ending' || this.state === 'ended') return;
    this.#retire();
    this.#kill('SIGTERM');
    setTimeout(() => this.#kill('SIGKILL'), GRACE_MS).unref();
  }

  /** Ends it by force. */
  kill(): void {
    if (this.state !== 'ending' && this.state !== 'ended') this.#retire();
    this.#kill('SIGKILL');
  }

  #send(call: Call): void {
    const head = `POST /call HTTP/1.1\r\nHost: localhost\r\n${call.headers}Fn-Call-Id: ${call.id}\r\nFn-Deadline: ${this.#deadlineNow()}\r\n`;
    this.#connection.send({ head, body: call.body }, (outcome, response) =>
      this.#finished(outcome, response),
    );
  }

  #finished(outcome: Outcome, response: ResponseReader): void {
    const call = this.#call!;
    switch (outcome) {
      case 'answered':
        return this.#answered(call, response);
      case 'not sent':
        return this.#unread(call);
      case 'reset':
        // Functions close idle connections, perhaps just as we use one. What reached them we cannot know.
        if (call.retried || !call.idempotent) return this.#abandon(failure.BROKEN);
        call.retried = true;
        return this.#gone ? this.#passOn(call) : this.#send(call);
      case 'broken':
        return this.#abandon(failure.BROKEN);
      case 'head too large':
        return this.#release(() => call.fail(failure.HEAD_TOO_LARGE));
      case 'body too large':
        return this.#release(() => call.fail(failure.BODY_TOO_LARGE));
    }
  }

  /** Sends it on a new connection, and when that is in vain too, the process is dying, dead or deaf. */
  #unread(call: Call): void {
    if (++call.unread >= MOST_UNREAD) return this.#abandon(failure.BROKEN);
    if (this.#gone || this.#reopened) return this.#passOn(call);
    this.#reopened = true;
    this.#connection.open((accepted) => {
      if (this.#call !== call) return;
      if (accepted) this.#send(call);
      else this.#passOn(call);
    });
  }

  #answered(call: Call, response: ResponseReader): void {
    const { status, headers, body } = response;
    if (status === 200) {
      this.#call = undefined;
      this.#becomeFree();
      call.answer(headers, body);
    } else if (status === 502) this.#release(() => call.fail(failure.FAILED));
    else if (status === 504) this.#release(() => call.fail(failure.TIMED_OUT));
    else this.#abandon(failure.INVALID);
  }

  /** The call is over and the process can take the next one, before the answer of this one is written. */
  #release(then: () => void): void {
    this.#call = undefined;
    this.#becomeFree();
    then();
  }

  #becomeFree(): void {
    // It answered with its last breath.
    if (this.#gone) return this.kill();
    this.#becomeIdle();
    this.owner.free(this);
  }

  /** The call is over and so is the process. */
  #abandon(reason: CallFailure): void {
    const call = this.#call;
    this.kill();
    call?.fail(reason);
  }

  /** The process is over, the call is not. */
  #passOn(call: Call): void {
    this.kill();
    this.owner.again(call);
  }

  #becomeIdle(): void {
    this.state = 'idle';
    this.idleSince = performance.now();
  }

  #look(): void {
    if (this.state !== 'starting' || this.#opening) return;
    const found = lookForListener(this.#dir);
    if (found === 'absent') return;
    if (found === 'stray') {
      const why = `its ${LISTENER} is no link to a socket in the same directory`;
      return this.#failStart(failure.NOT_INITIALIZED, why);
    }
    this.#opening = true;
    this.#connection.open((accepted) => {
      this.#opening = false;
      // Bound but not yet listening: the next look finds out.
      if (this.state !== 'starting' || !accepted) return;
      this.#stopStarting?.();
      this.#becomeIdle();
      this.owner.ready(this);
    });
  }

  #failStart(reason: CallFailure, why: string): void {
    if (this.state !== 'starting') return;
    this.owner.line('stderr', `fnmesh: the process was ended: ${why}`, null);
    this.kill();
    this.owner.notReady(this, reason, why);
  }

  #couldNotStart(why: string): void {
    if (this.state !== 'starting' || this.#group.pid !== undefined) return;
    this.owner.line('stderr', `fnmesh: the process could not be started: ${why}`, null);
    this.#retire();
    this.#ended();
    const { image, dir } = this.spec.build;
    if (existsSync(dir)) {
      return this.owner.notReady(this, failure.NOT_INITIALIZED, `it could not be started: ${why}`);
    }
    const gone = `its build ${dir} is gone; fnmesh deploy makes it anew`;
    this.owner.notReady(this, failure.notRunnable(image, gone), gone);
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    // What it has started and left behind.
    this.#kill('SIGKILL');
    this.#gone = true;
    const before = this.state;
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    // This may be known before what the connection has to tell of a call: that it was not read, or even the answer.
    // What holds the connection open may live outside the group. The time over, what is there is still read.
    const fallSilent = () => this.state === 'busy' && this.#abandon(failure.BROKEN);
    if (before === 'busy') setTimeout(() => setImmediate(fallSilent), LAST_WORDS_MS).unref();
    else if (before !== 'ending') this.#retire();
    this.#group.flushed(() => {
      this.#over = () => {
        if (before !== 'ending')
          this.owner.line('stderr', `fnmesh: the process ended ${how}`, this.#lastCallId);
        this.#ended();
        if (before === 'starting')
          this.owner.notReady(this, failure.NOT_INITIALIZED, `it ended ${how} before it listened`);
      };
      if (this.state === 'ending') this.#over();
    });
  }

  /** Takes it out of service: after this it is nobody's process any more. */
  #retire(): void {
    this.state = 'ending';
    this.#stopStarting?.();
    this.#stopStarting = undefined;
    clearTimeout(this.#callTimer);
    this.#connection.close();
    this.#call = undefined;
    this.owner.lost(this);
    // Not before its call is elsewhere: a slot where nothing runs and nothing waits is given up.
    if (this.#over) queueMicrotask(this.#over);
  }

  #ended(): void {
    this.state = 'ended';
    this.records.remove(this.#dir);
    removeSocketDir(this.#dir);
    this.owner.ended(this);
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.state !== 'ended') this.#group.kill(signal);
  }

  #startCallTimer(): void {
    if (this.#callTimer) this.#callTimer.refresh();
    else {
      this.#callTimer = setTimeout(() => {
        if (this.state === 'busy') this.#abandon(failure.TIMED_OUT);
      }, this.spec.timeoutMs);
      this.#callTimer.unref();
    }
  }

  /** RFC 3339 in whole seconds, made anew only when the second has changed. */
  #deadlineNow(): string {
    const second = Math.floor((Date.now() + this.spec.timeoutMs) / 1000);
    if (second !== this.#deadline.second) {
      this.#deadline = { second, text: `${new Date(second * 1000).toISOString().slice(0, 19)}Z` };
    }
    return this.#deadline.text;
  }
}
