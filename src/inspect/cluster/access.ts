// What fnmesh may not do, and what that costs. Pure.
import type { Question } from '../../kubernetes/permissions.js';
import { type Check, fail, ok, warn } from './check.js';

/** A question with its answer. */
export type Answered = Question & { allowed: boolean };

/** Two rows: what is needed, and what may be missing. */
export function judgeAccess(answers: readonly Answered[], user: string): Check[] {
  const [needed, optional] = [false, true].map((is) =>
    answers.filter((answer) => answer.optional === is),
  ) as [Answered[], Answered[]];
  const missing = needed.filter(({ allowed }) => !allowed);
  const lacking = optional.filter(({ allowed }) => !allowed);
  return [
    missing.length === 0
      ? ok('permissions', `all ${needed.length} that are needed`, `${user} may deploy and shift`)
      : fail(
          'permissions',
          `${user} may not ${inWords(missing)}`,
          'kubectl apply -f manifests/rbac-namespace.yaml of the fnmesh package, with your names in it',
        ),
    lacking.length === 0
      ? ok('further permissions', `all ${optional.length}`, 'everything is checked')
      : warn(
          'further permissions',
          `${user} may not ${inWords(lacking)}`,
          `without them, not: ${[...new Set(lacking.map((one) => one.for))].join('; ')} (manifests/rbac-platform.yaml)`,
        ),
  ];
}

/** `get, list deployments in hello; get services/proxy in hello`. */
function inWords(answers: readonly Answered[]): string {
  const verbs = new Map<string, string[]>();
  for (const { permission } of answers) {
    const { kind, subresource, namespace, name } = permission;
    const group = kind.group === '' ? '' : `.${kind.group}`;
    const what = `${kind.plural}${group}${subresource === undefined ? '' : `/${subresource}`}${name === undefined ? '' : ` ${name}`}`;
    const where = namespace === null ? 'in all namespaces' : `in ${namespace}`;
    const key = kind.namespaced ? `${what} ${where}` : what;
    verbs.set(key, [...(verbs.get(key) ?? []), permission.verb]);
  }
  return [...verbs].map(([what, all]) => `${all.join(', ')} ${what}`).join('; ');
}
