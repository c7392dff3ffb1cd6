// What a deploy is composed of: the request that a command line and the app's folder make, where its builds become
// images for the target, and the share that a new version then gets.
import type { Planned, Target } from './compose.js';
import { chooseForImages, isClusterNamed } from './compose-choose.js';
import { connectOrStart, frontOf, planned, whoAmI } from './compose.js';
import { type ImageFlags, imagesFor, registryImages } from './compose-images.js';
import { stateDir } from './control/home.js';
import { findServer } from './control/start.js';
import { askedPorts, DEFAULT_GATEWAY_PORT, unmetPorts } from './control/ports.js';
import type { OutputResult } from './deploy/output.js';
import { type DeployRequest, type DeployResult, type RowError, rowError } from './deploy/result.js';
import type { RolloutOptions, RolloutResult } from './deploy/rollout.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { routeUrl } from './routing/match.js';
import type { BasisPoints } from './routing/route.js';
import { formatPercent, formatWeight } from './routing/weights.js';
import type { ChosenTarget, TargetFlags } from './target/target.js';
import { whereText } from './target/where.js';
import type { TrafficResult } from './traffic/apply.js';
import type { ForeseenShare, Share } from './traffic/share.js';

/** Fn's longest timeout, in milliseconds: no call takes longer. */
const DRAIN_MS = 300_000;

/** What a command line says of a deploy; absent = not said. */
export type DeployFlags = TargetFlags &
  ImageFlags & {
    all: boolean;
    as?: string | undefined;
    /** What the version that `as` makes then gets. */
    share?: BasisPoints | undefined;
    force?: boolean;
    'in-place'?: boolean;
    'allow-older'?: boolean;
    jobs?: number | undefined;
    message?: string | undefined;
    'fn-port'?: string | undefined;
    'gateway-port'?: string | undefined;
  };

/** What a deploy would do, the share of a new version included. `shiftError`: why that could not be given. */
export type ForeseenDeploy = DeployResult & { shift: ForeseenShare | null; shiftError?: RowError };

/** What a deploy did, the share of a new version included, and where. `shiftError`: why that was not given. */
export type DoneDeploy = RolloutResult & {
  target: ChosenTarget['name'];
  registry: ChosenTarget['registry'];
  shift: TrafficResult | null;
  shiftError?: RowError;
};

/**
 * What a deploy would do; nothing is started, built or written.
 * @param selectors `FN`, `FN/v2`, …
 * @returns the plan, and the gateway's URL as it is or would be; null: on any free port.
 * @throws FnmeshError as `planDeploy`.
 */
export async function planFor(
  flags: DeployFlags,
  selectors: readonly string[],
  emit: Emit,
): Promise<{ plan: ForeseenDeploy; gateway: string | null }> {
  const { planRollout } = await import('./deploy/rollout.js');
  const target = await planned(flags, emit);
  if (target.fn === null && target.place === null) {
    const text =
      'the embedded server is not running: what it holds is not in this plan (`fnmesh start -d` first)';
    emit({ type: 'warning', text });
  }
  if (!target.embedded || target.place !== null) emit({ type: 'note', text: whereText(target.chosen) });
  const { gateway, reach } = await reachOf(target, flags, emit);
  const request = await requestFor(flags, selectors, reach, emit);
  const images = await imagesFor(target, flags, request, emit);
  const { readiness, locate, fn, router } = target;
  const front = await frontOf(target, request.project.app.name);
  const options = { as: flags.as, keep: target.chosen.keep?.value ?? null };
  const plan = await planRollout(request, { images, readiness, locate, front, fn, router, emit }, options);
  return { plan: await foreseen(plan, flags.share), gateway };
}

async function foreseen(plan: DeployResult, points: BasisPoints | undefined): Promise<ForeseenDeploy> {
  const share = shareOf(plan, points);
  if (share === null) return { ...plan, shift: null };
  const { foreseeShare } = await import('./traffic/share.js');
  try {
    const split = plan.functions.find((wired) => wired.function === share.function)?.after ?? null;
    return { ...plan, shift: foreseeShare(share, split), next: [] };
  } catch (error) {
    return { ...plan, shift: null, shiftError: rowError(error) };
  }
}

/**
 * Deploys, and gives a new version its share. The embedded server is started where none runs.
 * @param selectors `FN`, `FN/v2`, …
 * @returns what was done, and the gateway's URL.
 * @throws FnmeshError as `deployRequest` and `rollout`.
 */
export async function deployFor(
  flags: DeployFlags & Pick<RolloutOptions, 'prune' | 'bump'>,
  selectors: readonly string[],
  { emit, confirm }: { emit: Emit } & Pick<RolloutOptions, 'confirm'>,
): Promise<{ result: DoneDeploy; gateway: string | null }> {
  const ports = askedPorts(flags);
  if (!(await isClusterNamed(flags)) && (await findServer(stateDir())) === null) {
    // What is wrong in the folder is said before anything is started.
    const { env } = await chooseForImages(flags);
    await requestFor(flags, selectors, { env, gateway: LOOPBACK_GATEWAY }, () => undefined);
  }
  const target = await connectOrStart(flags, ports, emit);
  if (target.place === null)
    for (const text of unmetPorts(ports, target.server)) emit({ type: 'warning', text });
  if (!target.embedded || target.place !== null) emit({ type: 'note', text: whereText(target.chosen) });
  const { gateway, reach } = await reachOf(target, flags, emit);
  const request = await requestFor(flags, selectors, reach, emit);
  const { rollout } = await import('./deploy/rollout.js');
  const images = await imagesFor(target, flags, request, emit);
  const { name, registry, keep } = target.chosen;
  const options = { ...flags, keep: keep?.value ?? null, drainMs: DRAIN_MS, confirm };
  const front = await frontOf(target, request.project.app.name);
  const result = await rollout(request, { ...target, front, images, emit }, options);
  const done = { ...result, target: name, registry, shift: null };
  return { result: await shared(done, flags.share, request, target, emit), gateway };
}

