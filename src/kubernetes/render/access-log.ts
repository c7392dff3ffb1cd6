// The proxies' access log: one line of JSON for each request, probes left out.

/** A line of the log. */
export type AccessLine = {
  /** RFC 3339, seconds, with the offset of the Pod's zone. */
  time: string;
  /** The same in seconds since 1970, to the millisecond. */
  at: number;
  function: string;
  version: string;
  method: string;
  /** As it was sent, without its query, and cut off after 1000 characters. */
  path: string;
  /** 499: the caller went away; 0: it never asked. */
  status: number;
  /** Of the answer's body. */
  bytes: number;
  /** From the first byte of the request to the last of the answer, in seconds. */
  seconds: number;
  /** What of it the Fn server took, in seconds; null: it was not asked. */
  upstreamSeconds: number | null;
  /** '' when the Fn server gave none. */
  callId: string;
  /** The gateway's, or the caller's. */
  requestId: string;
};

/** The nginx variable that gives a field; numbers are not quoted. */
const FIELDS: Readonly<Record<keyof AccessLine, string>> = {
  time: '"$time_iso8601"',
  at: '$msec',
  function: '"$function"',
  version: '"$version"',
  method: '"$request_method"',
  path: '"$path"',
  status: '$status_number',
  bytes: '$body_bytes_sent',
  seconds: '$request_time',
  upstreamSeconds: '$upstream_seconds',
  callId: '"$upstream_http_fn_call_id"',
  requestId: '"$http_x_request_id"',
};

/**
 * What makes nginx write that log to its standard output (nginx 1.22, ngx_http_log_module). Wants `$path`, `$function`
 * and `$version`; the maps are there since a status of `000` and a missing time are no JSON numbers.
 */
export const ACCESS_LOG = `  map $status $status_number {
    default 0;
    "~^[1-9]" $status;
  }
  map $upstream_response_time $upstream_seconds {
    default null;
    "~^([0-9]+\\.[0-9]+)" $1;
  }
  log_format fnmesh escape=json
    '{${Object.entries(FIELDS)
      .map(([name, value]) => `"${name}":${value}`)
      .join(`,'\n    '`)}}';
  access_log /dev/stdout fnmesh;`;
