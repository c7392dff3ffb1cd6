// What an app's folder holds, read and validated: the app, its functions and their versions.
import type { Annotations } from '../fn/model.js';

/** app.yaml, exactly Fn's file. */
export type AppFile = {
  name: string;
  config: Record<string, string>;
  annotations: Annotations;
  syslog_url?: string;
};

/** A trigger as func.yaml lists it. */
type TriggerEntry = { name: string; type: string; source: string };

/** func.yaml, .yml or .json as Fn reads it (fnproject/cli 0.6.63, common/funcfile.go); 0 or absent = Fn's default. */
export type FuncFile = {
  schema_version: number;
  name: string;
  version: string;
  runtime?: string;
  /** The image in which Fn's builder compiles; absent: the runtime's. */
  build_image?: string;
  /** The image on which Fn's builder puts what it compiled; absent: the runtime's. */
  run_image?: string;
  entrypoint?: string;
  cmd?: string;
  /** MiB */
  memory?: number;
  /** Seconds */
  timeout?: number;
  /** Seconds */
  idle_timeout?: number;
  config: Record<string, string>;
  annotations: Annotations;
  /** Shell commands that Fn's tool runs before a build; fnmesh does not. */
  build?: string[];
  triggers: TriggerEntry[];
};

/** One version's folder. */
export type VersionFolder = {
  function: string;
  version: string;
  /** Absolute path. */
  dir: string;
  /** Absolute path of func.yaml, .yml or .json. */
  file: string;
  func: FuncFile;
  /** The name of its image, where that is not func.yaml's. */
  imageName?: string;
};

/** One function: its versions in ascending order (v2 before v10). */
export type FunctionFolder = {
  name: string;
  dir: string;
  versions: VersionFolder[];
};

/** An app's folder. */
export type Project = {
  /** Absolute path of the folder with app.yaml. */
  root: string;
  /** Absolute path of app.yaml, .yml or .json. */
  file: string;
  app: AppFile;
  /** Ordered by name. */
  functions: FunctionFolder[];
};
