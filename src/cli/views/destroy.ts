import type { DestroyResult, DoomedVersion, ForeseenDestroy } from '../../deploy/destroy.js';
import { formatPercent } from '../../routing/weights.js';
import { table } from '../table.js';
import { goneLines } from './front.js';

/** What would go, with the shares it has now. */
export function destroyPlanView(plan: Omit<ForeseenDestroy, 'steps'>): string {
  const lines = [versionsView(plan.versions)];
  const routes = plan.routes.filter(({ kind }) => kind === 'remove').length;
  if (routes > 0)
    lines.push(
      routes === 1
        ? '1 route would go first; its callers get 404'
        : `${routes} routes would go first; their callers get 404`,
    );
  lines.push(...goneLines(plan.front, true));
  if (plan.deletesApp !== null) lines.push(`the app ${plan.app} would go too`);
  if (plan.kept.length > 0) lines.push(`stays, since fnmesh did not deploy it: ${plan.kept.join(', ')}`);
  return lines.filter(Boolean).join('\n');
}

/** What went. */
export function destroyView(result: DestroyResult): string {
  const lines = result.removed.map((each) => `removed ${each.function}/${each.version}`);
  lines.push(...goneLines(result.front, false));
  if (result.appRemoved) lines.push(`removed app ${result.app}`);
  if (result.kept.length > 0) lines.push(`kept, since fnmesh did not deploy it: ${result.kept.join(', ')}`);
  for (const label of result.undrained)
    lines.push(`${label}: its last calls took too long and may have been broken off`);
  return lines.join('\n') || 'nothing to remove';
}

function versionsView(versions: DoomedVersion[]): string {
  return table(
    ['function', 'version', 'weight', 'fn'],
    versions.map((each) => [
      each.function,
      each.version,
      each.share === null ? 'not routed' : formatPercent(each.share),
      each.fn?.name ?? 'missing',
    ]),
    [2],
  );
}
