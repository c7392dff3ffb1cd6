// Replays the recorded contract of the Fn API (test/fixtures/contract/fn-api-v2.json) against a running server.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { differences, type Expected, type Json } from './contract-match.js';
import { exchange, requestBytes, type RawAnswer } from './raw-http.js';

/** A recorded request; `{{name}}` stands for variables. */
export type ContractRequest = {
  method: string;
  path: string;
  headers?: Record<string, string | string[]>;
  body?: Json;
  rawBody?: string;
  bodyBase64?: string;
  bodyRepeat?: { hex: string; times: number };
  chunked?: boolean;
};

/** A recorded request with its answer; `preferred` is what a compatible server should do where the real one errs. */
type Step = {
  request: ContractRequest;
  response: Expected;
  preferred?: Expected;
  quirk?: boolean;
  save?: Record<string, string>;
  waitMs?: number;
  repeat?: number;
  note?: string;
};

/** Steps that start on a server without apps. */
export type Scenario = {
  name: string;
  why: string;
  needs: 'api' | 'invoke';
  optional?: boolean;
  wedges?: boolean;
  steps: Step[];
  cleanup?: string[];
};

/** The server to replay against. */
export type ContractServer = {
  /** `http://127.0.0.1:PORT` */
  base: string;
  /** The image of the reference function, for `{{image}}`. */
  image: string;
};

type Variables = Map<string, string>;

/** The recorded scenarios that need no more than the API (`api`) or running functions (`invoke`). */
export function scenarios(needs: Scenario['needs']): Scenario[] {
  const file = new URL('../fixtures/contract/fn-api-v2.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as Scenario[]).filter(
    (scenario) => scenario.needs === needs,
  );
}

/**
 * Runs the steps in order, then the cleanup. A step must be answered as recorded, and where it is a quirk, as
 * preferred.
 * @throws Error with the step and every difference.
 */
export async function replay(scenario: Scenario, server: ContractServer): Promise<void> {
  const variables: Variables = new Map([
    ['run', Math.random().toString(36).slice(2, 8).padEnd(6, '0')],
    ['image', server.image],
    ['base', server.base],
  ]);
  try {
    for (const [index, step] of scenario.steps.entries()) {
      for (let i = 1; i <= (step.repeat ?? 1); i++) {
        if (step.repeat) variables.set('i', String(i).padStart(3, '0'));
        await take(step, variables, server.base, `${scenario.name}, step ${index + 1}`);
      }
    }
  } finally {
    for (const path of scenario.cleanup ?? []) await clean(path, variables, server.base);
  }
}

async function take(step: Step, variables: Variables, base: string, where: string): Promise<void> {
  if (step.waitMs) await pause(step.waitMs);
  const request = filled(step.request, variables);
  const answer = await send(request, base);
  for (const [name, path] of Object.entries(step.save ?? {})) {
    const value = at(answer?.body.toString('utf8') ?? '', path);
    if (value !== undefined) variables.set(name, value);
  }
  const found = differences(filled(step.preferred ?? step.response, variables), answer, base);
  if (found.length === 0) return;
  const asked = `${request.method} ${request.path} ${JSON.stringify(request.body ?? request.rawBody ?? '')}`;
  throw new Error(
    `${where}: ${asked.slice(0, 500)}${step.note ? ` (${step.note})` : ''}\n- ${found.join('\n- ')}`,
  );
}

/** Sends one request of the contract; null when the server closed the connection without an answer. */
export function send(request: ContractRequest, base: string): Promise<RawAnswer | null> {
  const { hostname, port, host } = new URL(base);
  const headers = { ...request.headers };
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const body = bodyOf(request);
  if (request.body !== undefined && !given.has('content-type')) headers['Content-Type'] = 'application/json';
  const all = given.has('host') ? headers : { Host: host, ...headers };
  const { method, path, chunked } = request;
  const bytes = requestBytes({
    method,
    path,
    headers: all,
    ...(body && { body }),
    ...(chunked && { chunked }),
  });
  return exchange({ host: hostname, port: Number(port) }, bytes, method);
}

function bodyOf(request: ContractRequest): Buffer | undefined {
  if (request.body !== undefined) return Buffer.from(JSON.stringify(request.body));
  if (request.rawBody !== undefined) return Buffer.from(request.rawBody);
  if (request.bodyBase64 !== undefined) return Buffer.from(request.bodyBase64, 'base64');
  if (request.bodyRepeat === undefined) return undefined;
  const unit = Buffer.from(request.bodyRepeat.hex, 'hex');
  return Buffer.alloc(unit.length * request.bodyRepeat.times, unit);
}

async function clean(template: string, variables: Variables, base: string): Promise<void> {
  const each = template.includes('{{i}}')
    ? Array.from({ length: 150 }, (_, i) => String(i + 1).padStart(3, '0'))
    : [''];
  for (const i of each) {
    variables.set('i', i);
    const path = filled(template, variables);
    if (path.includes('{{')) return; // The scenario failed before it made this.
    if (!path.includes('?')) {
      await send({ method: 'DELETE', path }, base);
      continue;
    }
    const answer = await send({ method: 'GET', path }, base);
    const { items = [] } = JSON.parse(answer?.body.toString('utf8') ?? '{}') as { items?: { id: string }[] };
    for (const { id } of items) await send({ method: 'DELETE', path: `/v2/apps/${id}` }, base);
  }
}

/** A copy with every `{{name}}` of a known variable replaced, in keys and values. */
function filled<T>(value: T, variables: Variables): T {
  const text = (one: string) =>
    one.replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) => variables.get(name) ?? whole);
  const walk = (one: unknown): unknown => {
    if (typeof one === 'string') return text(one);
    if (Array.isArray(one)) return one.map(walk);
    if (typeof one !== 'object' || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [text(key), walk(inner)]));
  };
  return walk(value) as T;
}

/** The string at a path such as `items[0].id` in a JSON text. */
function at(json: string, path: string): string | undefined {
  try {
    let value: unknown = JSON.parse(json);
    for (const key of path.split(/[.[\]]+/).filter(Boolean)) value = (value as Record<string, unknown>)[key];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined; // The comparison that follows says what is wrong with the answer.
  }
}
