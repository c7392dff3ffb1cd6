// What Fn takes as a new fn and as a change of one (fnproject/fn 0.3.753, api/models/fn.go).
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from './api-error.js';
import type { App, Fn, FnBody } from './model.js';
import { INVOKE_ENDPOINT } from './model.js';
import {
  isTooLong,
  mergedAnnotations,
  mergedConfig,
  newAnnotations,
  unlessEmpty,
  withoutKey,
} from './rules.js';

/** What a fn gets for a limit that is 0 or absent: MiB, seconds, seconds. */
const FN_DEFAULTS = { memory: 128, timeout: 30, idle_timeout: 30 } as const;
/** The highest limits Fn takes: MiB, seconds, seconds. */
const FN_MAXIMA = { memory: 8192, timeout: 300, idle_timeout: 3600 } as const;

/**
 * Checks everything about a new fn that needs no look-up.
 * @throws ApiError 400 with the first rule that the body breaks.
 */
export function checkNewFn(
  body: FnBody,
): asserts body is FnBody & { name: string; app_id: string; image: string } {
  if (body.id) throw new ApiError(400, 'ID cannot be provided for Fn creation');
  if (!body.app_id) throw new ApiError(400, 'Missing AppID on Fn');
  if (!body.name) throw new ApiError(400, 'Missing Fn name');
  if (isTooLong(body.name)) throw new ApiError(400, 'Fn name must be 255 characters or less');
  // The rule is "unchanged by escaping as a URL path segment".
  if (!/^[\w.~$&+=:@-]+$/.test(body.name)) throw new ApiError(400, 'name must be a valid string');
  if (!body.image) throw new ApiError(400, 'Missing image on Fn');
  checkLimits(body);
  newAnnotations(withoutKey(body.annotations, INVOKE_ENDPOINT));
}

/**
 * The fn that a POST makes in an app. It takes the app's shape, whatever the body says.
 * @throws ApiError 400 as `checkNewFn`.
 */
export function newFn(body: FnBody, app: App, make: { id: () => string; now: string }): Fn {
  checkNewFn(body);
  return {
    id: make.id(),
    name: body.name,
    app_id: app.id,
    image: body.image,
    memory: body.memory || FN_DEFAULTS.memory,
    timeout: body.timeout || FN_DEFAULTS.timeout,
    idle_timeout: body.idle_timeout || FN_DEFAULTS.idle_timeout,
    config: body.config ?? {},
    ...unlessEmpty('annotations', newAnnotations(withoutKey(body.annotations, INVOKE_ENDPOINT))),
    ...(app.shape && { shape: app.shape }),
    created_at: make.now,
    updated_at: make.now,
  };
}

/**
 * The fn after a PUT; the same object when nothing changes. 0, `''` and absent mean no change; name, app, shape and
 * stamps are ignored.
 * @throws ApiError 400 for a limit out of range or a bad annotation.
 */
export function changedFn(fn: Fn, body: FnBody, now: string): Fn {
  checkLimits(body);
  const { annotations, ...rest } = fn;
  const change = withoutKey(body.annotations, INVOKE_ENDPOINT);
  const after: Fn = {
    ...rest,
    image: body.image || fn.image,
    memory: body.memory || fn.memory,
    timeout: body.timeout || fn.timeout,
    idle_timeout: body.idle_timeout || fn.idle_timeout,
    config: mergedConfig(fn.config, body.config),
    ...unlessEmpty('annotations', mergedAnnotations(annotations, change)),
  };
  return isDeepStrictEqual(after, fn) ? fn : { ...after, updated_at: now };
}

function checkLimits({ timeout = 0, idle_timeout = 0, memory = 0 }: FnBody): void {
  if (timeout < 0 || timeout > FN_MAXIMA.timeout) {
    throw new ApiError(400, `timeout value is out of range, must be between 0 and ${FN_MAXIMA.timeout}`);
  }
  if (idle_timeout < 0 || idle_timeout > FN_MAXIMA.idle_timeout) {
    throw new ApiError(
      400,
      `idle_timeout value is out of range, must be between 0 and ${FN_MAXIMA.idle_timeout}`,
    );
  }
  if (memory < 0 || memory > FN_MAXIMA.memory) {
    throw new ApiError(400, `memory value is out of range. It should be between 0 and ${FN_MAXIMA.memory}`);
  }
}
