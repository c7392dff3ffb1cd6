// A deploy with what may come before and after it: a folder as a new version, versions that go, a higher version number.
import { NOTHING, observe } from '../fn/observe.js';
import { bumpPatch, nextPatch } from '../project/bump.js';
import type { VersionFolder } from '../project/project.js';
import type { Reason } from '../router/router.js';
import { FnmeshError, messageOf } from '../errors.js';
import { versionAs } from './as.js';
import { deploy, planDeploy, type PlanPorts } from './deploy.js';
import { orphans } from './outcome.js';
import type { DeployPorts } from './ports.js';
import type { DeployRequest, DeployResult } from './result.js';
import { surplus, tidy, type Tidied, type VersionName } from './tidy.js';

/** What a deploy does besides deploying. */
export type RolloutOptions = {
  /** The version that the one folder becomes, or `next`. */
  as?: string | undefined;
  /** Removes versions whose folder is gone. */
  prune: boolean;
  /** How many versions made by `--as` stay for each function; null: all. */
  keep: number | null;
  /** Writes the next patch version into func.yaml of what was changed. */
  bump: boolean;
  /** Asks whether versions may go; it is asked before anything is changed. */
  confirm: (doomed: readonly VersionName[]) => Promise<boolean>;
  /** How long the last calls of what goes may take, in milliseconds. */
  drainMs: number;
};

/** A deploy's result with what went along with it. */
export type RolloutResult = DeployResult & {
  bumped: { file: string; from: string; to: string }[];
  removed: VersionName[];
  /** What was to go and had to stay. */
  stayed: Tidied['kept'];
};

/**
 * What `rollout` would deploy; writes nothing.
 * @throws FnmeshError as `planDeploy` and `versionAs`.
 */
export async function planRollout(
  request: DeployRequest,
  ports: PlanPorts,
  { as, keep = null }: Pick<RolloutOptions, 'as'> & Partial<Pick<RolloutOptions, 'keep'>>,
): Promise<DeployResult> {
  const asked = await withAs(request, ports, as);
  const plan = await planDeploy(asked, ports);
  const [made] = plan.versions;
  if (as === undefined || keep === null || made === undefined || plan.failed > 0) return plan;
  if (ports.fn === null || ports.router === null) return plan;
  const { name } = asked.project.app;
  const [observed, table] = await Promise.all([observe(ports.fn, name), ports.router.read(name)]);
  const left = made.deploy === 'to create' ? keep - 1 : keep;
  return {
    ...plan,
    removes: surplus(observed, table, made.function, left, made.version, isGatewayOnly(ports)),
  };
}

/**
 * Deploys, and does what else was asked for.
 * @throws FnmeshError as `deploy` and `versionAs`.
 */
export async function rollout(
  given: DeployRequest,
  ports: DeployPorts,
  options: RolloutOptions,
): Promise<RolloutResult> {
  const request = await withAs(given, ports, options.as);
  const app = request.project.app.name;
  if (options.bump) for (const version of request.versions) checkBump(version);
  const { doomed, stayed } = options.prune ? await prunable(request, ports) : { doomed: [], stayed: [] };
  const agreed = doomed.length === 0 || (await options.confirm(doomed));
  const result = await deploy(request, ports);
  const done: RolloutResult = { ...result, bumped: [], removed: [], stayed };
  if (options.bump) done.bumped = await bump(request, result, ports);
  const goes = agreed ? [...doomed] : [];
  const made = request.versions[0];
  if (options.as !== undefined && options.keep !== null && result.failed === 0 && made !== undefined) {
    const [observed, table] = await Promise.all([observe(ports.fn, app), ports.router.read(app)]);
    const known = isGatewayOnly(ports);
    goes.push(...surplus(observed, table, made.function, options.keep, made.version, known));
  }
  if (goes.length === 0) return done;
  const message = options.as === undefined ? 'its folder is gone' : `keep: ${options.keep}`;
  const reason: Reason = { verb: 'destroy', by: request.by, message };
  const { removed, kept } = await tidy(app, goes, ports, reason, options.drainMs);
  const gone = new Set(removed.map(({ function: fn, version }) => `${fn}/${version}`));
  const left = result.orphans.filter(({ function: fn, version }) => !gone.has(`${fn}/${version}`));
  return { ...done, removed, stayed: [...stayed, ...kept], orphans: left };
}

