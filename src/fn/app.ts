// What Fn takes as a new app and as a change of one (fnproject/fn 0.3.753, api/models/app.go).
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from './api-error.js';
import type { App, AppBody } from './model.js';
import { isTooLong, isWord, mergedAnnotations, mergedConfig, newAnnotations, unlessEmpty } from './rules.js';

const SHAPES = ['GENERIC_X86', 'GENERIC_ARM', 'GENERIC_X86_ARM'];
const SYSLOG_SCHEMES = ['tcp', 'udp', 'unix', 'unixgram', 'tcp+tls'];

/**
 * The app that a POST makes.
 * @param make Gives the id and the stamp.
 * @throws ApiError 400 with the first rule that the body breaks.
 */
export function newApp(body: AppBody, make: { id: () => string; now: string }): App {
  if (body.id) throw new ApiError(400, 'App ID cannot be supplied on create');
  if (!body.name) throw new ApiError(400, 'Missing Name');
  if (isTooLong(body.name)) throw new ApiError(400, 'App name must be 255 characters or less');
  if (!isWord(body.name)) throw new ApiError(400, 'Invalid app name');
  const annotations = newAnnotations(body.annotations);
  checkSyslog(body.syslog_url);
  if (body.shape && !SHAPES.includes(body.shape)) throw new ApiError(400, 'Invalid app shape');
  return {
    id: make.id(),
    name: body.name,
    ...unlessEmpty('config', body.config ?? {}),
    ...unlessEmpty('annotations', annotations),
    ...(body.syslog_url !== undefined && { syslog_url: body.syslog_url }),
    ...(body.shape && { shape: body.shape }),
    created_at: make.now,
    updated_at: make.now,
  };
}

/**
 * The app after a PUT; the same object when nothing changes. An empty `syslog_url` removes it, a shape is ignored.
 * @throws ApiError 409 for another name, 400 for a bad annotation or URL.
 */
export function changedApp(app: App, body: AppBody, now: string): App {
  if (body.name && body.name !== app.name) throw new ApiError(409, 'Could not update - name is immutable');
  const { config, annotations, syslog_url: url, ...rest } = app;
  checkSyslog(body.syslog_url);
  const wanted = body.syslog_url === undefined ? url : body.syslog_url || undefined;
  const after: App = {
    ...rest,
    ...unlessEmpty('config', mergedConfig(config, body.config)),
    ...unlessEmpty('annotations', mergedAnnotations(annotations, body.annotations)),
    ...(wanted !== undefined && { syslog_url: wanted }),
  };
  return isDeepStrictEqual(after, app) ? app : { ...after, updated_at: now };
}

function checkSyslog(url: string | undefined): void {
  if (!url) return;
  const trimmed = url.trim();
  const refuse = (why: string) => new ApiError(400, `invalid syslog url: ${JSON.stringify(url)} ${why}`);
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(trimmed)?.[0];
  if (badEscape !== undefined) {
    throw refuse(`parse ${JSON.stringify(trimmed)}: invalid URL escape ${JSON.stringify(badEscape)}`);
  }
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(trimmed)?.[1]?.toLowerCase() ?? '';
  if (!SYSLOG_SCHEMES.includes(scheme)) {
    throw refuse(`invalid scheme, only [${SYSLOG_SCHEMES.join(', ')}] are supported`);
  }
}
