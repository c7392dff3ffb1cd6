// A real Kubernetes for tests: startLab makes it, openLab gives it to whoever shares its network namespace and its folder.
// Both run inside the namespaces that run.sh makes; when those end, every process and mount of the lab ends with them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from './api.js';
import { certificateKubeconfig, makeAuthority, writeKubeconfig, type Identity } from './certificates.js';
import { apiReady, startApiServer, startControllers } from './control-plane.js';
import { applyCrds } from './crds.js';
import type { Daemon } from './daemon.js';
import { startDns } from './dns.js';
import { startKubelet } from './kubelet.js';
import { ranKubectl, type Ran } from './kubectl.js';
import { addAddress, DNS_ADDRESS, setUpNetwork } from './network.js';
import { startNodeAgent } from './node-agent.js';
import { relay } from './relay.js';

/** A ServiceAccount, by the token of which a kubeconfig asks. */
type Account = { serviceAccount: string; namespace: string };

/** A relay from an address of the lab to a port of 127.0.0.1, which Pods cannot reach. */
type Exposed = {
  address: string;
  port: number;
  /** Ends it and the connections through it: from now on they are refused. */
  close(): Promise<void>;
};

/** A running lab. */
export type Lab = {
  /** Its folder, with logs (`etcd.log`, `kube-apiserver.log`, …) and certificates. */
  dir: string;
  /** The API server: `https://127.0.0.1:6443`. */
  server: string;
  /** The kubeconfig of the admin (system:masters). */
  kubeconfig: string;
  /** The API server asked as admin. */
  api: Api;
  /** Real kubectl, as admin unless another kubeconfig is given. */
  kubectl(args: readonly string[], options?: { input?: string; kubeconfig?: string }): Promise<Ran>;
  /** A kubeconfig with a new client certificate, or with a token of a ServiceAccount. `namespace`: the context's. */
  kubeconfigFor(who: Identity | Account, namespace?: string): Promise<string>;
  /**
   * A new namespace that is ready to use: its ServiceAccount `default` is there. Its name starts with `prefix`.
   * Pod Security `restricted` is enforced unless another level is given.
   */
  namespace(
    prefix?: string,
    options?: { podSecurity?: string; labels?: Record<string, string> },
  ): Promise<string>;
  /** The DNS server that Service kube-system/kube-dns names. */
  dns: {
    address: string;
    /** From now on the name has these addresses; they may be remembered for a second. */
    set(name: string, address: string | readonly string[]): void;
    /** From now on the name does not exist. */
    remove(name: string): void;
  };
  /** An address of this namespace (10.99.0.N) that no one else has, to listen on for Pods. */
  address(): Promise<string>;
  /** Lets Pods reach `127.0.0.1:port` at `address:as`: by default a new address and the same port. */
  expose(port: number, options?: { address?: string; as?: number }): Promise<Exposed>;
  /** What a Pod's first container has printed; empty when there is no such Pod. */
  log(namespace: string, pod: string): Promise<string>;
};

/** What startLab may be told. */
export type LabOptions = {
  /** Grace periods of Pods are cut to this many seconds; default 3. */
  maxGraceSeconds?: number;
  /** Sleeps in preStop are cut to this many seconds; default 1. */
  maxPreStopSeconds?: number;
};

