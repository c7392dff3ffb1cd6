// A stage for deploys: a real Fn API over HTTP, an in-memory router, and a store that runs nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { WarmResult } from '../../src/control/protocol.js';
import type { DeployPorts, ImageStore } from '../../src/deploy/ports.js';
import { localImage } from '../../src/deploy/ports.js';
import type { DeployRequest } from '../../src/deploy/result.js';
import type { FnmeshEvent } from '../../src/events.js';
import { FnClient } from '../../src/fn/client.js';
import type { FnServer } from '../../src/fn/fn-server.js';
import type { FnChange } from '../../src/fn/model.js';
import type { AppFile, FuncFile, Project, VersionFolder } from '../../src/project/project.js';
import { compareVersions } from '../../src/routing/versions.js';
import { apiServer } from '../helpers/api-server.js';
import { memoryRouter } from '../helpers/memory-router.js';

/** An image store in memory. Versions in `broken`, by fn name, do not start. */
export type MemoryImages = ImageStore & {
  published: Set<string>;
  warmed: { fnId: string; change?: FnChange }[];
  /** Answers of `warm`; default: ready. */
  answer: (fnId: string, change?: FnChange) => WarmResult;
  warm: (fnId: string, change?: FnChange) => Promise<WarmResult>;
};

/** A store that takes anything and starts nothing. */
function memoryImages(): MemoryImages {
  return {
    published: new Set(),
    warmed: [],
    answer: () => ({ ready: true }),
    builds: { kind: 'processes' },
    deployed: () => Promise.resolve(null),
    imageOf: (hash, owner) => owner.image ?? localImage(hash, owner),
    publish(build, owner) {
      const image = owner.image ?? localImage(build.hash, owner);
      this.published.add(image);
      return Promise.resolve({ image });
    },
    warm(fnId, change) {
      this.warmed.push(change === undefined ? { fnId } : { fnId, change });
      return Promise.resolve(this.answer(fnId, change));
    },
  };
}

/** The writes that a port was asked for, in order. */
function recording(server: FnServer): { server: FnServer; writes: string[] } {
  const writes: string[] = [];
  const proxy = new Proxy(server, {
    get(target, name: keyof FnServer) {
      if (name === 'url') return target.url;
      return (...args: never[]) => {
        if (/^(create|update|delete)/.test(name)) writes.push(`${name} ${JSON.stringify(args)}`);
        return (target[name] as (...all: never[]) => unknown).apply(target, args);
      };
    },
  });
  return { server: proxy, writes };
}

/** Everything a deploy acts through, all of it empty. */
export async function stage() {
  const api = await apiServer();
  const { server, writes } = recording(new FnClient(api.base));
  const images = memoryImages();
  const router = memoryRouter();
  const events: FnmeshEvent[] = [];
  const ports: DeployPorts = {
    fn: server,
    images,
    readiness: { when: 'before', warm: (fnId, change) => images.warm(fnId, change) },
    locate: () => undefined,
    router,
    emit: (event) => events.push(event),
  };
  onTestFinished(api.close);
  return { api, ports, images, router, writes, events, server };
}

/** A version of the app on disk: a Node.js function without packages, which builds in no time. */
export type VersionSpec = { code?: string; func?: Partial<FuncFile>; files?: Record<string, string> };

/** An app's folder on disk, read; keys are `function/version`. */
export function appFolder(
  versions: Record<string, VersionSpec>,
  app: Partial<AppFile> = {},
  root = folder(),
): Project {
  const functions = new Map<string, VersionFolder[]>();
  for (const [label, spec] of Object.entries(versions)) {
    const [fn = '', version = ''] = label.split('/');
    const dir = join(root, fn, version);
    const files = {
      'func.js': spec.code ?? `// ${label}`,
      'func.yaml': JSON.stringify(spec.func ?? {}),
      ...spec.files,
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    const func: FuncFile = {
      schema_version: 20180708,
      name: `${fn}-${version}`,
      version: '0.0.1',
      runtime: 'node',
      entrypoint: 'node func.js',
      config: {},
      annotations: {},
      triggers: [{ name: `${fn}-${version}`, type: 'http', source: `/${fn}/${version}` }],
      ...spec.func,
    };
    functions.set(fn, [
      ...(functions.get(fn) ?? []),
      { function: fn, version, dir, file: join(dir, 'func.yaml'), func },
    ]);
  }
  return {
    root,
    file: join(root, 'app.yaml'),
    app: { name: 'shop', config: {}, annotations: {}, ...app },
    functions: [...functions]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, found]) => ({
        name,
        dir: join(root, name),
        versions: found.sort((a, b) => compareVersions(a.version, b.version)),
      })),
  };
}

/** What deploys a whole project, or those of its versions that are given as `function/version`. */
export function requestFor(project: Project, only?: string[]): DeployRequest {
  const all = project.functions.flatMap(({ versions }) => versions);
  const versions = only ? all.filter((each) => only.includes(`${each.function}/${each.version}`)) : all;
  const buildsDir = join(project.root, '.fnmesh', 'builds');
  return { project, versions, named: only !== undefined, buildsDir, force: false, by: 'me@here' };
}

/** An empty folder that goes after the test. */
function folder(): string {
  const root = mkdtempSync(join(tmpdir(), 'fnmesh-deploy-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return root;
}