async function withAs(
  request: DeployRequest,
  { fn, images, router }: Pick<PlanPorts, 'fn' | 'images' | 'router'>,
  as: string | undefined,
): Promise<DeployRequest> {
  if (as === undefined) return request;
  const { versions, project, buildsDir, force, envFiles, image } = request;
  const [folder, ...others] = versions;
  if (folder === undefined || others.length > 0) {
    const labels = versions.map(({ function: name, version }) => `${name}/${version}`).join(', ');
    throw new FnmeshError('usage', `--as makes one version of one folder, and these were named: ${labels}`, {
      try: `fnmesh deploy ${folder?.function}/${folder?.version} --as ${as}`,
    });
  }
  const observed = fn === null ? NOTHING : await observe(fn, project.app.name);
  const table = (await router?.read(project.app.name)) ?? null;
  const options = { buildsDir, force, envFiles, image, table };
  const version = await versionAs(folder, as, project, observed, images, options);
  const own = request.secrets?.versions[`${folder.function}/${folder.version}`];
  const secrets = request.secrets && {
    ...request.secrets,
    versions: {
      ...request.secrets.versions,
      ...(own && { [`${version.function}/${version.version}`]: own }),
    },
  };
  return { ...request, versions: [version], as: true, ...(secrets && { secrets }) };
}

/** What --prune would remove: no folder, and no weight, as far as this gateway knows. */
async function prunable(
  request: DeployRequest,
  ports: DeployPorts,
): Promise<{ doomed: VersionName[]; stayed: Tidied['kept'] }> {
  const { name } = request.project.app;
  const [observed, table] = await Promise.all([observe(ports.fn, name), ports.router.read(name)]);
  const doomed: VersionName[] = [];
  const stayed: Tidied['kept'] = [];
  for (const { function: fn, version, share } of orphans(request, observed, table)) {
    if (share === 0 || (share === null && isGatewayOnly(ports))) doomed.push({ function: fn, version });
    else if (share === null) {
      const why = `this gateway does not route it, and another may: fnmesh destroy ${fn}/${version} removes it all the same`;
      stayed.push({ function: fn, version, why });
    }
  }
  return { doomed, stayed };
}

/** Whether no other gateway can route the app's versions: those of the embedded server have this one, a cluster is everybody's. */
function isGatewayOnly({ readiness, front }: Pick<DeployPorts, 'readiness' | 'front'>): boolean {
  return readiness.when === 'before' || front !== undefined;
}

function checkBump({ file, func }: VersionFolder): void {
  if (nextPatch(func.version) !== null) return;
  const message = `${file}: version ${JSON.stringify(func.version)} is no x.y.z: --bump cannot count it up`;
  throw new FnmeshError('config', message, { try: `edit ${file}: version: 0.0.1` });
}

/** What cannot be written is said: the deploy is done. */
async function bump(
  request: DeployRequest,
  { versions }: DeployResult,
  { emit }: Pick<DeployPorts, 'emit'>,
): Promise<RolloutResult['bumped']> {
  const bumped: RolloutResult['bumped'] = [];
  for (const { function: fn, version, deploy: done, error } of versions) {
    if (error !== undefined || (done !== 'created' && done !== 'updated')) continue;
    const folder = request.versions.find((each) => each.function === fn && each.version === version);
    if (folder === undefined) continue;
    try {
      bumped.push({ file: folder.file, ...(await bumpPatch(folder.file)) });
    } catch (thrown) {
      emit({ type: 'warning', text: `${folder.file} was not counted up: ${messageOf(thrown)}` });
    }
  }
  return bumped;
}
