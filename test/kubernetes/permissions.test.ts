import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { type Need, NEEDS, questionsFor } from '../../src/kubernetes/permissions.js';

type Rule = { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] };

const manifest = (name: string): KubeObject[] =>
  parseAllDocuments(readFileSync(join(import.meta.dirname, '../../manifests', name), 'utf8')).map(
    (document) => document.toJS() as KubeObject,
  );
const named = (objects: KubeObject[], kind: string, name: string): KubeObject =>
  objects.find((object) => object.kind === kind && object.metadata.name === name)!;

/** `group/resource verb [name]`, one for each thing that is granted. */
function granted(role: KubeObject): string[] {
  return (role['rules'] as Rule[])
    .flatMap(({ apiGroups, resources, verbs, resourceNames = ['*'] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) => resourceNames.map((name) => `${group}/${resource} ${verb} ${name}`)),
        ),
      ),
    )
    .sort();
}

function needed(at: Need['at']): string[] {
  return NEEDS.filter((need) => need.at === at && !need.makesGateway)
    .flatMap(({ kind, subresource, verbs, pin }) => {
      const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
      return verbs.map((verb) => `${kind.group}/${resource} ${verb} ${pin ? 'fnmesh-pin-hello-app' : '*'}`);
    })
    .sort();
}

describe('the manifests grant what fnmesh asks for, no more and no less', () => {
  const own = manifest('rbac-namespace.yaml');
  const platform = manifest('rbac-platform.yaml');
  test.each<[string, Need['at'], KubeObject[], string, string]>([
    ["in the app's namespace", 'namespace', own, 'Role', 'fnmesh'],
    ['in all namespaces', 'cluster', platform, 'ClusterRole', 'fnmesh-platform'],
    ["in the gateway's", 'gateway', platform, 'Role', 'fnmesh-gateway'],
    ["in the DNS server's", 'dns', platform, 'Role', 'fnmesh-dns'],
  ])('%s', (_, at, objects, kind, name) => {
    const role = named(objects, kind, name);
    expect(granted(role)).toEqual(needed(at));
    expect(new Set(granted(role)).size).toBe(granted(role).length);
    const binding = named(objects, `${kind}Binding`, name);
    expect(binding['roleRef']).toMatchObject({ kind, name });
    expect(binding.metadata.namespace).toBe(role.metadata.namespace);
    expect(binding['subjects']).toEqual([{ kind: 'ServiceAccount', name: 'fnmesh', namespace: 'hello' }]);
  });

  test('the account that is bound is made', () => {
    expect(named(own, 'ServiceAccount', 'fnmesh').metadata.namespace).toBe('hello');
  });

  test('nothing outside the namespace is written', () => {
    const writes = platform
      .filter(({ kind }) => /Role$/.test(kind))
      .flatMap(granted)
      .filter((line) => / (create|update|patch|delete) /.test(line));
    expect(writes).toEqual(['/pods/portforward create *']);
  });
});

describe('questionsFor', () => {
  const site = {
    namespace: 'shop',
    api: 'istio' as const,
    gateway: { namespace: 'istio-ingress' },
    makeGateway: false,
  };
  const texts = (questions: ReturnType<typeof questionsFor>): string[] =>
    questions.map(({ permission: { verb, kind, subresource, namespace, name } }) =>
      [verb, kind.kind, subresource, namespace, name].filter((part) => part !== undefined).join(' '),
    );

  test('asks for the routes of the chosen API only', () => {
    const asked = questionsFor('hello', site).filter(({ permission }) => permission.verb === 'update');
    expect(texts(asked)).toEqual([
      'update ConfigMap shop',
      'update Service proxy shop',
      'update VirtualService shop',
    ]);
  });

  test('asks to make a gateway only where that is wanted', () => {
    const making = (makeGateway: boolean): string[] =>
      texts(questionsFor('hello', { ...site, makeGateway })).filter((text) =>
        /(create|patch) Gateway/.test(text),
      );
    expect(making(false)).toEqual([]);
    expect(making(true)).toEqual(['create Gateway istio-ingress', 'patch Gateway istio-ingress']);
  });

  test("names the Secret of the app's pins, the gateway's namespace and the DNS server's", () => {
    const asked = texts(questionsFor('hello', site));
    expect(asked).toContain('get Secret shop fnmesh-pin-hello');
    expect(asked).toContain('create Pod portforward istio-ingress');
    expect(asked).toContain('get Service kube-system');
  });
});
