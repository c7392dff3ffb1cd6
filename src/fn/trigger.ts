// What Fn takes as a new trigger and as a change of one (fnproject/fn 0.3.753, api/models/trigger.go).
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from './api-error.js';
import type { Trigger, TriggerBody } from './model.js';
import { HTTP_ENDPOINT } from './model.js';
import { isTooLong, isWord, mergedAnnotations, newAnnotations, unlessEmpty, withoutKey } from './rules.js';

/** Clients that always send stamps send this for "none". */
const ZERO_TIME = /^0001-01-01T00:00:00(\.0+)?Z$/;

/**
 * Checks everything about a new trigger that needs no look-up.
 * @throws ApiError 400 with the first rule that the body breaks.
 */
export function checkNewTrigger(body: TriggerBody): asserts body is TriggerBody & {
  name: string;
  app_id: string;
  fn_id: string;
  type: 'http';
  source: string;
} {
  if (body.id) throw new ApiError(400, 'ID cannot be provided for Trigger creation');
  if (isSet(body.created_at)) throw new ApiError(400, 'Trigger Created At Provided for Create');
  if (isSet(body.updated_at)) throw new ApiError(400, 'Trigger ID Provided for Create');
  if (!body.app_id) throw new ApiError(400, 'Missing App ID on Trigger');
  if (!body.name) throw new ApiError(400, 'Missing name on Trigger');
  checkName(body.name);
  if (!body.fn_id) throw new ApiError(400, 'Missing Fn ID on Trigger');
  if (body.type !== 'http') throw new ApiError(400, 'Trigger Type Not Supported');
  if (!body.source) throw new ApiError(400, 'Missing Trigger Source');
  checkSource(body.source);
  newAnnotations(withoutKey(body.annotations, HTTP_ENDPOINT));
}

/**
 * The trigger that a POST makes; that its app and fn exist and that it is unique is the caller's to check.
 * @throws ApiError 400 as `checkNewTrigger`.
 */
export function newTrigger(body: TriggerBody, make: { id: () => string; now: string }): Trigger {
  checkNewTrigger(body);
  return {
    id: make.id(),
    name: body.name,
    app_id: body.app_id,
    fn_id: body.fn_id,
    type: 'http',
    source: body.source,
    ...unlessEmpty('annotations', newAnnotations(withoutKey(body.annotations, HTTP_ENDPOINT))),
    created_at: make.now,
    updated_at: make.now,
  };
}

/**
 * The trigger after a PUT; the same object when nothing changes. `''` and absent mean no change; type, app and stamps
 * are ignored.
 * @throws ApiError 400 for a bad name, source or annotation.
 */
export function changedTrigger(trigger: Trigger, body: TriggerBody, now: string): Trigger {
  if (body.name) checkName(body.name);
  if (body.source) checkSource(body.source);
  const { annotations, ...rest } = trigger;
  const change = withoutKey(body.annotations, HTTP_ENDPOINT);
  const after: Trigger = {
    ...rest,
    name: body.name || trigger.name,
    fn_id: body.fn_id || trigger.fn_id,
    source: body.source || trigger.source,
    ...unlessEmpty('annotations', mergedAnnotations(annotations, change)),
  };
  return isDeepStrictEqual(after, trigger) ? trigger : { ...after, updated_at: now };
}

function isSet(stamp: string | undefined): boolean {
  return stamp !== undefined && !ZERO_TIME.test(stamp);
}

function checkName(name: string): void {
  if (isTooLong(name)) throw new ApiError(400, 'Trigger name must be 255 characters or less');
  if (!isWord(name)) throw new ApiError(400, 'Invalid name for Trigger');
}

function checkSource(source: string): void {
  if (!source.startsWith('/')) throw new ApiError(400, "Missing Trigger Source Prefix '/'");
}
