import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FnInstall, parseSecretKey, renderFn } from '../../../src/kubernetes/install/fn.js';
import { FN_DEFAULTS, type FnOptions } from '../../../src/kubernetes/install/options.js';
import { kindOf, type KubeObject } from '../../../src/kubernetes/object.js';

type Container = {
  name: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: unknown }[];
  ports?: { name: string; containerPort: number }[];
  securityContext: Record<string, unknown> & { capabilities?: { drop: string[] } };
  volumeMounts: { name: string; mountPath: string }[];
  [probe: string]: unknown;
};
type PodSpec = {
  initContainers?: Container[];
  containers: Container[];
  volumes: ({ name: string } & Record<string, unknown>)[];
  securityContext?: Record<string, unknown>;
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
};
type Pod = { metadata: { labels: Record<string, string> }; spec: PodSpec };
type Labels = Record<string, string>;

const DATABASE: Partial<FnOptions> = {
  storage: { kind: 'secret', url: { name: 'fn-db', key: 'url' } },
  replicas: { api: 3, lb: 1, runner: 3 },
};
const render = (options: Partial<FnOptions> = {}): FnInstall => renderFn({ ...FN_DEFAULTS, ...options });
const of = ({ objects }: FnInstall, kind: string): KubeObject[] => objects.filter((one) => one.kind === kind);
const spec = <T>(object: KubeObject): T => object['spec'] as T;
const podsOf = (install: FnInstall): [part: string, pod: Pod][] =>
  install.objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map((object) => [
      object.metadata.labels!['app.kubernetes.io/component']!,
      spec<{ template: Pod }>(object).template,
    ]);
const envOf = (container: Container): Record<string, string | undefined> =>
  Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));
const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

const variants: [string, Partial<FnOptions>][] = [
  ['defaults', {}],
  ['a database, several API servers', DATABASE],
  ['another name and place', { name: 'myfn', namespace: 'functions', clusterDomain: 'corp.example' }],
  ['the namespace too', { makeNamespace: true }],
  ['callers', { apiFrom: ['ci'], callsFrom: ['shop', 'ingress', 'shop'] }],
];

