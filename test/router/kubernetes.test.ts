import { describe } from 'vitest';
import { fakeCluster } from '../helpers/fake-cluster.js';
import { routerContract } from './contract.js';
import { NO_TRAFFIC, promptDataPlane, routerOn } from './kubernetes-site.js';

describe.each(['gateway-api', 'istio'] as const)('%s', (api) => {
  routerContract(`Kubernetes, ${api}`, () => {
    const cluster = fakeCluster();
    const options = { dataPlane: promptDataPlane(cluster), counters: NO_TRAFFIC };
    return Promise.resolve({ router: routerOn(cluster, { api }, options), close: () => Promise.resolve() });
  });
  routerContract(`Kubernetes, ${api}, also for callers inside the mesh`, () => {
    const cluster = fakeCluster();
    const options = { dataPlane: promptDataPlane(cluster), counters: NO_TRAFFIC };
    return Promise.resolve({
      router: routerOn(cluster, { api, mesh: true }, options),
      close: () => Promise.resolve(),
    });
  });
});
