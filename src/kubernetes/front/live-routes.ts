// What the live route objects of an app are, held against what they shall be. Pure.
import { isDeepStrictEqual } from 'node:util';
import { FnmeshError } from '../../errors.js';
import type { FunctionName, Route } from '../../routing/route.js';
import { ANNOTATIONS, LABELS, ROUTE_HEADER } from '../names.js';
import { KINDS, type KubeObject, objectName } from '../object.js';
import { isOwnRule, mergeRoute, rulesOf } from '../render/merge-route.js';
import { readRoute } from '../render/read-route.js';
import { renderRoutes, routeKind } from '../render/routes.js';
import type { Site } from '../site.js';
import { idOf } from './live.js';

/** The host of a VirtualService that was taken off its own (RFC 2606: no such name will ever exist). */
const PARKED_HOST = 'parked.fnmesh.invalid';

/** The function that a route object is of, by its label. */
export function functionOf({ metadata }: KubeObject): FunctionName {
  return metadata.labels?.[LABELS.function] ?? '';
}

/** Whether the object is of the API that the site uses. */
export function isOfApi(site: Pick<Site, 'api'>, { kind }: KubeObject): boolean {
  return kind === routeKind(site.api).kind;
}

/** A route object that leads nobody anywhere, with its rules and annotations as they were. */
export function parked(object: KubeObject): KubeObject {
  const spec = object['spec'] as Record<string, unknown>;
  const bound =
    object.kind === KINDS.HTTPRoute.kind ? { parentRefs: [] } : { hosts: [PARKED_HOST], gateways: ['mesh'] };
  return { ...object, spec: { ...spec, ...bound } };
}

/** Whether it was parked. */
export function isParked(object: KubeObject): boolean {
  const spec = object['spec'] as { parentRefs?: unknown[]; hosts?: string[] };
  return object.kind === KINDS.HTTPRoute.kind
    ? (spec.parentRefs ?? []).length === 0
    : isDeepStrictEqual(spec.hosts, [PARKED_HOST]);
}

/** Whether a route object tells a shared proxy where to go. */
export function hasRouteHeader(object: KubeObject): boolean {
  return JSON.stringify(rulesOf(object).filter(isOwnRule)).includes(JSON.stringify(ROUTE_HEADER));
}

/**
 * Whether the function's live objects of the site's API differ from what they would be for the same route: rules,
 * bindings, labels, what the notes say of it, an object too few or too many. Revision and history do not count.
 * @throws FnmeshError `config` when the route cannot be rendered.
 */
export function isRenderedOtherwise(site: Site, route: Route, live: readonly KubeObject[]): boolean {
  const own = live.filter((object) => isOfApi(site, object) && functionOf(object) === route.function);
  const rendered = renderRoutes(site, { route, revision: 0, history: [] });
  if (own.length !== rendered.length) return true;
  return rendered.some((desired) => {
    const there = own.find((object) => idOf(object) === idOf(desired));
    if (there === undefined) return true;
    const merged = mergeRoute(there, desired);
    const { [ANNOTATIONS.route]: notes } = desired.metadata.annotations ?? {};
    return (
      !isDeepStrictEqual(merged['spec'], there['spec']) ||
      !isDeepStrictEqual(merged.metadata.labels, there.metadata.labels) ||
      notes !== there.metadata.annotations?.[ANNOTATIONS.route]
    );
  });
}

/**
 * The routes that objects of the other API tell because the site's own has none yet: a switch is to be made, or was
 * broken off. An own one that is parked counts only where the other is parked as well.
 */
export function routesOfOtherApi(
  site: Site,
  live: readonly KubeObject[],
): { object: KubeObject; route: Route }[] {
  const own = new Map(
    live.filter((object) => isOfApi(site, object)).map((object) => [functionOf(object), object]),
  );
  return live
    .filter((object) => !isOfApi(site, object))
    .filter((object) => {
      const mine = own.get(functionOf(object));
      return mine === undefined || (isParked(mine) && !isParked(object));
    })
    .flatMap((object) => {
      const read = readRoute(object);
      return read === null ? [] : [{ object, route: read.route }];
    });
}

/**
 * Parked objects of the site's own API without the one of their function that is bound to the gateway: that went first
 * when a switch to the other API was broken off while it removed them, and now the way leads back. Nobody reads them,
 * and their names are needed.
 */
export function leftParked(site: Site, live: readonly KubeObject[]): KubeObject[] {
  const own = live.filter((object) => isOfApi(site, object));
  const bound = new Set(own.filter((object) => !isForMesh(object)).map(functionOf));
  return own.filter((object) => isForMesh(object) && isParked(object) && !bound.has(functionOf(object)));
}

const isForMesh = ({ metadata }: KubeObject): boolean => metadata.labels?.[LABELS.mesh] !== undefined;

/** What a route object is bound to, for people: `istio-ingress/public#https, mesh`. */
export function bindingOf(object: KubeObject): string {
  return gatewaysOf(object).join(', ');
}

/** What a route object is bound to: `istio-ingress/public#https`, `istio-ingress/public`, `mesh`. */
export function gatewaysOf(object: KubeObject): string[] {
  const spec = object['spec'] as {
    parentRefs?: { namespace?: string; name: string; sectionName?: string }[];
    gateways?: string[];
  };
  const parents = (spec.parentRefs ?? []).map(
    ({ namespace, name, sectionName }) =>
      `${namespace ?? object.metadata.namespace ?? ''}/${name}${sectionName === undefined ? '' : `#${sectionName}`}`,
  );
  const { namespace = '' } = object.metadata;
  const gateways = (spec.gateways ?? []).map((name) =>
    name === 'mesh' || name.includes('/') ? name : `${namespace}/${name}`,
  );
  return [...parents, ...gateways];
}

/**
 * Refuses to remove a route object together with what somebody else put into it.
 * @throws FnmeshError `conflict` naming the object and the rule.
 */
export function refuseForeignRules(object: KubeObject): void {
  const foreign = rulesOf(object).find((rule) => !isOwnRule(rule));
  if (foreign === undefined) return;
  throw new FnmeshError(
    'conflict',
    `${objectName(object)} has a rule that fnmesh did not make (${foreign.name ?? 'without a name'}), and the object would go`,
    {
      try: `kubectl edit ${object.kind.toLowerCase()} -n ${object.metadata.namespace ?? ''} ${object.metadata.name}`,
    },
  );
}
