// Request bodies as Fn reads them: unknown keys ignored, null = absent, a wrong type anywhere = "Invalid JSON".
import { ApiError } from './api-error.js';
import type { AppBody, FnBody, Json, TriggerBody } from './model.js';

const MAX_INT32 = 2 ** 31 - 1;
const STAMP = /^$|^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d)?([.,]\d+)?([Zz]|[+-]\d\d:?\d\d)?$/;

type Reader = (value: Json) => unknown;

const text: Reader = (value) => (typeof value === 'string' ? value : refuse());
const stamp: Reader = (value) => (typeof value === 'string' && STAMP.test(value) ? value : refuse());
const annotations: Reader = (value) => object(value);
const config: Reader = (value) =>
  // A null value is the empty string, as Go reads it.
  Object.fromEntries(Object.entries(object(value)).map(([key, one]) => [key, one === null ? '' : text(one)]));
const int32: Reader = (value) =>
  Number.isInteger(value) && Math.abs(value as number) <= MAX_INT32 ? value : refuse();
const unsigned: Reader = (value) => (Number.isInteger(value) && (value as number) >= 0 ? value : refuse());

const common = { id: text, name: text, annotations, created_at: stamp, updated_at: stamp };
const APP = { ...common, config, syslog_url: text, shape: text };
const FN = {
  ...common,
  app_id: text,
  image: text,
  memory: unsigned,
  timeout: int32,
  idle_timeout: int32,
  config,
  shape: text,
};
const TRIGGER = { ...common, app_id: text, fn_id: text, type: text, source: text };

/** The body of a POST or PUT of an app. @throws ApiError 400 "Invalid JSON". */
export function readAppBody(json: string): AppBody {
  return read(json, APP) as AppBody;
}

/** The body of a POST or PUT of a fn. @throws ApiError 400 "Invalid JSON". */
export function readFnBody(json: string): FnBody {
  return read(json, FN) as FnBody;
}

/** The body of a POST or PUT of a trigger. @throws ApiError 400 "Invalid JSON". */
export function readTriggerBody(json: string): TriggerBody {
  return read(json, TRIGGER) as TriggerBody;
}

function read(json: string, readers: Record<string, Reader>): unknown {
  const value = parsed(json);
  if (value === null) return {};
  const given = object(value);
  return Object.fromEntries(
    Object.entries(readers).flatMap(([key, reader]) => {
      const one = Object.hasOwn(given, key) ? given[key] : undefined;
      return one === undefined || one === null ? [] : [[key, reader(one)]];
    }),
  );
}

function parsed(json: string): Json {
  try {
    return JSON.parse(json) as Json;
  } catch {
    return refuse();
  }
}

function object(value: Json): { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : refuse();
}

function refuse(): never {
  throw new ApiError(400, 'Invalid JSON');
}
