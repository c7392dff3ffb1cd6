// The port to an Fn server, embedded or real: API v2 in the terms of a deploy.
import type { Annotations, App, Fn, FnChange, Trigger } from './model.js';

/** What a server says of itself. */
export type FnServerInfo = {
  /** Fn's version, such as `0.3.753`; null when it does not say, or was not asked. */
  version: string | null;
  /** Version and protocol of the embedded server; null for any other. */
  embedded: { version: string; protocol: number } | null;
};

/** What a PUT or POST may carry for an app. A config value or annotation '' in an update removes the key. */
export type AppChange = Partial<Pick<App, 'config' | 'annotations' | 'syslog_url'>>;

/** What a PUT may carry for a trigger. An annotation '' removes the key. */
export type TriggerChange = { fn_id?: string; source?: string; annotations?: Annotations };

/** A new trigger. */
export type TriggerSpec = {
  app_id: string;
  fn_id: string;
  name: string;
  source: string;
  annotations?: Annotations;
};

/** A new fn. */
export type FnSpec = { app_id: string; name: string; image: string } & FnChange;

/**
 * An Fn server. Every method throws FnmeshError: `unreachable` when nothing that speaks API v2 answers in time,
 * `not_found` (404, or an id that is none), `conflict` (409), `config` (400), `failed` (anything else), with the
 * server's own message. What a create may have made before its answer got lost is looked up: equal, it is the answer;
 * else `conflict`. Lists are complete and ordered by name; `config` of a fn is always an object.
 */
export interface FnServer {
  /** Base URL without a final slash. */
  readonly url: string;
  info(): Promise<FnServerInfo>;
  apps(): Promise<App[]>;
  app(name: string): Promise<App | undefined>;
  createApp(spec: { name: string } & AppChange): Promise<App>;
  updateApp(id: string, change: AppChange): Promise<App>;
  /** Removes its fns and triggers as well. */
  deleteApp(id: string): Promise<void>;
  fns(appId: string): Promise<Fn[]>;
  fn(appId: string, name: string): Promise<Fn | undefined>;
  /** The fn with this id as it is now. */
  fnById(id: string): Promise<Fn | undefined>;
  createFn(spec: FnSpec): Promise<Fn>;
  updateFn(id: string, change: FnChange): Promise<Fn>;
  /** Removes its triggers as well. */
  deleteFn(id: string): Promise<void>;
  /** Of the app, or of one fn of it. */
  triggers(appId: string, fnId?: string): Promise<Trigger[]>;
  createTrigger(spec: TriggerSpec): Promise<Trigger>;
  updateTrigger(id: string, change: TriggerChange): Promise<Trigger>;
  deleteTrigger(id: string): Promise<void>;
}
