// From what a command asks for to what is deployed: the folder read, variables filled in, the commit looked up.
import { join } from 'node:path';
import type { Emit } from '../events.js';
import { isOlder, readCommit } from '../git/commit.js';
import { chooseVersions } from '../project/choose.js';
import { readEnvironment } from '../project/env-file.js';
import { interpolateProject } from '../project/interpolate.js';
import { readProject } from '../project/read.js';
import { readSettings } from '../project/settings.js';
import { pathOf } from '../routing/match.js';
import type { Setting } from '../target/target.js';
import type { DeployRequest } from './result.js';

/** What a command line asks for. */
export type DeployAsk = Pick<DeployRequest, 'force' | 'by'> &
  Partial<Pick<DeployRequest, 'jobs' | 'message' | 'image' | 'imageTag' | 'inPlace'>> & {
    /** The folder one stands in. */
    cwd: string;
    /** `FN`, `FN/v2`, … */
    selectors: readonly string[];
    all: boolean;
    allowOlder: boolean;
    /** Env files, as absolute paths. */
    env: readonly Setting<string>[];
    /** Base URL of the gateway as functions reach it. */
    gateway: string;
    /** True when that is this machine's own address, and functions run elsewhere. */
    isGatewayLocal?: boolean;
    /** True when the gateway's URL is that of the app's own host, as on a cluster. */
    isGatewayOwn?: boolean;
  };

/**
 * Reads everything that a deploy is made from.
 * @throws FnmeshError `not_found`, `usage` or `config`, with a `file:line:column` for everything wrong in a file.
 */
export async function deployRequest(ask: DeployAsk, emit: Emit): Promise<DeployRequest> {
  const {
    cwd,
    selectors,
    all,
    allowOlder,
    env,
    gateway,
    isGatewayLocal = false,
    isGatewayOwn = false,
    ...rest
  } = ask;
  const raw = await readProject(cwd, emit);
  const chosen = chooseVersions(raw, cwd, selectors, all);
  const labels = new Set(chosen.versions.map(({ file }) => file));
  const variables = await readEnvironment(env, process.env);
  const functions = new Set(raw.functions.map(({ name }) => name));
  let routed: { fn: string; address: string } | undefined;
  const routeAddress = (fn: string): string | undefined => {
    if (!functions.has(fn)) return undefined;
    const address = isGatewayOwn
      ? `${gateway}${pathOf(raw.app.name, fn)}`
      : routeIn(gateway, raw.app.name, fn);
    routed ??= { fn, address };
    return address;
  };
  const sources = { variables, routeAddress };
  const wanted = ({ file }: { file: string }): boolean => labels.has(file);
  const { project, secretKeys } = await interpolateProject(raw, sources, { wanted, startDir: cwd });
  if (routed !== undefined && isGatewayLocal) {
    const text = `\${route:${routed.fn}} is ${routed.address}, which containers on the Fn server do not reach; gateway: http://HOST:${new URL(gateway).port} in fnmesh.yaml says how they reach this gateway`;
    emit({ type: 'warning', text });
  }
  const commit = await commitOf(project.root, emit);
  const envFiles = await envFilesOf(project.root, cwd);
  return {
    ...rest,
    project,
    versions: project.functions.flatMap(({ versions }) => versions.filter(wanted)),
    named: chosen.named,
    buildsDir: join(project.root, '.fnmesh', 'builds'),
    envFiles,
    secrets: secretKeys,
    ...(commit && { commit }),
    ...(commit && !allowOlder && { isOlder: (live) => isOlder(project.root, commit, live) }),
  };
}

/** The commit, or a warning of what goes without it. */
async function commitOf(root: string, emit: Emit): Promise<DeployRequest['commit']> {
  const commit = await readCommit(root);
  if (commit === null || !('unknown' in commit)) return commit ?? undefined;
  const text = `git does not tell the commit of ${root}: ${commit.unknown}; so it is noted nowhere, and no commit is refused for being older than the one that is live`;
  emit({ type: 'warning', text });
  return undefined;
}

/** The env files of all targets: what is built does not depend on where it goes. */
async function envFilesOf(root: string, startDir: string): Promise<string[]> {
  const settings = await readSettings(root, startDir);
  if (settings === null) return [];
  const all = [settings, ...Object.values(settings.targets)];
  return [...new Set(all.flatMap(({ env }) => env ?? []).map(({ value }) => value))];
}

/** A route's address that resolves wherever functions run, and that no other app's route shares. */
function routeIn(gateway: string, app: string, fn: string): string {
  const path = pathOf(app, fn);
  return `${gateway}/.app/${app}${path === '/' ? '' : path}`;
}
