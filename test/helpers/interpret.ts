// What interpreters of route objects share: a request, and what becomes of it.
import { pathOfTarget } from '../../src/routing/match.js';

/** A request to a gateway; header names in any case. */
export type GatewayRequest = { host: string; target: string; headers?: Readonly<Record<string, string>> };

/** One of the things that may happen to a request, with its probability. */
export type Outcome = {
  share: number;
  /** The Service that gets it, by its short name; null: the gateway answers by itself. */
  service: string | null;
  status: number;
  /** What the route sets in the request, and in the answer; names in lower case. */
  request: Record<string, string>;
  response: Record<string, string>;
};

/** A request as the interpreters look at it: the path without query, headers by lower-case name. */
export type Seen = { host: string; path: string; headers: Record<string, string> };

/** A request as it is matched. */
export function seen({ host, target, headers = {} }: GatewayRequest): Seen {
  return {
    host: host.replace(/:\d+$/, '').toLowerCase(),
    path: pathOfTarget(target),
    headers: lowerCase(headers),
  };
}

/** The record with its keys in lower case. */
export function lowerCase(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Whether the whole value matches, as Envoy's RE2 matchers have it. */
export function matchesWhole(pattern: string, value: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(value);
}

/** Fails on fields that an interpreter does not know, lest it passes over what would matter. */
export function onlyKnown(what: object, known: readonly string[]): void {
  const unknown = Object.keys(what).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`the interpreter does not know ${unknown.join(', ')}`);
}

/** Whether as many as `count`, or as few, of `trials` come about with this probability more than once in ten million. */
export function isPlausible(count: number, trials: number, probability: number): boolean {
  if (probability <= 0 || probability >= 1) return count === trials * probability;
  const odds = Math.log(probability / (1 - probability));
  let log = trials * Math.log(1 - probability);
  let fewer = 0;
  let more = 0;
  for (let successes = 0; successes <= trials; successes++) {
    if (successes <= count) fewer += Math.exp(log);
    if (successes >= count) more += Math.exp(log);
    log += odds + Math.log((trials - successes) / (successes + 1));
  }
  return Math.min(fewer, more) > 1e-7;
}