describe.each(variants)('%s', (_, options) => {
  const install = render(options);
  const { name = 'fn', namespace = 'fn', clusterDomain = 'cluster.local' } = options;

  test('every object is of a kind that is known, in the namespace, and labelled', () => {
    for (const object of install.objects) {
      expect(kindOf(object), object.kind).not.toBeNull();
      expect(object.metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'fnmesh' });
      if (object.kind !== 'Namespace') expect(object.metadata.namespace).toBe(namespace);
    }
    const names = install.objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('selectors select one kind of Pods, and name ports that these have', () => {
    const pods = podsOf(install);
    for (const service of of(install, 'Service')) {
      const {
        selector,
        ports,
        type = 'ClusterIP',
      } = spec<{
        selector: Labels;
        type?: string;
        ports: { name: string; appProtocol: string; targetPort: string }[];
      }>(service);
      const selected = pods.filter(([, pod]) => selects(selector, pod.metadata.labels));
      expect(selected).toHaveLength(1);
      const open = selected[0]![1].spec.containers.flatMap((container) =>
        container.ports!.map((port) => port.name),
      );
      for (const port of ports) {
        expect(open).toContain(port.targetPort);
        expect(port.name).toBe(port.appProtocol);
      }
      expect(type).toBe('ClusterIP');
    }
    for (const kind of ['Deployment', 'StatefulSet', 'PodDisruptionBudget']) {
      for (const object of of(install, kind)) {
        const { matchLabels } = spec<{ selector: { matchLabels: Labels } }>(object).selector;
        expect(pods.filter(([, pod]) => selects(matchLabels, pod.metadata.labels))).toHaveLength(1);
      }
    }
  });

  test('load balancers know every runner by its own name', () => {
    const [, lb] = podsOf(install).find(([part]) => part === 'lb')!;
    const [runner] = of(install, 'StatefulSet');
    const { serviceName, replicas } = spec<{ serviceName: string; replicas: number }>(runner!);
    const headless = of(install, 'Service').find(({ metadata }) => metadata.name === serviceName)!;
    expect(spec<{ clusterIP: string }>(headless).clusterIP).toBe('None');
    const suffix = `${serviceName}.${namespace}.svc.${clusterDomain}:9190`;
    expect(envOf(lb.spec.containers[0]!)['FN_RUNNER_ADDRESSES']!.split(',')).toEqual(
      Array.from({ length: replicas }, (__, index) => `${runner!.metadata.name}-${index}.${suffix}`),
    );
    expect(envOf(lb.spec.containers[0]!)['FN_RUNNER_API_URL']).toBe(install.fn.api);
    expect(install.fn).toEqual({
      api: `http://${name}-api.${namespace}.svc.${clusterDomain}`,
      invoke: `http://${name}-lb.${namespace}.svc.${clusterDomain}`,
    });
  });

  test('only the engine of a runner is privileged; all other Pods are as Pod Security restricted wants them', () => {
    for (const [part, { spec: pod, metadata }] of podsOf(install)) {
      const containers = [...(pod.initContainers ?? []), ...pod.containers];
      const privileged = containers.filter(({ securityContext }) => securityContext['privileged'] === true);
      expect(privileged.map((container) => container.name)).toEqual(part === 'runner' ? ['docker'] : []);
      expect(metadata.labels['sidecar.istio.io/inject']).toBe(part === 'runner' ? 'false' : undefined);
      expect(pod.automountServiceAccountToken).toBe(false);
      // A Service named fn would set FN_PORT to tcp://….
      expect(pod.enableServiceLinks).toBe(false);
      expect(JSON.stringify(pod)).not.toMatch(/hostPath|hostNetwork|hostPID|hostIPC|hostPort/);
      if (part === 'runner') continue;
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const { securityContext } of containers) {
        expect(securityContext['allowPrivilegeEscalation']).toBe(false);
        expect(securityContext.capabilities!.drop).toEqual(['ALL']);
      }
    }
  });

  test('mounts have their volumes, and probes their ports', () => {
    for (const [, { spec: pod }] of podsOf(install)) {
      const volumes = pod.volumes.map((volume) => volume.name);
      for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
        for (const mount of container.volumeMounts) expect(volumes).toContain(mount.name);
        const ports = (container.ports ?? []).map((port) => port.name);
        for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
          const { httpGet, tcpSocket } = (container[probe] ?? {}) as Record<
            string,
            { port: string } | undefined
          >;
          for (const target of [httpGet, tcpSocket]) if (target) expect(ports).toContain(target.port);
        }
      }
      for (const volume of pod.volumes) {
        const claim = (volume['persistentVolumeClaim'] as { claimName: string } | undefined)?.claimName;
        if (claim)
          expect(of(install, 'PersistentVolumeClaim').map(({ metadata }) => metadata.name)).toContain(claim);
      }
    }
  });

  test('the Fn API is let in to by nobody but Fn and who is named, and a runner by load balancers only', () => {
    const policies = of(install, 'NetworkPolicy');
    expect(policies.map(({ metadata }) => metadata.name)).toEqual([
      `${name}-api`,
      `${name}-lb`,
      `${name}-runner`,
    ]);
    const [api, lb, runner] = policies.map((policy) =>
      spec<{ podSelector: object; policyTypes: string[]; ingress: { from: object[]; ports: object[] }[] }>(
        policy,
      ),
    );
    const byName = (at: string): object => ({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': at } },
    });
    const lbPods = { podSelector: lb!.podSelector };
    expect(api!.ingress[0]!.from).toEqual([lbPods, ...(options.apiFrom ?? []).map(byName)]);
    expect(lb!.ingress.flatMap(({ from }) => from)).toEqual(
      options.callsFrom ? [byName('ingress'), byName('shop')] : [],
    );
    expect(runner!.ingress).toEqual([{ from: [lbPods], ports: [{ protocol: 'TCP', port: 9190 }] }]);
    for (const { policyTypes, ingress } of [api!, lb!, runner!]) {
      expect(policyTypes).toEqual(['Ingress']);
      // An empty list of peers means everybody.
      for (const rule of ingress) expect(rule.from.length * rule.ports.length).toBeGreaterThan(0);
    }
    const kinds = install.objects.map(({ kind }) => kind);
    expect(kinds.filter((kind) => /Ingress|Gateway|Route|VirtualService/.test(kind))).toEqual([]);
  });
});

test('each kind of server is told what it is, and only the API server of the database', () => {
  const kinds: Record<string, string> = { api: 'api', lb: 'lb', runner: 'pure-runner' };
  for (const options of [{}, DATABASE]) {
    for (const [part, pod] of podsOf(render(options))) {
      const container = pod.spec.containers[0]!;
      const env = envOf(container);
      expect(env['FN_NODE_TYPE']).toBe(kinds[part]);
      expect(env['FN_PORT']).toBe(String(container.ports![0]!.containerPort));
      expect('FN_DB_URL' in env).toBe(part === 'api');
    }
  }
});

test('a runner reaches its own engine by a socket, and gives away no more than the engine has', () => {
  const [, { spec: pod }] = podsOf(render({ runner: { cpu: '1500m', memory: '1Gi', disk: '5Gi' } })).find(
    ([part]) => part === 'runner',
  )!;
  const [engine] = pod.initContainers!;
  const env = envOf(pod.containers[0]!);
  expect(engine!.args).toContain(`--host=${env['DOCKER_HOST']}`);
  expect(engine!.args!.join(' ')).not.toContain('tcp://');
  expect(env['FN_MAX_TOTAL_CPU_MCPUS']).toBe('1500');
  expect(Number(env['FN_MAX_TOTAL_MEMORY_BYTES'])).toBeLessThan(1024 ** 3);
  const mountOf = (container: Container, path: string): string | undefined =>
    container.volumeMounts.find(({ mountPath }) => mountPath === path)?.name;
  for (const path of ['/run/docker', '/iofs'])
    expect(mountOf(engine!, path)).toBe(mountOf(pod.containers[0]!, path));
  expect(env['FN_IOFS_PATH']).toBe(env['FN_IOFS_DOCKER_PATH']);
});

