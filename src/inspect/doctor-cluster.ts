// What a target's cluster has, and what that means for fnmesh: everything is asked at once, and for a bounded time. The
// judgements are in cluster/, pure; here is only the asking.
import { FnmeshError, messageOf } from '../errors.js';
import type { Cluster } from '../kubernetes/cluster.js';
import { detectSite } from '../kubernetes/detect/detect.js';
import { gatewayUrl } from '../kubernetes/detect/gateway-url.js';
import { allowed, type Note } from '../kubernetes/detect/search.js';
import type { FrontPlan } from '../kubernetes/front.js';
import { appLabels } from '../kubernetes/names.js';
import { KINDS } from '../kubernetes/object.js';
import { type Place, questionsFor } from '../kubernetes/permissions.js';
import { routeKind } from '../kubernetes/render/routes.js';
import type { Site } from '../kubernetes/site.js';
import { parallel } from '../process/parallel.js';
import type { Router } from '../router/router.js';
import type { AppName } from '../routing/route.js';
import type { ClusterSettings } from '../target/cluster.js';
import { judgeAccess } from './cluster/access.js';
import { judgeRouteApi, judgeVersion } from './cluster/api.js';
import { type Check, fail, ok, warn } from './cluster/check.js';
import { judgeAddress, judgeGateway } from './cluster/gateway.js';
import { askMesh } from './cluster/ask-mesh.js';
import { judgeDrift, judgeOwners, judgeProxy } from './cluster/state.js';
import type { DoctorResult } from './doctor.js';

/** What is looked at, and by what. The functions may throw; then their check says so. */
export type ClusterPatient = {
  app: AppName;
  settings: ClusterSettings;
  cluster: Cluster;
  /** What the Fn server says of itself, asked from this machine, such as `0.3.753 at https://fn.example.com`. */
  fn: () => Promise<string>;
  /** Base URL by which proxies reach Fn; null: not known. */
  invoke: string | null;
  router: () => Promise<Pick<Router, 'read' | 'ready'>>;
  /** What wire would do. */
  plan: () => Promise<Pick<FrontPlan, 'objects'>>;
  /** How long one check may take, in milliseconds. */
  timeoutMs: number;
};

/** How many requests are under way at a time for the permissions. */
const AT_ONCE = 10;

/** All checks of a target's cluster, in the order they are shown. Changes nothing. */
export async function doctorCluster(patient: ClusterPatient): Promise<DoctorResult> {
  const { cluster, settings, timeoutMs } = patient;
  const { server, context } = cluster.identity;
  const within = (name: string, check: Promise<Check[]>): Promise<Check[]> => bounded(name, check, timeoutMs);
  const fromHere = within('Fn API', askFn(patient));
  const version = await within(
    'Kubernetes',
    cluster.version().then((text) => [judgeVersion(text, `${server} (context ${context})`)]),
  );
  // Whoever does not answer this does not answer the rest.
  if (version.some(({ state }) => state === 'fail')) return { checks: [...version, ...(await fromHere)] };

  const namespace = settings.namespace?.value ?? cluster.identity.namespace;
  const found = await siteOf(patient);
  const api = found.site?.api ?? settings.api?.value ?? 'gateway-api';
  const there = found.site === null ? [] : ofSite(patient, found.site, within);
  const checks = await Promise.all([
    within('namespace', askNamespace(cluster, namespace)),
    within(api, askRouteApi(cluster, api)),
    ...there,
    fromHere,
    within(
      'permissions',
      askAccess(patient, {
        namespace,
        api,
        gateway: found.site?.gateway ?? null,
        makeGateway: settings.makeGateway,
      }),
    ),
  ]);
  return { checks: [...version, ...found.checks, ...checks.flat()] };
}

type Within = (name: string, check: Promise<Check[]>) => Promise<Check[]>;

function ofSite(patient: ClusterPatient, site: Site, within: Within): Promise<Check[]>[] {
  const { cluster, settings, app } = patient;
  const kind = routeKind(site.api);
  return [
    within('gateway', askGateway(cluster, site)),
    within(
      'gateway address',
      gatewayUrl(site, settings, cluster).then((url) => [judgeAddress(url, site.host)]),
    ),
    within('mesh', askMesh(cluster, site, patient.invoke)),
    within('proxy → Fn', askProxy(patient)),
    within(
      'GitOps',
      cluster
        .list(kind, { namespace: site.namespace, labels: appLabels(app) })
        .then((routes) => [judgeOwners(routes)]),
    ),
    within(
      'drift',
      patient.plan().then((plan) => [judgeDrift(plan)]),
    ),
  ];
}

