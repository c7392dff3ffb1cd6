// Whether what stands on the cluster is what shall, who else has a hand in it, and whether it reaches Fn. Pure.
import type { FrontPlan } from '../../kubernetes/front.js';
import { type KubeObject, objectName } from '../../kubernetes/object.js';
import { isLive, ownerOf } from '../../kubernetes/owner.js';
import type { Readiness, VersionRef } from '../../router/router.js';
import { type Check, fail, ok, warn } from './check.js';

/** Whether another tool would undo what fnmesh writes into the routes. */
export function judgeOwners(routes: readonly KubeObject[]): Check {
  const name = 'GitOps';
  const managed = routes.filter((route) => ownerOf(route) !== null);
  const refused = managed.filter((route) => !isLive(route));
  const [first] = refused;
  if (first !== undefined) {
    const { tool, name: of } = ownerOf(first)!;
    const more = refused.length > 1 ? ` and ${refused.length - 1} more` : '';
    return warn(
      name,
      `${objectName(first)}${more}: managed by ${tool}${of === null ? '' : ` (${of})`}`,
      'shift is refused, for it would be undone: fnmesh render -o DIR and commit, or --live-edits with what routes.yaml says',
    );
  }
  if (managed.length > 0)
    return ok(name, `${ownerOf(managed[0]!)!.tool}, which leaves the routes alone`, 'shift works');
  return ok(name, 'nobody else manages the routes', 'shift works');
}

/** Whether the objects are as they shall be. */
export function judgeDrift({ objects }: Pick<FrontPlan, 'objects'>): Check {
  const name = 'drift';
  const orphans = objects.filter(({ action }) => action === 'remove');
  const others = objects.length - orphans.length;
  if (objects.length === 0) return ok(name, 'none', 'everything is as it shall be');
  const [first] = objects;
  const parts = [
    ...(others > 0 ? [`${others} not as they shall be`] : []),
    ...(orphans.length > 0 ? [`${orphans.length} that nothing needs`] : []),
  ];
  return warn(
    name,
    `${parts.join(', ')}; first ${first!.kind} ${first!.namespace}/${first!.name}`,
    'fnmesh diff shows them, fnmesh wire puts them right',
  );
}

/** Whether a proxy reaches its function, by way of the API server's Service proxy; null: there is no route yet. */
export function judgeProxy(answer: { version: VersionRef; readiness: Readiness } | null): Check {
  const name = 'proxy → Fn';
  if (answer === null) return ok(name, 'nothing is deployed', 'fnmesh deploy makes proxies and routes');
  const { version, readiness } = answer;
  const label = `${version.function}/${version.version}`;
  if (readiness.ready) return ok(name, `${label} answers`, 'the way from proxy to function is open');
  return fail(name, `${label}: ${readiness.why}`, readiness.try ?? 'fnmesh logs says what the proxies saw');
}
