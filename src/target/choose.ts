// Which Fn server, registry and router a command acts on, weighed from everything that was said. Pure.
// Order: flags > a target named by --target or FNMESH_TARGET > FN_API_URL, FN_REGISTRY, FN_TOKEN > `target:` of
// fnmesh.yaml > local. Fn's current context fills what a target other than local leaves open.
import { FnmeshError } from '../errors.js';
import { readAddress, readRegistry } from './address.js';
import { ownSettings } from './own.js';
import { contextApi, contextName, differing, said, secret } from './said.js';
import { DEFAULT_PROBE, type FnContext, type Settings, type TargetSettings } from './settings.js';
import { type ClusterSettings, OPEN_CLUSTER } from './cluster.js';
import {
  type ChosenFn,
  type ChosenImages,
  type ChosenRouter,
  type ChosenTarget,
  LOCAL,
  type Setting,
  type TargetFlags,
} from './target.js';

/** Everything that may say where a command acts. */
export type Said = {
  readonly flags: TargetFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: Settings | null;
  readonly context: FnContext | null;
};

/** The name of the target that counts, which may not exist. The Fn context matters only when it is not `local`. */
export function targetName({ flags, env, settings }: Omit<Said, 'context'>): Setting<string> {
  if (flags.target !== undefined) return { value: flags.target, from: '--target' };
  if (env['FNMESH_TARGET']) return { value: env['FNMESH_TARGET'], from: 'FNMESH_TARGET' };
  return settings?.target ?? { value: LOCAL, from: 'default' };
}

/**
 * What images are made for, where no Fn server is needed.
 * @throws FnmeshError as `chooseTarget`, apart from what is said of servers.
 */
export function chooseImages({ flags, env, settings, context }: Said): ChosenImages {
  const name = targetName({ flags, env, settings });
  const named = isNamed(name);
  const own = ownSettings(name, named, settings);
  const filling = name.value === LOCAL ? null : context;
  const envRegistry = () => said(env['FN_REGISTRY'] || undefined, 'FN_REGISTRY', readRegistry);
  return {
    name,
    registry:
      said(flags.registry, '--registry', readRegistry) ??
      (named ? (own.registry ?? envRegistry()) : (envRegistry() ?? own.registry)) ??
      said(filling?.registry, contextName(filling), readRegistry),
    platform: own.platform ?? { value: 'linux/amd64', from: 'default' },
    env: own.env ?? [],
  };
}

/**
 * Chooses the target and fills in what it leaves open.
 * With `--api-url`, or FN_API_URL and no target named by flag or FNMESH_TARGET, only the Fn server changes, and with
 * it the invoke address and the token, which belong to a server; all else stays the target's that counts otherwise.
 * The gateway is null for the embedded server: its functions reach the gateway where it listens.
 * @throws FnmeshError `usage` for a flag that cannot be used; `not_found` when --target or FNMESH_TARGET names no
 * target; `config` for variables, fnmesh.yaml and Fn contexts that cannot be used, and when nothing says which server.
 */
export function chooseTarget({ flags, env, settings, context }: Said): ChosenTarget {
  const name = targetName({ flags, env, settings });
  const named = isNamed(name);
  const own = ownSettings(name, named, settings);
  const filling = name.value === LOCAL ? null : context;

  const envApi = () => said(env['FN_API_URL'] || undefined, 'FN_API_URL', readAddress);
  const api =
    said(flags['api-url'], '--api-url', readAddress) ??
    (named ? null : envApi()) ??
    (name.value === LOCAL ? null : (own.fn.api ?? envApi() ?? contextApi(filling) ?? noServer(name)));

  const images = chooseImages({ flags, env, settings, context });
  const fn = api === null ? ({ kind: 'embedded' } as const) : serverAt(api, own, env, filling);
  return {
    ...images,
    fn,
    router: routerOf(name, own, flags),
    gateway: fn.kind === 'embedded' || own.cluster !== null ? null : own.gateway,
    probe: own.probe?.value ?? DEFAULT_PROBE,
    keep: settings?.keep ?? null,
    warnings:
      fn.kind === 'embedded'
        ? differing('FN_API_URL', env, readAddress, { value: 'the embedded server', from: name.from }, null)
        : [
            ...differing('FN_API_URL', env, readAddress, own.fn.api, api),
            ...differing('FN_REGISTRY', env, readRegistry, own.registry, images.registry),
            ...keptBack(own, fn),
          ],
  };
}

