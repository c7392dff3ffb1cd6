// The Deployment of a proxy: Pods that the Pod Security standard `restricted` takes, and whose replacement fails no request.
import { createHash } from 'node:crypto';
import { appLabels, CONTAINER_PORT, LABELS, ownLabels, PORT_NAME, READY_PATH } from '../names.js';
import { apiVersionOf, KINDS } from '../object.js';
import type { KubeObject, Metadata } from '../object.js';
import type { Site } from '../site.js';
import { nginxConf, SHUTDOWN_SECONDS } from './nginx.js';
import type { Proxy } from './proxies.js';

/** On the Pods' template: a hash of nginx.conf, so that another configuration is a rollout. */
const CONFIG_HASH = 'fnmesh/config';
/** A Pod that is leaving goes on for so long, in seconds: every gateway and node has heard of it by then. */
const LEAVE_SECONDS = 15;
const MOUNT = '/etc/fnmesh';
const FILE = 'nginx.conf';
/** The user of the unprivileged nginx images. */
const USER = 101;
/** So many of the largest bodies have room at a time on a Pod's disk. */
const BODIES = 32;
/** What it has room for at least, in MiB. */
const LEAST_DISK = 1024;

/** What a proxy's objects are called and carry. */
export function proxyMetadata(
  { namespace }: Pick<Site, 'namespace'>,
  proxy: Proxy,
): Metadata & { labels: Record<string, string> } {
  return { name: proxy.name, namespace, labels: proxyLabels(proxy) };
}

/** What selects the Pods of a proxy. */
export function proxySelector({ name }: Pick<Proxy, 'name'>): Record<string, string> {
  return { [LABELS.proxy]: name };
}

function proxyLabels(proxy: Proxy): Record<string, string> {
  const { name, app, only } = proxy;
  const own =
    only === null
      ? { app: name, 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': app, ...appLabels(app) }
      : ownLabels(app, only.function, only.version);
  return { ...own, 'app.kubernetes.io/component': 'proxy', ...proxySelector(proxy) };
}

/** The ConfigMap with the proxy's configuration, and the Deployment that runs it. */
export function proxyWorkload(site: Site, proxy: Proxy): KubeObject[] {
  const conf = nginxConf(proxy);
  const metadata = proxyMetadata(site, proxy);
  const { replicas, autoscale } = site.settings;
  return [
    {
      apiVersion: apiVersionOf(KINDS.ConfigMap),
      kind: KINDS.ConfigMap.kind,
      metadata,
      data: { [FILE]: conf },
    },
    {
      apiVersion: apiVersionOf(KINDS.Deployment),
      kind: KINDS.Deployment.kind,
      metadata,
      spec: {
        // With an autoscaler the number is its own to set.
        ...(autoscale === null && { replicas }),
        revisionHistoryLimit: 3,
        selector: { matchLabels: proxySelector(proxy) },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: {
          metadata: {
            labels: metadata.labels,
            annotations: { [CONFIG_HASH]: createHash('sha256').update(conf).digest('hex').slice(0, 16) },
          },
          spec: podSpec(site, proxy),
        },
      },
    },
  ];
}

function podSpec({ settings }: Site, proxy: Proxy): Record<string, unknown> {
  const pods = settings.autoscale?.min ?? settings.replicas;
  return {
    automountServiceAccountToken: false,
    // An app can have thousands of Services; as variables they would slow the start of each Pod.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: LEAVE_SECONDS + SHUTDOWN_SECONDS + 5,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(pods >= 2 && {
      topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((key) =>
        spread(key, proxy),
      ),
    }),
    containers: [container(settings, proxy)],
    volumes: [
      { name: 'config', configMap: { name: proxy.name } },
      { name: 'tmp', emptyDir: { sizeLimit: diskFor(settings.bodyBytes) } },
    ],
  };
}

/** A quantity as the API server writes it too. */
function diskFor(bodyBytes: number): string {
  const mebibytes = Math.max(LEAST_DISK, Math.ceil((BODIES * bodyBytes) / 1024 ** 2));
  return mebibytes % 1024 === 0 ? `${mebibytes / 1024}Gi` : `${mebibytes}Mi`;
}

/** As even as can be, among the Pods of one rollout. */
function spread(topologyKey: string, proxy: Proxy): Record<string, unknown> {
  return {
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: proxySelector(proxy) },
    matchLabelKeys: ['pod-template-hash'],
  };
}

function container(
  { image, resources }: Site['settings'],
  { upstream, only }: Proxy,
): Record<string, unknown> {
  const httpGet = { path: READY_PATH, port: PORT_NAME, scheme: 'HTTP' };
  return {
    name: 'nginx',
    image,
    command: ['nginx', '-e', 'stderr', '-c', `${MOUNT}/${FILE}`],
    // For people who look at the Pod; nginx has both in its configuration.
    ...(only !== null && {
      env: [
        { name: 'UPSTREAM', value: upstream.authority },
        { name: 'ROUTE', value: only.route },
      ],
    }),
    ports: [{ name: PORT_NAME, containerPort: CONTAINER_PORT, protocol: 'TCP' }],
    resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    // That nginx runs, not that the Fn server does: proxies that all left the Services would say less than a 502.
    startupProbe: { httpGet, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 },
    readinessProbe: { httpGet, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
    livenessProbe: { httpGet, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    // Needs no shell (Kubernetes 1.30 and later, PodLifecycleSleepAction). Then the image's SIGQUIT.
    lifecycle: { preStop: { sleep: { seconds: LEAVE_SECONDS } } },
    volumeMounts: [
      { name: 'config', mountPath: MOUNT, readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}
