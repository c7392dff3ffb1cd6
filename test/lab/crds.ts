// Istio's and Gateway API's own CRDs, from the cache into the cluster.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/kubernetes/object.js';
import type { Api } from './api.js';

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Creates all of them, and resolves when the last is Established, and served, which comes a moment later. */
export async function applyCrds(api: Api, programs: string): Promise<void> {
  const crds = ['istio-crds.yaml', 'gateway-crds.yaml'].flatMap((file) =>
    parseAllDocuments(readFileSync(join(programs, file), 'utf8')).flatMap((document) => {
      const object = document.toJS() as KubeObject | null;
      return object?.kind === 'CustomResourceDefinition' ? [object] : [];
    }),
  );
  await Promise.all(crds.map((crd) => api.must('POST', PATH, crd)));
  for (let waited = 0; waited < 60_000; waited += 100) {
    const { items } = await api.must<{ items: KubeObject[] }>('GET', PATH);
    if (items.length >= crds.length && items.every(isEstablished) && (await allServed(api, crds))) return;
    await sleep(100);
  }
  throw new Error('the CRDs are not established after a minute');
}

function isEstablished({ status }: KubeObject): boolean {
  const { conditions } = (status ?? {}) as { conditions?: { type: string; status: string }[] | null };
  return conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True') ?? false;
}

async function allServed(api: Api, crds: readonly KubeObject[]): Promise<boolean> {
  const paths = crds.map(({ spec }) => {
    const { group, versions, names } = spec as {
      group: string;
      versions: { name: string; served: boolean }[];
      names: { plural: string };
    };
    return `/apis/${group}/${versions.find(({ served }) => served)!.name}/${names.plural}`;
  });
  const answers = await Promise.all(paths.map((path) => api.ask('GET', path)));
  return answers.every(({ status }) => status === 200);
}