/** What was deployed stays told of when its share cannot be given. */
async function shared(
  done: DoneDeploy,
  points: BasisPoints | undefined,
  { by, message, project }: DeployRequest,
  { router }: Pick<Target, 'router'>,
  emit: Emit,
): Promise<DoneDeploy> {
  const share = shareOf(done, points);
  if (share === null) return done;
  const { giveShare } = await import('./traffic/share.js');
  try {
    const options = { by, ...(message !== undefined && { message }) };
    const shift = await giveShare(share, project.app.name, router, options, emit);
    return { ...done, shift, next: [] };
  } catch (error) {
    const label = `${share.function}/${share.version}`;
    const command = `fnmesh shift ${label}=${formatWeight(share.points)}`;
    const next = [{ why: `${label} has not got its ${formatPercent(share.points)}`, command }];
    return { ...done, next, shiftError: rowError(error) };
  }
}

/** What the one version gets that was made; null: nothing, as nobody said so or it was not made. */
function shareOf({ versions, failed }: DeployResult, points: BasisPoints | undefined): Share | null {
  const [made] = versions;
  if (points === undefined || made === undefined || failed > 0) return null;
  return { function: made.function, version: made.version, points };
}

/**
 * Builds, and writes the images to files; no server is needed.
 * @param to `oci-layout=DIR` or `docker-archive=FILE`.
 * @throws FnmeshError as `parseOutput`, `deployRequest` and `output`.
 */
export async function outputFor(
  flags: DeployFlags,
  selectors: readonly string[],
  to: string,
  emit: Emit,
): Promise<OutputResult> {
  const { output, parseOutput } = await import('./deploy/output.js');
  const where = parseOutput(to, process.cwd());
  const chosen = await chooseForImages(flags);
  const reach = { env: chosen.env, gateway: LOOPBACK_GATEWAY };
  const request = await requestFor(flags, selectors, reach, emit);
  const store = await registryImages(chosen, flags, request.commit, emit);
  return output(request, where, store, emit);
}

/** What stands in for names in config values: env files, and the gateway's URL as functions reach it. */
type Reach = Pick<ChosenTarget, 'env'> & {
  gateway: string;
  isGatewayLocal?: boolean;
  isGatewayOwn?: boolean;
};

const LOOPBACK_GATEWAY = `http://127.0.0.1:${DEFAULT_GATEWAY_PORT}`;

async function reachOf(
  target: Pick<Planned, 'chosen' | 'embedded' | 'place'> & { server?: { gatewayUrl: string } | null },
  flags: DeployFlags,
  emit: Emit,
): Promise<{ gateway: string | null; reach: Reach }> {
  const { chosen, embedded, place } = target;
  const { env } = chosen;
  if (place === null) {
    const gateway = target.server?.gatewayUrl ?? gatewayToBe(flags);
    const own = chosen.gateway?.value ?? gateway ?? LOOPBACK_GATEWAY;
    return { gateway, reach: { env, gateway: own, isGatewayLocal: !embedded && chosen.gateway === null } };
  }
  const { readAppName } = await import('./project/app-name.js');
  const { name } = await readAppName(process.cwd(), emit);
  const gateway = await place.gatewayUrl(name).catch(() => null);
  const own = routeUrl(gateway, { host: await place.host(name), path: '' });
  return { gateway, reach: { env, gateway: own, isGatewayOwn: true } };
}

/** The gateway's URL once the embedded server is started; null: on any free port. */
function gatewayToBe(flags: DeployFlags): string | null {
  const { gatewayPort = DEFAULT_GATEWAY_PORT } = askedPorts(flags);
  return gatewayPort === 0 ? null : `http://127.0.0.1:${gatewayPort}`;
}

/** What is deployed, read from the folder one stands in. @throws FnmeshError as `deployRequest` and `givenImage`. */
async function requestFor(
  flags: DeployFlags,
  selectors: readonly string[],
  reach: Reach,
  emit: Emit,
): Promise<DeployRequest> {
  const { deployRequest } = await import('./deploy/request.js');
  const { jobs, message } = flags;
  const given = flags.image === undefined ? undefined : await readImage(flags.image, emit);
  const request = await deployRequest(
    {
      ...reach,
      cwd: process.cwd(),
      selectors,
      all: flags.all,
      force: flags.force ?? false,
      by: whoAmI(),
      inPlace: flags['in-place'] ?? false,
      allowOlder: flags['allow-older'] ?? false,
      ...(jobs !== undefined && { jobs }),
      ...(message !== undefined && { message }),
      ...given,
    },
    emit,
  );
  if (given === undefined || request.versions.length === 1) return request;
  throw new FnmeshError('usage', `--image is for one version, and ${request.versions.length} are named`, {
    try: `fnmesh deploy FN/v2 --image ${given.image}`,
  });
}

async function readImage(text: string, emit: Emit): Promise<Pick<DeployRequest, 'image' | 'imageTag'>> {
  const { givenImage } = await import('./deploy/given-image.js');
  const { warning, ...given } = givenImage(text);
  if (warning !== undefined) emit({ type: 'warning', text: warning });
  return given;
}
