// Who may reach which of Fn's servers: its API knows no login, and a runner runs what it is sent. Pure.
import type { KubeObject } from '../object.js';
import type { FnOptions } from './options.js';
import { GRPC, HTTP, objectOf, type Part, selectorOf } from './parts.js';

/** Istio's ambient mesh brings what is meant for any port of a Pod to this one (Istio 1.30, ztunnel). */
const HBONE = 15_008;

/** One NetworkPolicy a part. The kubelet's probes come from the node, which no policy keeps out. */
export function policies(options: FnOptions): KubeObject[] {
  const namespaces = (names: readonly string[]): object[] =>
    [...new Set(names)].sort().map((name) => ({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
    }));
  const lb = { podSelector: { matchLabels: selectorOf(options, 'lb') } };
  const policy = (part: Part, from: object[], port: number): KubeObject =>
    objectOf(options, part, ['networking.k8s.io/v1', 'NetworkPolicy'], {
      spec: {
        podSelector: { matchLabels: selectorOf(options, part) },
        policyTypes: ['Ingress'],
        // An empty `from` would let everybody in.
        ingress:
          from.length === 0
            ? []
            : [
                {
                  from,
                  ports: [port, ...(part === 'runner' ? [] : [HBONE])].map((number) => ({
                    protocol: 'TCP',
                    port: number,
                  })),
                },
              ],
      },
    });
  return [
    policy('api', [lb, ...namespaces(options.apiFrom)], HTTP),
    policy('lb', namespaces(options.callsFrom), HTTP),
    policy('runner', [lb], GRPC),
  ];
}
