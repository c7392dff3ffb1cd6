import { FnmeshError } from '../errors.js';
import type { Project, VersionFolder } from './project.js';
import { functionOf, selectVersions } from './select.js';

/**
 * The versions that a command means: all, those its selectors name, or those of the folder one stands in.
 * `named` is true when a version was named one by one.
 * @throws FnmeshError `usage` for --all with selectors, `not_found` for unknown names or an app without functions.
 */
export function chooseVersions(
  project: Project,
  startDir: string,
  selectors: readonly string[],
  all: boolean,
): { versions: VersionFolder[]; named: boolean } {
  if (all && selectors.length > 0) {
    throw new FnmeshError('usage', `--all and ${selectors.join(' ')} contradict each other`, {
      try: 'fnmesh deploy --all',
    });
  }
  if (project.functions.length === 0) {
    throw new FnmeshError(
      'not_found',
      `${project.root} has an app.yaml but no function: no folder with a func.yaml`,
      {
        try: 'fnmesh add price',
      },
    );
  }
  if (selectors.length > 0) return { versions: selectVersions(project, selectors), named: true };
  if (all) return { versions: project.functions.flatMap(({ versions }) => versions), named: false };
  const standing = functionOf(project, startDir);
  return { versions: standing.versions, named: standing.at === 'version' };
}
