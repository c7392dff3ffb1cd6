// One call of a function, from whoever makes it to the process that answers it.

/** Why a call failed, in Fn's own statuses and words (fnproject/fn 0.3.753, api/models/error.go). */
export type CallFailure = { status: number; message: string };

/** One call. Exactly one of `answer` and `fail` is called, once. */
export interface Call {
  /** The call's id, 26 characters. */
  readonly id: string;
  /** Header lines for the function, each ending in CRLF, without framing, call id and deadline. */
  readonly headers: string;
  readonly body: Buffer | undefined;
  /** Whether the caller's request may be made twice without harm (RFC 9110, 9.2.2). */
  readonly idempotent: boolean;
  /** Set when it has been sent again though a process may have read it: that is done once. */
  retried: boolean;
  /** How often it has been sent to a process that read nothing of it. */
  unread: number;
  /** Its place in the order of all calls that had to wait; set by the slot. */
  queued: number;
  /** Whether nobody waits for the answer any more; such a call is not started. */
  gone(): boolean;
  /** @param headers The function's headers, names and values in turn, framing included. */
  answer(headers: string[], body: Buffer): void;
  fail(failure: CallFailure): void;
}

/** The call took longer than the fn's timeout, or the function said so by a service status of 504. */
export const TIMED_OUT: CallFailure = { status: 504, message: 'Timed out' };
/** The process ended or its connection broke in mid-call. */
export const BROKEN: CallFailure = { status: 502, message: 'error receiving function response' };
/** The function said that it failed, by a service status of 502; its body is dropped as Fn does. */
export const FAILED: CallFailure = { status: 502, message: 'function failed' };
/** A service status other than 200, 502 and 504, or an Fn-Http-Status that is no status. */
export const INVALID: CallFailure = { status: 502, message: 'invalid function response' };
/** The response body was over the limit. */
export const BODY_TOO_LARGE: CallFailure = { status: 502, message: 'function response body too large' };
/** The response head was over the limit. */
export const HEAD_TOO_LARGE: CallFailure = { status: 502, message: 'function response header too large' };
/** The process ended before it listened, or its listener was no socket of its own. */
export const NOT_INITIALIZED: CallFailure = {
  status: 502,
  message: 'Container failed to initialize, please ensure you are using the latest fdk and check the logs',
};
/** The process did not listen in time. */
export const INITIALIZATION_TIMED_OUT: CallFailure = {
  status: 504,
  message:
    'Container initialization timed out, please ensure you are using the latest fdk and check the logs',
};
/** Too many calls wait already, or the server is about to end. */
export const TOO_BUSY: CallFailure = { status: 503, message: 'Timed out - server too busy' };

/** The fn's image is nothing that can run here. Fn's own shape of a failed pull. */
export function notRunnable(image: string, why: string): CallFailure {
  return { status: 502, message: `Failed to pull image '${image}': ${why}` };
}
