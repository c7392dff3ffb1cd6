// What an app's folder asks for, in the terms of the Fn API.
import { createHash } from 'node:crypto';
import type { Annotations } from '../fn/model.js';
import { fnName } from '../project/fn-name.js';
import type { AppFile, FuncFile, VersionFolder } from '../project/project.js';
import { isReserved } from '../fn/notes.js';

/** What app.yaml asks for. */
export type DesiredApp = {
  name: string;
  config: Record<string, string>;
  annotations: Annotations;
  syslog_url?: string;
  /** Keys of config whose values came from the environment: they are shown nowhere. */
  secrets?: readonly string[];
};

/** What a version's func.yaml and its build ask for. */
export type DesiredVersion = {
  function: string;
  version: string;
  /** The fn's name. */
  fn: string;
  /** The build's hash. */
  hash: string;
  /** null: known only once the build is published. */
  image: string | null;
  cannotRun?: string;
  /** The tag under which the image was pushed. */
  tag?: string;
  /** True when it is made from a folder that is not its own. */
  as?: true;
  /** True until a call of it was answered, on a real Fn server. */
  unready?: true;
  /** Keys of config whose values came from the environment: they are shown nowhere. */
  secrets?: readonly string[];
  /** Only those that func.yaml names. Memory in MiB, times in seconds. */
  limits: Partial<Record<Limit, number>>;
  config: Record<string, string>;
  annotations: Annotations;
  /** http triggers; the first is the one that the route leads to. */
  triggers: { name: string; source: string }[];
};

/** Limits of an fn with Fn's defaults (fnproject/fn 0.3.753, api/models/fn.go). */
export const DEFAULT_LIMITS = { memory: 128, timeout: 30, idle_timeout: 30 } as const;
/** See DEFAULT_LIMITS. */
export type Limit = keyof typeof DEFAULT_LIMITS;

/** What app.yaml asks for. Empty values are taken as absent: a PUT would remove them. */
export function desiredApp(file: AppFile, secrets: readonly string[] = []): DesiredApp {
  return {
    name: file.name,
    config: withoutEmpty(file.config),
    annotations: ownAnnotations(file.annotations),
    ...(file.syslog_url ? { syslog_url: file.syslog_url } : {}),
    ...(secrets.length > 0 && { secrets }),
  };
}

/** What is built of a version, or would be. */
export type Made = {
  hash: string;
  image: string | null;
  cannotRun?: string | undefined;
  tag?: string | undefined;
  as?: boolean | undefined;
  secrets?: readonly string[] | undefined;
};

/** What a version asks for, given its build's hash and image. */
export function desiredVersion(
  folder: VersionFolder,
  { hash, image, cannotRun, tag, as, secrets }: Made,
): DesiredVersion {
  const { func } = folder;
  const limits = (Object.keys(DEFAULT_LIMITS) as Limit[]).flatMap((name) =>
    func[name] ? [[name, func[name]]] : [],
  );
  return {
    function: folder.function,
    version: folder.version,
    fn: fnName(func),
    hash,
    image,
    ...(cannotRun !== undefined && { cannotRun }),
    ...(tag !== undefined && { tag }),
    ...(as === true && { as }),
    ...(secrets !== undefined && secrets.length > 0 && { secrets }),
    limits: Object.fromEntries(limits) as DesiredVersion['limits'],
    config: withoutEmpty(func.config),
    annotations: ownAnnotations(func.annotations),
    triggers: func.triggers
      .filter(({ type }) => type === 'http')
      .map(({ name, source }) => ({ name, source })),
  };
}

/** The hash that stands for the content of a version whose image exists. */
export function hashOfImage(image: string): string {
  return createHash('sha256').update(image).digest('hex');
}

/** The image that Fn's tools would give a version which fnmesh only stores. */
export function storedImage(func: FuncFile): string {
  return func.version === '' ? func.name : `${func.name}:${func.version}`;
}

function withoutEmpty(config: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== ''));
}

function ownAnnotations(annotations: Annotations): Annotations {
  const own = Object.entries(annotations).filter(
    ([key, value]) => !isReserved(key) && value !== '' && value !== null,
  );
  return Object.fromEntries(own);
}
