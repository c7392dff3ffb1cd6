// `fnmesh init`: a new app's folder as a plan.
import { access } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { FnmeshError } from '../errors.js';
import { hasGit, isInsideRepository } from '../git/repo.js';
import { compareVersions } from '../routing/versions.js';
import { conflictError, conflictsOf } from './conflicts.js';
import { checkFunctionName, checkVersionName } from './names.js';
import { namesOf, type PlannedFile, type ScaffoldPlan, type VersionSource } from './plan.js';
import type { Runtime } from './templates.js';
import { versionSource } from './version-source.js';

/** What a new app is to be. */
export type InitRequest = {
  /** The app's name, which is its folder's too; `.` is the current folder. */
  name: string;
  cwd: string;
  /** Functions; none: one, named like the app, with its versions beside app.yaml. */
  functions?: readonly string[];
  /** Default: v1 and v2. */
  versions?: readonly string[];
  /** Default: Go where it is installed, else Node. */
  runtime?: Runtime;
  /** `PATH` or `GIT-URL[#ref]`. */
  template?: string;
  /** Default: true. */
  git?: boolean;
};

/** What the machine says that an init depends on. */
export type InitFacts = {
  root: string;
  source: VersionSource;
  /** Notes made while the source was chosen. */
  notes: readonly string[];
  git: 'ready' | 'missing' | 'inside' | 'unwanted';
  /** Whether a .gitignore is there already, which is left as it is. */
  hasIgnoreFile: boolean;
};

const DEFAULT_VERSIONS = ['v1', 'v2'];

const IGNORED = `# What fnmesh makes
.fnmesh/

# What builds and installs leave
node_modules/
.venv/
venv/
__pycache__/
# The program that go build makes, but no folder of this name
func
!func/

# Secrets: what \`env:\` in fnmesh.yaml reads
.env
.env.*
!.env.example
`;

/**
 * Plans a new app: names are checked, the template is read, nothing is written.
 * @throws FnmeshError `usage` for names, `conflict` with every file that stands in the way, `config` for a template.
 */
export async function planInit(request: InitRequest): Promise<ScaffoldPlan> {
  const root = resolve(request.cwd, request.name);
  checkNames(request, basename(root));
  const [{ source, notes }, git, hasIgnoreFile] = await Promise.all([
    versionSource(request, []),
    gitFact(request, root),
    exists(resolve(root, '.gitignore')),
  ]);
  const plan = initPlan(request, { root, source, notes, git, hasIgnoreFile });
  const conflicts = await conflictsOf(plan);
  if (conflicts.length > 0) {
    throw conflictError(
      plan,
      conflicts,
      conflicts.includes('app.yaml')
        ? `cd ${request.name} && fnmesh add v3 (adds a version to the app there)`
        : undefined,
    );
  }
  return plan;
}

/** The plan itself, pure: names that were checked and facts in, files out. */
export function initPlan(request: InitRequest, facts: InitFacts): ScaffoldPlan {
  const app = basename(facts.root);
  const functions = request.functions ?? [];
  const versions = [...(request.versions ?? DEFAULT_VERSIONS)].sort(compareVersions);
  const files: PlannedFile[] = [{ path: 'app.yaml', mode: 0o644, content: `name: ${app}\n` }];
  const notes = new Set(facts.notes);
  if (facts.hasIgnoreFile) notes.add('.gitignore is there already: add .fnmesh/ to it');
  else files.push({ path: '.gitignore', mode: 0o644, content: IGNORED });

  const all = (functions.length === 0 ? [app] : functions).flatMap((name) =>
    versions.map((version) => namesOf(app, name, version)),
  );
  for (const names of all) {
    const folder = functions.length === 0 ? names.version : `${names.function}/${names.version}`;
    const made = facts.source(names);
    for (const note of made.notes) notes.add(note);
    files.push(...made.files.map((file) => ({ ...file, path: `${folder}/${file.path}` })));
  }
  if (facts.git === 'missing') notes.add('git is not installed: no repository was made');
  if (facts.git === 'inside')
    notes.add('already inside a git repository: no new one, and nothing is committed');
  return {
    kind: 'init',
    root: facts.root,
    app,
    versions: all.map((names) => `${names.function}/${names.version}`),
    moves: [],
    files,
    commit: facts.git === 'ready' ? `Start ${app}` : null,
    notes: [...notes],
  };
}

function checkNames(request: InitRequest, app: string): void {
  if (request.name !== '.' && request.name !== app) {
    throw new FnmeshError('usage', `${JSON.stringify(request.name)} is no name for an app`, {
      try: 'change into the folder to make it in, then: fnmesh init hello-app',
    });
  }
  checkFunctionName(app, 'an app', 'fnmesh init hello-app');
  const functions = request.functions ?? [];
  const versions = request.versions ?? DEFAULT_VERSIONS;
  for (const name of functions) checkFunctionName(name, 'a function', '--function cart');
  for (const version of versions) checkVersionName(version, '--versions v1,v2');
  if (versions.length === 0)
    throw new FnmeshError('usage', 'an app needs a version', { try: '--versions v1,v2' });

  const owners = new Map<string, string>();
  for (const name of functions.length === 0 ? [app] : functions) {
    for (const version of versions) {
      const { fn } = namesOf(app, name, version);
      const other = owners.get(fn);
      const label = `${name}/${version}`;
      if (other === label) throw new FnmeshError('usage', `${label} is named twice`, { try: 'name it once' });
      if (other !== undefined) {
        throw new FnmeshError('usage', `${other} and ${label} would both be called ${fn}`, {
          try: 'choose another name',
        });
      }
      owners.set(fn, label);
    }
  }
}

async function gitFact(request: InitRequest, root: string): Promise<InitFacts['git']> {
  if (request.git === false) return 'unwanted';
  if (!(await hasGit())) return 'missing';
  let existing = root;
  while (!(await exists(existing)) && existing !== dirname(existing)) existing = dirname(existing);
  return (await isInsideRepository(existing)) ? 'inside' : 'ready';
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
