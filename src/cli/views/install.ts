import type { ClusterIdentity } from '../../kubernetes/cluster.js';
import type { InstallPlan } from '../../kubernetes/install/apply.js';

/** `fnmesh install fn`: what was made or changed, what to know of it, and what the target then says. */
export function installView(plan: InstallPlan, { context, server }: ClusterIdentity, dry: boolean): string {
  const done = { create: 'created', update: 'updated', remove: 'removed' } as const;
  const lines = plan.changes.map(({ action, kind, namespace, name, fields }) => {
    const where = namespace === '' ? name : `${namespace}/${name}`;
    const what = dry ? `would be ${done[action]}` : done[action];
    return `${kind} ${where} ${what}${fields.length > 0 ? `: ${fields.join(', ')}` : ''}`;
  });
  return [
    `cluster ${context} (${server})`,
    ...(lines.length === 0 ? ['unchanged'] : lines),
    ...plan.notes.map((note) => `note: ${note}`),
    'in fnmesh.yaml, for the target:',
    `  fn: { api: ${plan.fn.api}, invoke: ${plan.fn.invoke} }`,
  ].join('\n');
}
