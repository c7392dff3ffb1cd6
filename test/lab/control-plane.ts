// etcd, kube-apiserver and kube-controller-manager as plain processes in this network namespace.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.js';
import { startDaemon, type Daemon } from './daemon.js';

const ETCD = 'http://127.0.0.1:2379';
/** The addresses of Services; DNS has one of them. */
const SERVICES = '10.98.0.0/16';

/** Starts etcd and the API server. `programs` is the cache's folder, `dir` the lab's, with its certificates. */
export function startApiServer(programs: string, dir: string): Daemon[] {
  const etcd = startDaemon(
    'etcd',
    join(programs, 'etcd'),
    [
      ...['--data-dir', join(dir, 'etcd'), '--unsafe-no-fsync', '--name', 'lab', '--log-level', 'warn'],
      ...['--listen-client-urls', ETCD, '--advertise-client-urls', ETCD],
      ...['--listen-peer-urls', 'http://127.0.0.1:2380'],
    ],
    join(dir, 'etcd.log'),
  );
  const apiServer = startDaemon(
    'kube-apiserver',
    join(programs, 'kube-apiserver'),
    [
      `--etcd-servers=${ETCD}`,
      '--bind-address=127.0.0.1',
      '--secure-port=6443',
      '--advertise-address=10.99.0.1',
      '--endpoint-reconciler-type=none',
      `--tls-cert-file=${join(dir, 'server.crt')}`,
      `--tls-private-key-file=${join(dir, 'server.key')}`,
      `--client-ca-file=${join(dir, 'ca.crt')}`,
      `--kubelet-client-certificate=${join(dir, 'admin.crt')}`,
      `--kubelet-client-key=${join(dir, 'admin.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(dir, 'accounts.pub')}`,
      `--service-account-signing-key-file=${join(dir, 'accounts.key')}`,
      `--service-cluster-ip-range=${SERVICES}`,
      '--authorization-mode=RBAC',
      '--allow-privileged=true',
    ],
    join(dir, 'kube-apiserver.log'),
  );
  return [etcd, apiServer];
}

/** Resolves when the API server is ready; throws when it, or etcd, has ended, or after a minute. */
export async function apiReady(api: Api, daemons: readonly Daemon[]): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 50) {
    for (const daemon of daemons) daemon.check();
    const answer = await api.ask('GET', '/readyz').catch(() => null);
    if (answer?.status === 200) return;
    await sleep(50);
  }
  throw new Error('kube-apiserver is not ready after a minute');
}

/** Starts the controllers that a Deployment and its Service need. */
export function startControllers(programs: string, dir: string): Daemon {
  const controllers = [
    ...['namespace', 'serviceaccount', 'serviceaccount-token', 'deployment', 'replicaset', 'statefulset'],
    ...['endpointslice', 'endpoints', 'disruption', 'clusterrole-aggregation'],
  ].map((name) => `${name}-controller`);
  return startDaemon(
    'kube-controller-manager',
    join(programs, 'kube-controller-manager'),
    [
      `--kubeconfig=${join(dir, 'admin.kubeconfig')}`,
      '--bind-address=127.0.0.1',
      '--secure-port=10257',
      '--leader-elect=false',
      '--use-service-account-credentials=false',
      `--root-ca-file=${join(dir, 'ca.crt')}`,
      `--service-account-private-key-file=${join(dir, 'accounts.key')}`,
      `--controllers=${[...controllers, 'root-ca-certificate-publisher-controller', 'garbage-collector-controller'].join(',')}`,
      '--kube-api-qps=500',
      '--kube-api-burst=1000',
    ],
    join(dir, 'kube-controller-manager.log'),
  );
}
