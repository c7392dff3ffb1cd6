// Fn's resources as API v2 has them (fnproject/fn 0.3.753, docs/swagger_v2.yml and api/models). Pure; the client
// and the embedded server share it.

/** Any JSON value, as annotations hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Annotations: keys of printable ASCII without spaces, values any JSON. */
export type Annotations = Record<string, Json>;

/** An Fn app as the API gives it. Stamps are RFC 3339, UTC, milliseconds. */
export type App = {
  id: string;
  name: string;
  config?: Record<string, string>;
  annotations?: Annotations;
  syslog_url?: string;
  shape?: string;
  created_at: string;
  updated_at: string;
};

/** An Fn fn as the API gives it. `memory` in MiB, `timeout` and `idle_timeout` in seconds. */
export type Fn = {
  id: string;
  name: string;
  app_id: string;
  image: string;
  memory: number;
  timeout: number;
  idle_timeout: number;
  config: Record<string, string>;
  annotations?: Annotations;
  shape?: string;
  created_at: string;
  updated_at: string;
};

/** An Fn trigger as the API gives it. */
export type Trigger = {
  id: string;
  name: string;
  app_id: string;
  fn_id: string;
  type: 'http';
  source: string;
  annotations?: Annotations;
  created_at: string;
  updated_at: string;
};

/** What a request may carry for an app; absent = default or unchanged. */
export type AppBody = Partial<App>;
/** What a request may carry for a fn; 0, `''` and absent = default or unchanged. */
export type FnBody = Partial<Fn>;
/** What a request may carry for a trigger; `''` and absent = unchanged. */
export type TriggerBody = Partial<Omit<Trigger, 'type'>> & { type?: string };

/** What a PUT or POST may carry for a fn; absent = unchanged or default, a config value '' in a PUT removes the key. */
export type FnChange = Partial<
  Pick<Fn, 'image' | 'memory' | 'timeout' | 'idle_timeout' | 'config' | 'annotations'>
>;

/** Server-made annotation of a fn: base + `/invoke/{id}`. */
export const INVOKE_ENDPOINT = 'fnproject.io/fn/invokeEndpoint';
/** Server-made annotation of a trigger: base + `/t/{app}{source}`. */
export const HTTP_ENDPOINT = 'fnproject.io/trigger/httpEndpoint';
/** fnmesh's notes on a trigger: which function and version it belongs to, and the hash of what was deployed. */
export const NOTE_FUNCTION = 'fnmesh/function';
/** See NOTE_FUNCTION. */
export const NOTE_VERSION = 'fnmesh/version';
/** See NOTE_FUNCTION. Only the first of a version's triggers has it. */
export const NOTE_BUILD = 'fnmesh/build';
/** What a version noted of the deploy that made it, see releases.ts. */
export const NOTE_RELEASE = 'fnmesh/release';
/** The image that was deployed, with its tag; only where images are pushed. */
export const NOTE_IMAGE = 'fnmesh/image';
