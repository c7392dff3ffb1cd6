// What a real istiod and a real Envoy made of single routes: the route as applied, the traffic, and Envoy's own words.
import { readdirSync, readFileSync } from 'node:fs';
import type { KubeObject } from '../../src/kubernetes/object.js';

/** One recorded route. The keys of `traffic`'s counts: status, the version that the Pod told, the one that the route told. */
export type Recorded = {
  name: string;
  api: 'istio' | 'gateway-api';
  object: KubeObject;
  live: KubeObject;
  traffic: Record<string, Record<string, number>>;
  envoy: { routes: unknown; active_clusters: unknown; clusters: unknown };
};

const FOLDER = new URL('../fixtures/istio/', import.meta.url);

/** All recorded routes, by name. */
export const RECORDED: readonly Recorded[] = readdirSync(FOLDER)
  .sort()
  .map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Recorded);

/** The recorded route of that name. */
export function recorded(name: string): Recorded {
  return RECORDED.find((each) => each.name === name)!;
}
