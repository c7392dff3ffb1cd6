// Scaffolding as data: which files a command will write and move. --dry-run shows it, apply.ts carries it out.
import { isNamedLikeApp } from '../routing/match.js';

/** A file to write: its text, its bytes, the file it is a copy of, or the link it is. */
export type PlannedFile = {
  /** Relative to the app's folder, with slashes. */
  path: string;
  /** Permission bits, such as 0o644. */
  mode: number;
} & ({ content: string } | { base64: string } | { copyOf: string } | { linkTo: string });

/** A file or folder to move; both relative to the app's folder. */
export type PlannedMove = { from: string; to: string };

/** What `init` or `add` will do. */
export type ScaffoldPlan = {
  kind: 'init' | 'add';
  /** Absolute path of the app's folder. */
  root: string;
  app: string;
  /** The versions that come to be, such as `cart/v3`. */
  versions: string[];
  /** Done before the files are written. */
  moves: PlannedMove[];
  files: PlannedFile[];
  /** The message of a new repository's first commit, or null for none. */
  commit: string | null;
  /** What a person should know, one sentence each. */
  notes: string[];
};

/** What `init` or `add` did. */
export type ScaffoldResult = {
  kind: 'init' | 'add';
  root: string;
  app: string;
  versions: string[];
  moved: PlannedMove[];
  /** Relative to the app's folder. */
  written: string[];
  /** Whether a repository with a first commit was made. */
  committed: boolean;
  notes: string[];
};

/** What a version and its parts are called. */
export type VersionNames = {
  app: string;
  function: string;
  version: string;
  /** The name of the Fn fn and of its trigger. */
  fn: string;
  /** The trigger's source. */
  source: string;
};

/** Where a new version's files come from: gives them with paths relative to the version's folder. */
export type VersionSource = (names: VersionNames) => { files: PlannedFile[]; notes: string[] };

/** The names that fnmesh gives a version: the shorter source is for the function that the app is named after. */
export function namesOf(app: string, functionName: string, version: string): VersionNames {
  return {
    app,
    function: functionName,
    version,
    fn: `${functionName}-${version}`,
    source: isNamedLikeApp(app, functionName) ? `/${version}` : `/${functionName}/${version}`,
  };
}
