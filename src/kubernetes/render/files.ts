// The files of `fnmesh render`: what deploy would apply, for those who let a GitOps tool apply it. Pure.
import { ANNOTATIONS } from '../names.js';
import type { KubeObject } from '../object.js';
import { LIVE_EDITS } from '../owner.js';
import { RECORD } from '../route-record.js';
import { inOrder } from './order.js';
import { yamlText } from './yaml.js';

/** One file; `path` is a name inside the folder that is written. */
export type RenderedFile = { path: string; text: string };

/** What is rendered. */
export type RenderInput = {
  app: string;
  /** The target's name. */
  target: string;
  workloads: readonly KubeObject[];
  routes: readonly KubeObject[];
};

/** `kustomize`: with a kustomization.yaml. `liveEdits`: the routes say that tools leave them to fnmesh, once made. */
export type RenderOptions = { kustomize?: boolean; liveEdits?: boolean };

/** The files, and the Secrets that are in none of them, as `NAMESPACE/NAME`. */
export type Rendered = { files: RenderedFile[]; leftOut: string[] };

/** How the first line of every file begins that fnmesh may replace. */
export const MARKER = '# Written by fnmesh render';

/**
 * workloads.yaml, routes.yaml and, if asked for, kustomization.yaml: the same objects give the same bytes. Secrets are
 * left out, for what is committed stays readable. The routes have a file of their own, headed by what keeps GitOps
 * tools from undoing a shift (Argo CD 3.1, ignoreDifferences; Flux kustomize-controller 1.7, `ssa: IfNotPresent`).
 */
export function renderFiles(
  { app, target, workloads, routes }: RenderInput,
  { kustomize = false, liveEdits = false }: RenderOptions = {},
): Rendered {
  const what = `${app} on target ${target}`.replace(/[^\x20-\x7e]/g, '?');
  const isSecret = ({ kind }: KubeObject): boolean => kind === 'Secret';
  const head = (part: string): string =>
    `${MARKER}: ${part} of ${what}. What is changed here goes with the next render.\n`;
  const bound = liveEdits ? routes.map(leftAlone) : routes;
  return {
    files: [
      {
        path: 'workloads.yaml',
        text: head('proxies and Services') + documents(workloads.filter((one) => !isSecret(one))),
      },
      { path: 'routes.yaml', text: `${head('routes')}${recipe(routes)}${documents(bound)}` },
      ...(kustomize ? [{ path: 'kustomization.yaml', text: head('files') + KUSTOMIZATION }] : []),
    ],
    leftOut: inOrder(workloads.filter(isSecret)).map(
      ({ metadata: { namespace, name } }) => `${namespace}/${name}`,
    ),
  };
}

/** All files as one stream of YAML documents, without the kustomization, which is no object. */
export function asStream({ files }: Rendered): string {
  return files
    .filter(({ path }) => path !== 'kustomization.yaml')
    .map(({ text }) => text)
    .join('');
}

/** Objects as a stream of YAML documents, in the order in which they can be applied. */
export /** YAML documents, each with its `---`, in the order in which they are best applied. */
function documents(objects: readonly KubeObject[]): string {
  return inOrder(objects)
    .map((object) => `---\n${yamlText(object)}`)
    .join('');
}

const KUSTOMIZATION = yamlText({
  apiVersion: 'kustomize.config.k8s.io/v1beta1',
  kind: 'Kustomization',
  resources: ['workloads.yaml', 'routes.yaml'],
});

const FLUX = { annotation: 'kustomize.toolkit.fluxcd.io/ssa', value: 'IfNotPresent' } as const;

const leftAlone = (route: KubeObject): KubeObject => ({
  ...route,
  metadata: {
    ...route.metadata,
    annotations: {
      ...route.metadata.annotations,
      [LIVE_EDITS.annotation]: LIVE_EDITS.value,
      [FLUX.annotation]: FLUX.value,
    },
  },
});

/** How the rules lie in the routes' kinds. */
const RULES: Readonly<Record<string, { group: string; pointer: string }>> = {
  VirtualService: { group: 'networking.istio.io', pointer: '/spec/http' },
  HTTPRoute: { group: 'gateway.networking.k8s.io', pointer: '/spec/rules' },
};

/** The rules as a whole: Argo CD keeps no single items of lists in a sync (argoproj/argo-cd#17694). */
function recipe(routes: readonly KubeObject[]): string {
  const kinds = Object.keys(RULES).filter((kind) => routes.some((route) => route.kind === kind));
  const application = {
    spec: {
      ignoreDifferences: kinds.map((kind) => ({
        group: RULES[kind]!.group,
        kind,
        jsonPointers: [
          RULES[kind]!.pointer,
          ...[...Object.values(ANNOTATIONS), ...Object.values(RECORD)].map(
            (key) => `/metadata/annotations/${key.replace('/', '~1')}`,
          ),
        ],
      })),
      syncPolicy: { syncOptions: ['RespectIgnoreDifferences=true'] },
    },
  };
  const lines = [
    '',
    'fnmesh shift changes weights in these objects on the cluster. What keeps other tools from undoing that:',
    '',
    'fnmesh render --live-edits writes into each of them',
    `  ${LIVE_EDITS.annotation}: ${LIVE_EDITS.value}   fnmesh may write to it although another tool manages it`,
    `  ${FLUX.annotation}: ${FLUX.value}   Flux makes it once, and leaves it alone then`,
    'kubectl: apply this file once. After that, fnmesh wire writes the routes.',
    'Argo CD: this in the Application, which then makes them once too; new versions come in by fnmesh wire:',
    ...yamlText(application)
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
  ];
  return kinds.length === 0 ? '' : lines.map((line) => `# ${line}`.trimEnd() + '\n').join('');
}
