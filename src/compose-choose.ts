// Which target a command means, from everything that may say so; nothing is connected to.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import type { Cluster } from './kubernetes/cluster.js';
import {
  chooseCluster,
  type ChosenCluster,
  chooseImages,
  chooseTarget,
  type Said,
  targetName,
} from './target/choose.js';
import type { ClusterSettings } from './target/cluster.js';
import { type ChosenImages, type ChosenTarget, LOCAL, type TargetFlags } from './target/target.js';

/** A target whose routes are on a cluster. */
export type OnCluster = ChosenTarget & { router: Extract<ChosenTarget['router'], { kind: 'kubernetes' }> };

/** Whether a target's routes are on a cluster. */
export function isOnCluster(chosen: ChosenTarget): chosen is OnCluster {
  return chosen.router.kind === 'kubernetes';
}

/**
 * The target that flags, variables, fnmesh.yaml and the Fn context name.
 * @throws FnmeshError as `chooseTarget`.
 */
export async function choose(flags: TargetFlags): Promise<ChosenTarget> {
  return chooseTarget(await everythingSaid(flags));
}

/**
 * The target that is named, which is one with a cluster.
 * @throws FnmeshError as `chooseTarget`; `usage` for a target with the embedded gateway.
 */
export async function chosenOnCluster(flags: TargetFlags): Promise<OnCluster> {
  const chosen = await choose(flags);
  if (isOnCluster(chosen)) return chosen;
  const { name } = chosen;
  throw new FnmeshError(
    'usage',
    `target ${name.value} (${name.from}) has the embedded gateway, and this is for clusters`,
    { try: '--target NAME of a target with router: kubernetes in fnmesh.yaml' },
  );
}

/** The cluster that is named, where no Fn server is needed. @throws FnmeshError as `chooseCluster`. */
export async function chosenCluster(flags: TargetFlags): Promise<ChosenCluster> {
  return chooseCluster(await everythingSaid(flags));
}

/** A cluster; nothing has been asked of it yet. @throws FnmeshError `config` as `connectCluster`. */
export async function clusterOf(settings: ClusterSettings, emit: Emit): Promise<Cluster> {
  return (await import('./kubernetes/client.js')).connectCluster(settings, process.env, emit);
}

/** Whether the target that is named has its routes on a cluster, so that no server of this machine is needed. */
export async function isClusterNamed(flags: TargetFlags): Promise<boolean> {
  return isOnCluster(await choose(flags));
}

/**
 * What images are made for where nothing is deployed, so that no Fn server need be named.
 * @throws FnmeshError as `chooseImages`.
 */
export async function chooseForImages(flags: TargetFlags): Promise<ChosenImages> {
  return chooseImages(await everythingSaid(flags));
}

async function everythingSaid(flags: TargetFlags): Promise<Said> {
  const { findAppFile } = await import('./project/read.js');
  const file = await findAppFile(process.cwd()).catch(() => undefined);
  const settings = file === undefined ? null : await readSettingsIn(dirname(file));
  const said = { flags, env: process.env, settings };
  const { value: name } = targetName(said);
  if (name === LOCAL) return { ...said, context: null };
  // A broken ~/.fn is in the way only of who needs it.
  const isOpen = flags['api-url'] === undefined && !settings?.targets[name]?.fn.api;
  const context = await readContext().catch((error: unknown) => {
    if (isOpen) throw error;
    return null;
  });
  return { ...said, context };
}

async function readSettingsIn(root: string) {
  if (!['fnmesh.yaml', 'fnmesh.yml'].some((name) => existsSync(join(root, name)))) return null;
  return (await import('./project/settings.js')).readSettings(root, process.cwd());
}

async function readContext() {
  return (await import('./project/fn-context.js')).readFnContext();
}
