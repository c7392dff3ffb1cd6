// What an API server's refusals mean, in words. Pure.
import { FnmeshError } from '../errors.js';
import type { ClusterIdentity } from './cluster.js';
import type { Kind } from './object.js';
import { withoutSecrets } from './client-secrets.js';

/** What was asked, for messages. `namespace` null: all of them, or none. */
export type Asked = {
  verb: string;
  kind?: Kind;
  subresource?: string;
  namespace?: string | null;
  name?: string;
};

/** An answer's parts that say why. `body` is parsed JSON, or text where it is none. */
export type Refusal = { status: number; body: unknown };

/** Kubernetes, apimachinery meta/v1 Status: how an API server says that it does not do something. */
export type Status = {
  kind: 'Status';
  message?: string;
  reason?: string;
  code?: number;
  details?: { causes?: { reason?: string; message?: string; field?: string }[] };
};

/** The Status in a body, if it is one. */
export function statusOf(body: unknown): Status | null {
  return typeof body === 'object' && body !== null && (body as Status).kind === 'Status'
    ? (body as Status)
    : null;
}

/** Whether an API server gives such answers: JSON, or the plain words of its outer layers. */
export function isApiAnswer({ status, body }: Refusal): boolean {
  if (typeof body === 'object' && body !== null) return status < 400 || statusOf(body) !== null;
  return status >= 400 && typeof body === 'string' && !/^\s*</.test(body);
}

/** `Deployment hello/hello-app-v1`, `Pods in hello`: what was asked for. */
function subjectOf({ kind, subresource, namespace, name }: Asked): string {
  if (kind === undefined) return 'the API';
  const of = subresource === undefined ? '' : ` ${subresource}`;
  if (name !== undefined)
    return `${kind.kind}${of} ${namespace == null || !kind.namespaced ? '' : `${namespace}/`}${name}`;
  return `${kind.plural}${of}${namespace == null ? '' : ` in ${namespace}`}`;
}

/** The error for an answer that is no success: 401, 403, 404 of what must be there, 409, 4xx, 5xx, or no API server. */
export function refusalOf(
  answer: Refusal,
  asked: Asked,
  { context, server, user, namespace }: ClusterIdentity,
): FnmeshError {
  const { status, body } = answer;
  const where = `cluster ${context} (${server})`;
  if (!isApiAnswer(answer) || (status >= 300 && status < 400)) {
    return new FnmeshError(
      'unreachable',
      `${server} is no Kubernetes API server: it answers ${status} with ${looks(body)}`,
      {
        try: `kubectl --context ${context} cluster-info, and correct the cluster's server in the kubeconfig`,
      },
    );
  }
  const said = statusOf(body);
  const message =
    withoutSecrets(said?.message ?? (typeof body === 'string' ? body.trim().slice(0, 500) : '')) ||
    `status ${status}`;
  const what = subjectOf(asked);
  switch (status) {
    case 401:
      return new FnmeshError(
        'config',
        `${where} does not accept ${user === '' ? 'anonymous requests' : `the credentials of ${user}`} (401): they may have expired`,
        {
          try: `sign in to the cluster again, until kubectl --context ${context} auth whoami works`,
        },
      );
    case 403:
      return isRbac(message)
        ? denied({ ...asked, verb: verbIn(message) ?? asked.verb }, { context, server, user, namespace })
        : new FnmeshError('failed', `${where} refuses ${what}: ${message}`);
    case 404:
      return missing(message, said, asked, where);
    case 409:
      return new FnmeshError('conflict', `${what} changed meanwhile: ${message}${causesOf(said)}`);
    case 410:
    case 429:
    case 502:
    case 503:
    case 504:
      return new FnmeshError('unreachable', `${where} cannot answer now (${status}): ${message}`, {
        try: 'the same command again, a little later',
      });
    default:
      return new FnmeshError('failed', `${where} refuses to ${asked.verb} ${what}: ${message}`);
  }
}

/**
 * Whether a 500 is about what was sent, so that to send it again is of no use: server-side apply answers an object with an
 * unknown field so (Kubernetes 1.36, structured-merge-diff).
 */
export function isAboutObject({ status, body }: Refusal): boolean {
  return (
    status === 500 &&
    /^failed to create typed patch object|field not declared in schema/.test(statusOf(body)?.message ?? '')
  );
}

/** `User "x" cannot list resource …`: what RBAC says, as against admission, which forbids objects too. */
function isRbac(message: string): boolean {
  return /\bcannot \w+ (resource|path)\b/.test(message);
}

/** The verb that was missing: a WebSocket is opened by get, and needs create too. */
function verbIn(message: string): string | undefined {
  return /\bcannot (\w+) resource/.exec(message)?.[1];
}

function denied(
  { verb, kind, subresource, namespace }: Asked,
  { context, user }: ClusterIdentity,
): FnmeshError {
  const resource =
    kind === undefined
      ? 'this'
      : `${kind.plural}${kind.group === '' ? '' : `.${kind.group}`}${subresource === undefined ? '' : `/${subresource}`}`;
  const place =
    kind?.namespaced === false ? '' : namespace == null ? ' in all namespaces' : ` in namespace ${namespace}`;
  const flag =
    namespace == null ? (kind?.namespaced === false ? '' : ' --all-namespaces') : ` -n ${namespace}`;
  return new FnmeshError(
    'config',
    `${user === '' ? 'anonymous' : user} may not ${verb} ${resource}${place} (403, cluster ${context})`,
    {
      try: `fnmesh doctor, which lists the rights that are missing; or kubectl --context ${context} auth can-i ${verb} ${resource}${flag}`,
    },
  );
}

function missing(message: string, said: Status | null, asked: Asked, where: string): FnmeshError {
  const isNamespace = /^namespaces? "[^"]*" not found/.test(message);
  if (isNamespace) {
    return new FnmeshError('not_found', `${where} has no namespace ${asked.namespace ?? ''}`, {
      try: `kubectl create namespace ${asked.namespace ?? 'NAME'}`,
    });
  }
  // An object that is not there is named in a Status; a kind that is not served is answered by the path's own 404.
  const isKind = said === null || /could not find the requested resource/.test(message);
  if (isKind && asked.kind !== undefined) {
    const { kind, group, version } = asked.kind;
    return new FnmeshError(
      'not_found',
      `${where} does not serve ${kind} (${group === '' ? version : `${group}/${version}`})`,
      {
        try: 'fnmesh doctor, which says what has to be installed',
      },
    );
  }
  return new FnmeshError('not_found', `${where} has no ${subjectOf(asked)}: ${message}`);
}

function causesOf(said: Status | null): string {
  const causes = said?.details?.causes ?? [];
  const fields = causes.flatMap(({ field, message }) =>
    field === undefined ? [] : [`${field} (${message ?? ''})`],
  );
  return fields.length === 0 ? '' : `; fields: ${fields.join(', ')}`;
}

function looks(body: unknown): string {
  if (typeof body !== 'string') return 'JSON of another kind';
  if (body.trim() === '') return 'nothing';
  return /^\s*</.test(body) ? 'a web page' : 'no JSON';
}
