import type { ScaffoldPlan, ScaffoldResult } from '../../scaffold/plan.js';

/** `--dry-run` of init and add: what would be moved and written. */
export function scaffoldPlanView(plan: ScaffoldPlan): string {
  return [
    `in ${plan.root}:`,
    ...plan.moves.map(({ from, to }) => `  move   ${from} → ${to}`),
    ...plan.files.map(({ path }) => `  write  ${path}`),
    ...(plan.commit === null ? [] : [`  git    a repository with a first commit: ${plan.commit}`]),
    ...plan.notes,
  ].join('\n');
}

/** What init or add did, and what to type next. */
export function scaffoldView(result: ScaffoldResult, next: string[]): string {
  return [
    `${result.kind === 'init' ? 'made' : 'added to'} ${result.app} in ${result.root}: ${result.versions.join(', ')}`,
    ...result.moved.map(({ from, to }) => `  moved  ${from} → ${to}`),
    ...result.written.map((path) => `  ${path}`),
    ...(result.committed ? ['  a git repository with a first commit'] : []),
    'next:',
    ...next.map((line) => `  ${line}`),
  ].join('\n');
}
