// Reads fnmesh.yaml: targets and what holds for all of them, each value with its line.
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { FnmeshError } from '../errors.js';
import type { Settings, SharedSettings, TargetSettings } from '../target/settings.js';
import type { Setting } from '../target/target.js';
import { type Problem, problemsError } from './problems.js';
import { type ClusterSettings, OPEN_CLUSTER as open } from '../target/cluster.js';
import type { SettingsFile, SharedFile, TargetFile } from './settings-schema.js';
import { parseFile } from './text-file.js';
import type { KeyPath } from './yaml.js';

const FILES = ['fnmesh.yaml', 'fnmesh.yml'] as const;

/** Gives a value with where it stands; null when it was not said. */
type Said = <T>(value: T | undefined, ...path: KeyPath) => Setting<T> | null;

/**
 * Reads fnmesh.yaml, or fnmesh.yml, beside app.yaml. Env files become absolute paths; addresses get a scheme
 * and lose a final slash. Nothing in it is looked up: env files and variables may be missing.
 * @param root The folder with app.yaml.
 * @param startDir What the paths in messages are relative to.
 * @returns null when there is no such file.
 * @throws FnmeshError `config` with a `file:line:column` for everything wrong, unknown keys included.
 */
export async function readSettings(root: string, startDir: string = root): Promise<Settings | null> {
  const file = await settingsFile(root);
  if (file === null) return null;
  const { checkSettings, isCallText } = await import('./settings-schema.js');
  const problems: Problem[] = [];
  const parsed = await parseFile(file, isCallText, problems);
  if (parsed === undefined) throw problemsError(problems.map(withQuotes), resolve(startDir));
  const checked = checkSettings(parsed.value);
  if ('refusals' in checked) {
    const found = checked.refusals.map(({ path, part, text }): Problem => ({
      file,
      ...parsed.place(path, part),
      text,
      try: `edit ${basename(file)}${path.length === 0 ? '' : `: ${path.join('.')}`}`,
    }));
    // As one reads the file, and not in the schema's order.
    found.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
    throw problemsError(found, resolve(startDir));
  }
  const said: Said = (value, ...path) =>
    value === undefined ? null : { value, from: `${basename(file)}:${parsed.place(path).line}` };
  return settingsOf(checked.settings, file, root, said);
}

/** `{token: ${NAME}}` is no YAML: inside braces a value that has some needs quotes. */
function withQuotes(problem: Problem): Problem {
  if (!problem.text.includes('flow-map-start')) return problem;
  return { ...problem, try: 'inside { } write it with quotes: "${NAME}"' };
}

async function settingsFile(root: string): Promise<string | null> {
  const there: string[] = [];
  for (const name of FILES) {
    if ((await stat(join(root, name)).catch(() => undefined))?.isFile()) there.push(join(root, name));
  }
  if (there.length > 1) {
    throw new FnmeshError('config', `both ${FILES.join(' and ')} are in ${root}: which one counts?`, {
      try: `keep one of them: git rm ${FILES[1]}`,
    });
  }
  return there[0] ?? null;
}

function settingsOf(content: SettingsFile, file: string, root: string, said: Said): Settings {
  const targets = Object.entries(content.targets ?? {}).map(([name, target]): [string, TargetSettings] => {
    const at = ['targets', name];
    const { api, invoke, token } = target.fn ?? {};
    const fn = {
      api: said(api, ...at, 'fn', 'api'),
      invoke: said(invoke, ...at, 'fn', 'invoke'),
      token: said(token, ...at, 'fn', 'token'),
    };
    return [name, { ...sharedOf(target, root, at, said), fn, cluster: clusterOf(target, root, at, said) }];
  });
  return {
    ...sharedOf(content, root, [], said),
    file,
    target: said(content.target, 'target'),
    keep: said(content.keep, 'keep'),
    targets: Object.fromEntries(targets),
  };
}

function clusterOf(target: TargetFile, root: string, at: KeyPath, said: Said): ClusterSettings | null {
  if (target.router !== 'kubernetes') return null;
  const { kubeconfig, gatewayWord } = target;
  return {
    kubeconfig: said(kubeconfig === undefined ? undefined : resolve(root, kubeconfig), ...at, 'kubeconfig'),
    context: said(target.context, ...at, 'context'),
    namespace: said(target.namespace, ...at, 'namespace'),
    host: said(target.host, ...at, 'host'),
    api: said(target.api, ...at, 'api'),
    gateway: said(gatewayWord, ...at, 'gateway'),
    makeGateway: target.makeGateway ?? open.makeGateway,
    address: said(target.address, ...at, 'address'),
    proxy: target.proxy ?? open.proxy,
    mesh: said(target.mesh, ...at, 'mesh'),
    pin: target.pin ?? open.pin,
    clusterDomain: target.clusterDomain ?? open.clusterDomain,
    dns: said(target.dns, ...at, 'dns'),
    image: said(target.image, ...at, 'image'),
    replicas: target.replicas ?? open.replicas,
    autoscale: target.autoscale ?? open.autoscale,
    networkPolicy: target.networkPolicy ?? open.networkPolicy,
    bodyBytes: target.bodyLimit ?? open.bodyBytes,
    drainMs: target.drain ?? open.drainMs,
    adminUrls: target.adminUrl?.map((url, index) => said(url, ...at, 'adminUrl', index)!) ?? null,
  };
}

function sharedOf(content: SharedFile, root: string, at: KeyPath, said: Said): SharedSettings {
  return {
    registry: said(content.registry, ...at, 'registry'),
    env: content.env?.map((path, index) => said(resolve(root, path), ...at, 'env', index)!) ?? null,
    probe: said(content.probe, ...at, 'probe'),
    platform: said(content.platform, ...at, 'platform'),
    gateway: said(content.gateway, ...at, 'gateway'),
  };
}
