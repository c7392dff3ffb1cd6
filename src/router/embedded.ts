// The embedded gateway as a Router: every method is a call over the control socket.
import type { ControlClient } from '../control/client.js';
import { FnmeshError } from '../errors.js';
import { readyCall } from '../fn/ready.js';
import { DEFAULT_PROBE } from '../target/settings.js';
import type { Probe } from '../target/target.js';
import type {
  Change,
  PinHeader,
  Readiness,
  Reason,
  RouteChange,
  Router,
  RouteTable,
  Served,
  VersionRef,
  VersionTraffic,
} from './router.js';

/** How a version on another Fn server is found to be ready; `timeoutMs` is for the whole call, in milliseconds. */
export type ReadyOptions = { probe: Probe; timeoutMs: number };

/** A minute: longer than most images take to be pulled, shorter than people wait for a shift. */
const BY_DEFAULT: ReadyOptions = { probe: DEFAULT_PROBE, timeoutMs: 60_000 };

/** Applies routes to the embedded gateway. */
export class EmbeddedRouter implements Router {
  private readonly options: ReadyOptions;

  constructor(
    private readonly control: ControlClient,
    options: Partial<ReadyOptions> = {},
  ) {
    this.options = { ...BY_DEFAULT, ...options };
  }

  apps(): Promise<string[]> {
    return this.control.call<'apps'>('GET /apps');
  }

  read(app: string): Promise<RouteTable> {
    return this.control.call<'routes'>('GET /routes', { app });
  }

  write(changes: RouteChange[], reason: Reason): Promise<RouteTable> {
    return this.control.call<'write'>('POST /routes', {}, { changes, reason });
  }

  history(app: string, fn?: string): Promise<Change[]> {
    return this.control.call<'history'>('GET /history', { app, function: fn });
  }

  traffic(app: string): Promise<Record<string, VersionTraffic[]>> {
    return this.control.call<'traffic'>('GET /traffic', { app });
  }

  served(app: string, fn: string): Promise<Served | null> {
    return this.control.call<'served'>('GET /served', { app, function: fn });
  }

  pin({ version }: VersionRef): Promise<PinHeader> {
    return Promise.resolve(['Fnmesh-Version', version]);
  }

  /**
   * Ready: a process of the version listens; one is started when none does. On another Fn server it is called once,
   * as the target's probe says, or not at all.
   */
  async ready({ app, function: fn, version }: VersionRef): Promise<Readiness> {
    const table = await this.read(app);
    const destination = table.routes.find(({ route }) => route.function === fn)?.route.destinations[version];
    if (!destination)
      throw new FnmeshError('not_found', `${fn}/${version} has no route`, { try: 'fnmesh deploy' });
    if (destination.endpoint !== undefined) return this.called(destination.endpoint);
    const states = await this.control.call<'functions'>('GET /functions', { app });
    const state = states.find((each) => each.fn === destination.fn);
    if (!state) return { ready: false, why: `the Fn server has no fn ${destination.fn}` };
    if (state.cannotRun) return { ready: false, why: state.cannotRun };
    const warmed = await this.control.call<'warm'>('POST /warm', {}, { fnId: state.fnId });
    return warmed.ready ? warmed : { ready: false, why: [warmed.why, ...warmed.logs].join('\n  ') };
  }

  private async called(endpoint: string): Promise<Readiness> {
    const { probe, timeoutMs } = this.options;
    if (probe === 'none') return { ready: true };
    const result = await readyCall(endpoint, probe, timeoutMs);
    if (result.ready) return { ready: true };
    return { ready: false, why: result.why, ...(result.try !== undefined && { try: result.try }) };
  }

  async drained({ app, function: fn, version }: VersionRef, timeoutMs: number): Promise<boolean> {
    const query = { app, function: fn, version, timeoutMs };
    return (await this.control.call<'drained'>('GET /drained', query, undefined, timeoutMs + 10_000)).drained;
  }
}
