// What README's section "On Kubernetes" speaks of, in the lab: a cluster with a Gateway, a registry, and the stand-in
// for an Fn server, which Pods reach under a Service's name.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDockerRegistry } from '../helpers/docker-registry.js';
import { startStrictFn } from '../helpers/strict-fn.js';
import { startGateway } from './gateway.js';
import type { Lab } from './lab.js';

/** The names that README uses, where they are here. */
export type ReadmeStage = {
  fnUrl: string;
  registry: string;
  /** A kubeconfig with the context `my-cluster`. */
  kubeconfig: string;
  close(): Promise<void>;
};

/** Starts it all. */
export async function readmeStage(lab: Lab): Promise<ReadmeStage> {
  const gateway = await startGateway(lab);
  // Of several that fit fnmesh takes none, and README names none.
  const { stdout } = await lab.kubectl([
    '-n',
    'istio-ingress',
    'get',
    'gateways.gateway.networking.k8s.io',
    '-o',
    'name',
  ]);
  for (const name of stdout.split('\n').filter((name) => name !== '' && !name.endsWith('/public-gw')))
    await lab.kubectl(['-n', 'istio-ingress', 'delete', name]);
  const registry = await startDockerRegistry();
  const fn = await startStrictFn();
  const exposed = await lab.expose(Number(new URL(fn.url).port), { as: 80 });
  lab.dns.set('fn-lb.fn.svc.cluster.local', exposed.address);
  // Its endpoint is no Pod: the API server's Service proxy does not reach it, and fnmesh knows that by the selector.
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'fn-lb', namespace: 'fn' } };
  const input = JSON.stringify({ ...service, spec: { ports: [{ port: 80 }] } });
  await lab.kubectl(['create', 'namespace', 'fn']);
  const made = await lab.kubectl(['apply', '-f', '-'], { input });
  if (made.code !== 0) throw new Error(made.stderr);
  const kubeconfig = join(lab.dir, 'my-cluster.kubeconfig');
  writeFileSync(kubeconfig, readFileSync(lab.kubeconfig), { mode: 0o600 });
  const renamed = await lab.kubectl(['config', 'rename-context', 'lab', 'my-cluster'], { kubeconfig });
  if (renamed.code !== 0) throw new Error(renamed.stderr);
  return {
    fnUrl: fn.url,
    registry: `${registry.host}/me`,
    kubeconfig,
    async close() {
      await exposed.close();
      await fn.close();
      await registry.stop();
      await gateway.stop();
    },
  };
}

/** README's fnmesh.yaml, with the names of this stage. */
export function readmeSettings(section: string, { fnUrl, registry }: ReadmeStage): string {
  const yaml = /^```yaml\n([^]*?)^```/m.exec(section)?.[1] ?? '';
  return yaml
    .replaceAll('http://fn.example.com:8080', fnUrl)
    .replaceAll('registry.example.com/team', registry);
}