/** Starts a lab; takes some 10 s. `stop` ends all it started. One at a time in a network namespace. */
export async function startLab(options: LabOptions = {}): Promise<Lab & { stop(): Promise<void> }> {
  const { dir, programs } = place();
  const ends: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const began = Date.now();
    for (const name of ['records', 'addresses', 'pods']) mkdirSync(join(dir, name), { recursive: true });
    await setUpNetwork();
    makeAuthority(dir);
    certificateKubeconfig(dir, 'admin', { user: 'lab-admin', groups: ['system:masters'] });
    const daemons: Daemon[] = startApiServer(programs, dir);
    for (const daemon of daemons) ends.push(() => daemon.stop());
    const lab = openLab();
    ends.push(() => lab.api.close());
    await apiReady(lab.api, daemons);
    const controllers = startControllers(programs, dir);
    ends.push(() => controllers.stop());
    const dns = await startDns(DNS_ADDRESS, join(dir, 'records'));
    ends.push(() => dns.close());
    const agent = await startNodeAgent({
      ...{ api: lab.api, dir: join(dir, 'pods'), nginx: nginxProgram() },
      maxGraceSeconds: options.maxGraceSeconds ?? 3,
      maxPreStopSeconds: options.maxPreStopSeconds ?? 1,
    });
    ends.push(() => agent.stop());
    const kubelet = await startKubelet(dir, (namespace, name) => agent.pod(namespace, name));
    ends.push(() => kubelet.close());
    const ready = Date.now();
    await Promise.all([
      applyCrds(lab.api, programs),
      lab.api.must('POST', '/api/v1/namespaces/kube-system/services', KUBE_DNS),
    ]);
    controllers.check();
    process.stderr.write(
      `lab: ready after ${Date.now() - began} ms, ${Date.now() - ready} ms of them for CRDs\n`,
    );
    return { ...lab, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The lab that runs in this network namespace. */
export function openLab(): Lab {
  const { dir, programs } = place();
  const kubeconfig = join(dir, 'admin.kubeconfig');
  const api = new Api(dir);
  const address = async (): Promise<string> => {
    for (let number = 100; number < 255; number++) {
      try {
        mkdirSync(join(dir, 'addresses', String(number)));
      } catch {
        continue;
      }
      await addAddress(`10.99.0.${number}`);
      return `10.99.0.${number}`;
    }
    throw new Error('the lab has no address left');
  };
  return {
    ...{ dir, server: 'https://127.0.0.1:6443', kubeconfig, api, address },
    kubectl: (args, { input, kubeconfig: other } = {}) =>
      ranKubectl(join(programs, 'kubectl'), args, other ?? kubeconfig, input),
    kubeconfigFor: async (who, namespace) => {
      const name = `user-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
      if ('user' in who) return certificateKubeconfig(dir, name, who, namespace);
      const path = `/api/v1/namespaces/${who.namespace}/serviceaccounts/${who.serviceAccount}/token`;
      const { status } = await api.must('POST', path, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {},
      });
      return writeKubeconfig(dir, name, { token: (status as { token: string }).token }, namespace);
    },
    namespace: async (prefix = 'test', { podSecurity = 'restricted', labels = {} } = {}) => {
      const { metadata } = await api.must('POST', '/api/v1/namespaces', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          generateName: `${prefix}-`,
          labels: { 'pod-security.kubernetes.io/enforce': podSecurity, ...labels },
        },
      });
      const account = `/api/v1/namespaces/${metadata.name}/serviceaccounts/default`;
      while ((await api.ask('GET', account)).status !== 200) await sleep(20);
      return metadata.name;
    },
    dns: {
      address: DNS_ADDRESS,
      set: (name, addresses) => {
        const file = join(dir, 'records', name.toLowerCase());
        writeFileSync(`${file}~`, JSON.stringify([addresses].flat()));
        renameSync(`${file}~`, file);
      },
      remove: (name) => rmSync(join(dir, 'records', name.toLowerCase()), { force: true }),
    },
    expose: async (port, { address: given, as = port } = {}) => {
      const at = given ?? (await address());
      return { address: at, port: as, close: await relay(at, as, port) };
    },
    log: async (namespace, name) => {
      const { status, body } = await api.ask('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
      if (status !== 200) return '';
      const { metadata, spec } = body as {
        metadata: { uid: string };
        spec: { containers: { name: string }[] };
      };
      return readFileSync(join(dir, 'pods', metadata.uid, spec.containers[0]!.name, 'log'), 'utf8');
    },
  };
}

/** The folders of the lab and of its programs, from run.sh. */
function place(): { dir: string; programs: string } {
  const { FNMESH_LAB_DIR: dir, FNMESH_LAB_PROGRAMS: programs } = process.env;
  if (!dir || !programs)
    throw new Error('a lab runs inside namespaces of its own: bash test/lab/run.sh COMMAND');
  return { dir, programs };
}

function nginxProgram(): string {
  return execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v nginx'], { encoding: 'utf8' }).trim();
}

const KUBE_DNS = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  spec: {
    clusterIP: DNS_ADDRESS,
    selector: { 'k8s-app': 'kube-dns' },
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  },
};