/** A check that threw or took too long says that. Who was refused only lacks a permission, which has a row of its own. */
async function bounded(name: string, check: Promise<Check[]>, timeoutMs: number): Promise<Check[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Check[]>((resolve) => {
    timer = setTimeout(() => {
      resolve([warn(name, `no answer within ${timeoutMs / 1000} s`, 'not checked: try again')]);
    }, timeoutMs);
  });
  const failed = (error: unknown): Check[] => {
    const means = error instanceof FnmeshError ? error.try : undefined;
    const state = error instanceof FnmeshError && error.code === 'unreachable' ? fail : warn;
    return [state(name, messageOf(error), means ?? 'not checked')];
  };
  try {
    return await Promise.race([check.catch(failed), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function siteOf({ app, settings, cluster, timeoutMs }: ClusterPatient): Promise<{
  site: Site | null;
  checks: Check[];
}> {
  let site: Site | null = null;
  const checks = await bounded(
    'target',
    detectSite(app, settings, cluster, 'none').then(
      (found) => {
        site = found.site;
        return found.notes.length === 0 ? [] : [ok('target', inWords(found.notes), 'found on the cluster')];
      },
      (error: unknown) => {
        if (!(error instanceof FnmeshError)) throw error;
        return [fail('target', error.message, error.try ?? 'fnmesh.yaml has to say it')];
      },
    ),
    timeoutMs,
  );
  return { site, checks };
}

const inWords = (notes: readonly Note[]): string =>
  notes.map(({ key, value }) => `${key}: ${value}`).join(', ');

async function askNamespace(cluster: Cluster, namespace: string): Promise<Check[]> {
  const name = 'namespace';
  const object = await allowed(cluster.get(KINDS.Namespace, null, namespace));
  if (object === undefined) return [ok(name, `${namespace} (may not be read)`, 'taken to be there')];
  if (object === null)
    return [
      fail(name, `there is no ${namespace}`, `kubectl create namespace ${namespace}, or another namespace:`),
    ];
  if (object.metadata.deletionTimestamp !== undefined)
    return [fail(name, `${namespace} is being deleted`, 'wait until it is gone, then make it again')];
  return [ok(name, namespace, 'proxies and routes stand there')];
}

async function askRouteApi(cluster: Cluster, api: Site['api']): Promise<Check[]> {
  const kind = routeKind(api);
  const [served, crd] = await Promise.all([
    cluster.serves(kind),
    allowed(cluster.get(KINDS.CustomResourceDefinition, null, `${kind.plural}.${kind.group}`)),
  ]);
  return [judgeRouteApi(api, { served, crd })];
}

async function askGateway(cluster: Cluster, site: Site): Promise<Check[]> {
  const { namespace, name } = site.gateway;
  const kind = site.api === 'istio' ? KINDS.IstioGateway : KINDS.Gateway;
  const [gateway, own] = await Promise.all([
    allowed(cluster.get(kind, namespace, name)),
    allowed(cluster.get(KINDS.Namespace, null, site.namespace)),
  ]);
  return [judgeGateway(site, gateway, own?.metadata.labels ?? null)];
}

async function askFn({ fn, invoke }: ClusterPatient): Promise<Check[]> {
  const path = invoke === null ? '' : `; proxies call ${invoke}`;
  return [ok('Fn API', await fn(), `functions can be deployed${path}`)];
}

/** One version of one function, the one with the largest share: a call runs its code. */
async function askProxy({ app, router: connect }: ClusterPatient): Promise<Check[]> {
  const router = await connect();
  const { routes } = await router.read(app);
  const [first] = routes;
  if (first === undefined) return [judgeProxy(null)];
  const { route } = first;
  const [version] = Object.entries(route.split).sort(([, a], [, b]) => b - a)[0] ?? [];
  if (version === undefined) return [judgeProxy(null)];
  const of = { app, function: route.function, version };
  return [judgeProxy({ version: of, readiness: await router.ready(of) })];
}

async function askAccess({ app, cluster }: ClusterPatient, place: Place): Promise<Check[]> {
  const answers = await parallel(AT_ONCE, questionsFor(app, place), async (question) => ({
    ...question,
    allowed: await cluster.may(question.permission),
  }));
  return judgeAccess(answers, cluster.identity.user);
}
