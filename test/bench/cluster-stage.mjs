// An app on an API server that stands in for a cluster's, as if it had been deployed long ago, and what a command asks there.
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { versionObject } from '../../dist/kubernetes/names.js';
import { renderWorkloads } from '../../dist/kubernetes/render/workloads.js';
import { KubernetesRouter } from '../../dist/router/kubernetes.js';
import { clusterRoute, clusterSite } from './cluster-site.mjs';
import { helper } from './typescript.mjs';
import { Workplace } from './workplace.mjs';

const FN = 'http://fn-lb.fn.svc.cluster.local';

/** A cluster on which the app `shop` stands, and its folder. */
export class ClusterStage {
  /** With two versions each of these functions. */
  static async open(scope, names) {
    const { startKubeStandIn } = await helper('kube-stand-in');
    const stage = new ClusterStage();
    stage.standIn = await startKubeStandIn();
    scope.defer(() => stage.standIn.close());
    stage.place = new Workplace(scope);
    const { cluster } = stage.standIn;
    cluster.answer = () => ({ status: 200, headers: { 'fn-call-id': '01' }, body: 'ok' });
    const site = clusterSite();
    cluster.put(istioGateway(site.gateway));
    const routes = names.map((name) => clusterRoute(name, FN));
    for (const object of renderWorkloads(site, routes)) rolledOut(cluster, await cluster.apply(object));
    for (const name of names) for (const version of ['v1', 'v2']) cluster.put(endpoints(name, version));
    const router = new KubernetesRouter(cluster, () => Promise.resolve(site), { namespace: site.namespace });
    const changes = routes.map((route) => ({ kind: 'put', route, ifRevision: null }));
    await router.write(changes, { verb: 'wire', by: 'bench' });
    return stage;
  }

  /** Writes files, and fnmesh.yaml with the target `prod`, which says all that could be asked of the cluster. */
  write(files, api) {
    const { namespace, host, api: kind, gateway, mesh, pin, dns } = clusterSite();
    const prod = {
      router: 'kubernetes',
      kubeconfig: this.standIn.kubeconfig(this.place.dir),
      ...{ namespace, host, api: kind, mesh, dns, pin: pin.kind },
      gateway: `${gateway.namespace}/${gateway.name}`,
      address: 'http://127.0.0.1:9',
      fn: { api, invoke: FN },
    };
    // JSON is YAML.
    this.place.write({ ...files, 'shop/fnmesh.yaml': JSON.stringify({ targets: { prod } }) });
  }

  /** Milliseconds of a whole `node ARGS`, and what the API server was asked meanwhile. */
  async timed(args) {
    this.standIn.requests.length = 0;
    const started = performance.now();
    await this.place.exec(process.execPath, args, 'shop');
    return { ms: performance.now() - started, requests: [...this.standIn.requests] };
  }
}

function istioGateway({ namespace, name }) {
  const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
  return {
    ...{ apiVersion: 'networking.istio.io/v1', kind: 'Gateway' },
    ...{ metadata: { namespace, name }, spec: { servers } },
  };
}

/** Gives a Deployment the status that its controller gives it once all Pods are ready. */
function rolledOut(cluster, { object }) {
  if (object.kind !== 'Deployment') return;
  const replicas = object.spec.replicas ?? 1;
  const counts = ['replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'];
  cluster.edit(object, (live) => {
    live.status = Object.fromEntries(counts.map((count) => [count, replicas]));
    live.status.observedGeneration = live.metadata.generation;
  });
}

/** One ready address of a version's Service, as its controller would write it. */
function endpoints(fn, version) {
  const { app, namespace } = clusterSite();
  const service = versionObject(app, fn, version);
  const labels = {
    'kubernetes.io/service-name': service,
    'app.kubernetes.io/managed-by': 'fnmesh',
    'fnmesh/app': app,
  };
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    metadata: { name: `${service}-1`, namespace, labels },
    endpoints: [{ addresses: ['10.99.0.1'], conditions: { ready: true } }],
  };
}
