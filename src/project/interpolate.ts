// Fills variables and routes' addresses into the config values of a whole app.
import { resolve } from 'node:path';
import { fill, type Sources } from './fill.js';
import { loadApp, loadFunc } from './load.js';
import { type Problem, problemsError } from './problems.js';
import type { FunctionFolder, Project, VersionFolder } from './project.js';

/** The config keys whose values came, in part at least, from a variable: these values are never printed. */
export type SecretKeys = {
  app: string[];
  /** By `FN/v2`; a version without any is not there. */
  versions: Record<string, string[]>;
};

type Config = Record<string, string>;
type FilledConfig = { config: Config; secrets: string[]; problems: Problem[] };

/**
 * Gives the project with `${NAME}` in the config values of app.yaml and func.yaml replaced by variables,
 * `${route:FN}` by the address of a function's route, and `$${` by `${`. A value that ends empty is left out, since
 * an update of Fn's deletes it; its key stays a secret one, as its older value may be on the server.
 * @param wanted The versions to fill in; others keep their texts. Default: all.
 * @param startDir What the paths in messages are relative to.
 * @throws FnmeshError `config` with a `file:line:column` for every name without a value; never with a value.
 */
export async function interpolateProject(
  project: Project,
  sources: Sources,
  {
    wanted = () => true,
    startDir = project.root,
  }: { wanted?: (version: VersionFolder) => boolean; startDir?: string } = {},
): Promise<{ project: Project; secretKeys: SecretKeys }> {
  const known = project.functions.map(({ name }) => name);
  const app = await fillConfig(project.app.config, project.file, loadApp, sources, known);
  const problems = [...app.problems];
  const secretKeys: SecretKeys = { app: app.secrets, versions: {} };
  const functions: FunctionFolder[] = [];
  for (const one of project.functions) {
    const versions: VersionFolder[] = [];
    for (const version of one.versions) {
      if (!wanted(version)) {
        versions.push(version);
        continue;
      }
      const filled = await fillConfig(version.func.config, version.file, loadFunc, sources, known);
      problems.push(...filled.problems);
      if (filled.secrets.length > 0) secretKeys.versions[`${one.name}/${version.version}`] = filled.secrets;
      versions.push({ ...version, func: { ...version.func, config: filled.config } });
    }
    functions.push({ ...one, versions });
  }
  if (problems.length > 0) throw problemsError(problems, resolve(startDir));
  return { project: { ...project, app: { ...project.app, config: app.config }, functions }, secretKeys };
}

async function fillConfig(
  config: Config,
  file: string,
  load: typeof loadApp | typeof loadFunc,
  sources: Sources,
  known: readonly string[],
): Promise<FilledConfig> {
  const filled = Object.entries(config).map(([key, text]) => ({ key, ...fill(text, sources, known) }));
  const wrong = filled.filter(({ problems }) => problems.length > 0);
  // Places are needed only for what is wrong: the file is read again for them.
  const place = wrong.length === 0 ? () => undefined : (await load(file)).place;
  return {
    config: Object.fromEntries(filled.filter(({ text }) => text !== '').map(({ key, text }) => [key, text])),
    secrets: filled.filter(({ secret }) => secret).map(({ key }) => key),
    problems: wrong.flatMap(({ key, problems }) =>
      problems.map((problem) => ({
        file,
        ...place(['config', key]),
        ...problem,
        text: `config.${key}: ${problem.text}`,
      })),
    ),
  };
}
