import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { KubeObject, Metadata } from '../../src/kubernetes/object.js';
import { isLive, isOwn, ownerOf, refuseForeign, refuseManaged } from '../../src/kubernetes/owner.js';
import type { Owner } from '../../src/kubernetes/owner.js';

const object = (metadata: Omit<Metadata, 'name'>): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'shop-cart', namespace: 'hello', ...metadata },
});
const own = { 'app.kubernetes.io/managed-by': 'fnmesh', 'fnmesh/app': 'shop' };
const manager = (name: string) => ({ managedFields: [{ manager: name, operation: 'Apply' }] });
const tracking = { 'argocd.argoproj.io/tracking-id': 'web:apps/Deployment:hello/x' };

describe('who manages an object', () => {
  test.each<[string, Omit<Metadata, 'name'>, Owner | null]>([
    ['nobody', {}, null],
    ['fnmesh', { labels: own, ...manager('fnmesh') }, null],
    ['somebody with kubectl', manager('kubectl-edit'), null],
    ['Argo CD, by its annotation', { annotations: tracking }, { tool: 'Argo CD', name: 'web' }],
    [
      'Argo CD, by its label',
      { labels: { 'argocd.argoproj.io/instance': 'web' } },
      { tool: 'Argo CD', name: 'web' },
    ],
    ['Argo CD, by its field manager', manager('argocd-controller'), { tool: 'Argo CD', name: null }],
    [
      'Flux, from a Kustomization',
      {
        labels: {
          'kustomize.toolkit.fluxcd.io/name': 'apps',
          'kustomize.toolkit.fluxcd.io/namespace': 'flux-system',
        },
      },
      { tool: 'Flux', name: 'apps' },
    ],
    [
      'Flux, from a HelmRelease, which is Helm’s as well',
      {
        labels: { 'helm.toolkit.fluxcd.io/name': 'web', 'app.kubernetes.io/managed-by': 'Helm' },
        annotations: { 'meta.helm.sh/release-name': 'web' },
      },
      { tool: 'Flux', name: 'web' },
    ],
    ['Helm', { annotations: { 'meta.helm.sh/release-name': 'web' } }, { tool: 'Helm', name: 'web' }],
    [
      'Helm, by the label alone',
      { labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
      { tool: 'Helm', name: null },
    ],
  ])('%s', (_, metadata, owner) => {
    expect(ownerOf(object(metadata))).toEqual(owner);
    expect(isLive(object(metadata))).toBe(owner === null);
  });

  test.each<[string, Omit<Metadata, 'name'>]>([
    [
      'whoever it is, by the object’s own word',
      { annotations: { ...tracking, 'fnmesh/live-edits': 'allowed' } },
    ],
    [
      'Flux that makes it once',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' },
        annotations: { 'kustomize.toolkit.fluxcd.io/ssa': 'IfNotPresent' },
      },
    ],
    [
      'Flux that was told to look away',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' },
        annotations: { 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' },
      },
    ],
  ])('weights stay with %s', (_, metadata) => {
    expect(ownerOf(object(metadata))).not.toBeNull();
    expect(isLive(object(metadata))).toBe(true);
    expect(() => refuseManaged([object(metadata)])).not.toThrow();
  });
});

test('a live edit of what others manage is refused, with who it is and the way out', () => {
  const managed = object({ annotations: tracking });
  const error = thrownBy(() => refuseManaged([object({}), managed, managed]));
  expect(error).toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(
      /^HTTPRoute hello\/shop-cart and 1 more: managed by Argo CD \(web\)/,
    ) as unknown,
    try: expect.stringContaining('fnmesh render') as unknown,
  });
});

test('an object is fnmesh’s by its labels, not by its name', () => {
  expect(isOwn(object({ labels: own }))).toBe(true);
  expect(() => refuseForeign(object({ labels: own }))).not.toThrow();
  expect(isOwn(object({ labels: { 'fnmesh/app': 'shop' } }))).toBe(false);
  expect(thrownBy(() => refuseForeign(object({})))).toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('HTTPRoute hello/shop-cart was not made by fnmesh') as unknown,
  });
});

function thrownBy(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(FnmeshError);
    return error;
  }
  return undefined;
}
