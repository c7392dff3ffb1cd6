import type { TrafficResult } from '../../traffic/apply.js';
import type { Arrival } from '../../traffic/await-arrival.js';
import { trafficView } from './traffic.js';

/** What was changed and, where that was waited for, whether it is in effect. */
export function arrivedView(result: TrafficResult, arrivals: readonly Arrival[] | null): string {
  return [trafficView(result), ...arrivalLines(arrivals ?? [])].join('\n');
}

/** What was verified of a change, and on which proxies: a line a function, and what was not. */
function arrivalLines(arrivals: readonly Arrival[]): string[] {
  return arrivals.flatMap((arrival) => {
    const { function: fn, verified, missing, ms } = arrival;
    const took = `after ${(ms / 1000).toFixed(1)} s`;
    const line = verified
      ? `${fn}: in effect ${took}, ${evidence(arrival)}`
      : `${fn}: not seen in effect ${took}`;
    return [line, ...missing.map((text) => `  ${text}`)];
  });
}

function evidence({ by, proxies, sent, observed }: Arrival): string {
  if (by === 'envoy')
    return `as ${proxies.map(({ proxy }) => proxy).join(', ')} say${proxies.length === 1 ? 's' : ''}`;
  const counts = Object.entries(observed).map(([version, count]) => `${version} ${count}`);
  return `by ${sent} requests through the gateway (${counts.join(', ')}); it does not tell which of its proxies answered`;
}