/** The cluster of a target, whether or not it has an Fn server yet; without a target, the one that the kubeconfig names. */
export type ChosenCluster = {
  readonly name: Setting<string>;
  readonly cluster: ClusterSettings;
  readonly fn: TargetSettings['fn'];
};

/**
 * The cluster that is meant where no Fn server is needed.
 * @throws FnmeshError as `chooseTarget`, apart from what is said of Fn servers.
 */
export function chooseCluster({ flags, env, settings }: Omit<Said, 'context'>): ChosenCluster {
  const name = targetName({ flags, env, settings });
  const own = ownSettings(name, isNamed(name), settings);
  const open = own.cluster === null && name.value === LOCAL ? { ...own, cluster: OPEN_CLUSTER } : own;
  const router = routerOf(name, open, flags);
  if (router.kind === 'kubernetes') return { name, cluster: router.cluster, fn: own.fn };
  throw new FnmeshError(
    'usage',
    `target ${name.value} (${name.from}) has the embedded gateway, and this is for clusters`,
    { try: '--target NAME of a target with router: kubernetes in fnmesh.yaml' },
  );
}

/** The namespace may stand in flags too, as every Kubernetes tool takes it. */
function routerOf(name: Setting<string>, { cluster }: TargetSettings, flags: TargetFlags): ChosenRouter {
  const given = (['kubeconfig', 'context', 'namespace'] as const).filter((key) => flags[key] !== undefined);
  if (cluster === null) {
    if (given.length === 0) return { kind: 'embedded' };
    throw new FnmeshError(
      'usage',
      `--${given[0]} is for a cluster, and target ${name.value} (${name.from}) has the embedded gateway`,
      { try: `--target NAME of a target with router: kubernetes in fnmesh.yaml` },
    );
  }
  const flag = (key: (typeof given)[number]): Setting<string> | null =>
    flags[key] === undefined ? cluster[key] : { value: flags[key], from: `--${key}` };
  const namespace = flag('namespace');
  if (namespace !== null && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace.value)) {
    throw new FnmeshError('usage', `${namespace.from} ${JSON.stringify(namespace.value)} is no namespace`, {
      try: `${namespace.from} hello: a-z, 0-9 and "-", 63 at most`,
    });
  }
  const own = { kubeconfig: flag('kubeconfig'), context: flag('context'), namespace };
  return { kind: 'kubernetes', cluster: { ...cluster, ...own } };
}

function isNamed({ from }: Setting<string>): boolean {
  return from === '--target' || from === 'FNMESH_TARGET';
}

/** A server and what belongs to it: one that is not the target's own gets neither its token nor its invoke address. */
function serverAt(
  api: Setting<string>,
  own: TargetSettings,
  env: Said['env'],
  context: FnContext | null,
): Extract<ChosenFn, { kind: 'server' }> {
  const isOwn = own.fn.api === null || own.fn.api.value === api.value;
  const token =
    (isOwn ? secret(own.fn.token, env) : null) ??
    secret(env['FN_TOKEN'] ? { value: 'FN_TOKEN', from: 'FN_TOKEN' } : null, env) ??
    (api.from === contextName(context) && context?.token !== undefined
      ? secret({ value: 'token', from: api.from }, { token: context.token })
      : null);
  return { kind: 'server', api, invoke: isOwn ? own.fn.invoke : null, token };
}

function keptBack(
  { fn: own }: TargetSettings,
  { api, token }: { api: Setting<string>; token: unknown },
): string[] {
  if (own.token === null || own.api === null || own.api.value === api.value || token !== null) return [];
  return [`no token is sent to ${api.value}: that of ${own.token.from} is for ${own.api.value} only`];
}

function noServer(name: Setting<string>): never {
  throw new FnmeshError(
    'config',
    `target ${name.value} (${name.from}): nothing says which Fn server; fn.api in fnmesh.yaml, FN_API_URL or an Fn context with an api-url would`,
    { try: `fnmesh.yaml: targets.${name.value}.fn.api: http://HOST:8080, or --api-url http://HOST:8080` },
  );
}