test('the database is named, not written down', () => {
  const install = render(DATABASE);
  const [, api] = podsOf(install).find(([part]) => part === 'api')!;
  expect(api.spec.containers[0]!.env!.find((one) => one.name === 'FN_DB_URL')).toEqual({
    name: 'FN_DB_URL',
    valueFrom: { secretKeyRef: { name: 'fn-db', key: 'url' } },
  });
  expect(of(install, 'Secret')).toEqual([]);
  expect(of(install, 'PersistentVolumeClaim')).toEqual([]);
});

test.each(['fn-db', 'a/b/c', '/url', 'fn-db/', 'Fn/url', 'a b/url', ''])('%j is no SECRET/KEY', (text) => {
  expect(() => parseSecretKey(text, '--database')).toThrow(
    expect.objectContaining({ code: 'usage' }) as Error,
  );
});

test('a Secret and its key', () => {
  expect(parseSecretKey('fn-db/FN_DB_URL', '--database')).toEqual({ name: 'fn-db', key: 'FN_DB_URL' });
});

test('what is privileged, open or missing is said', () => {
  const { notes } = render();
  for (const word of ['privileged', 'no login', 'no namespace may call', 'not pinned', 'SQLite'])
    expect(notes.join('\n')).toContain(word);
  const pinned = `fnproject/fnserver@sha256:${'a'.repeat(64)}`;
  const quiet = render({ images: { server: pinned, engine: pinned }, callsFrom: ['shop'] }).notes.join('\n');
  expect(quiet).not.toMatch(/not pinned|no namespace may/);
});

describe('texts', () => {
  test.each<[string, Partial<FnOptions>]>([
    ['a namespace of two lines', { namespace: 'fn\n---' }],
    ['a namespace in capitals', { namespace: 'Fn' }],
    ['a name that begins with a digit', { name: '1fn' }],
    ['a long name', { name: 'f'.repeat(41) }],
    ['an image with a space', { images: { ...FN_DEFAULTS.images, server: 'fn server' } }],
    ['an image with half a digest', { images: { ...FN_DEFAULTS.images, engine: 'docker@sha256:abc' } }],
    ['no runner', { replicas: { api: 1, lb: 1, runner: 0 } }],
    ['half a runner', { replicas: { api: 1, lb: 1, runner: 1.5 } }],
    ['two API servers on SQLite', { replicas: { api: 2, lb: 1, runner: 1 } }],
    ['a volume of nothing', { storage: { kind: 'sqlite', size: '0', storageClass: null } }],
    ['a volume of words', { storage: { kind: 'sqlite', size: 'much', storageClass: null } }],
    ['a storage class', { storage: { kind: 'sqlite', size: '1Gi', storageClass: 'Fast SSD' } }],
    ["a database's Secret", { storage: { kind: 'secret', url: { name: 'fn db', key: 'url' } } }],
    ["a registry's key", { registryLogin: { name: 'login', key: 'a/b' } }],
    ['a URL with a path', { publicUrl: 'http://fn.example.com/t' }],
    ['a URL of another kind', { publicUrl: 'ftp://fn.example.com' }],
    ['a URL with a login', { publicUrl: 'http://me:secret@fn.example.com' }],
    ['a cluster domain', { clusterDomain: 'cluster local' }],
    ['who may call', { callsFrom: ['*'] }],
    ['who may deploy', { apiFrom: [''] }],
    ['a runner without memory', { runner: { cpu: '1', memory: '-1Gi', disk: '1Gi' } }],
  ])('%s is refused', (_, options) => {
    expect(() => render(options)).toThrow(expect.objectContaining({ code: 'config' }) as Error);
  });

  test('whatever is written, the names and images are valid or refused', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9.:@/_-]{1,50}$/));
    fc.assert(
      fc.property(text, text, text, (name, namespace, server) => {
        const options = { name, namespace, images: { ...FN_DEFAULTS.images, server } };
        let install: FnInstall;
        try {
          install = render(options);
        } catch (error) {
          expect(error).toMatchObject({ code: 'config' });
          return;
        }
        for (const { metadata } of install.objects)
          expect(metadata.name).toMatch(/^[a-z][-a-z0-9]{0,61}[a-z0-9]$/);
        expect(server).toMatch(/^[\w.:@/-]+$/);
      }),
    );
  });
});
