// The secret part of the header that pins a version: read from the cluster only where the live rules do not tell it.
import { VERSION_HEADER } from '../kubernetes/names.js';
import { rulesOf } from '../kubernetes/render/merge-route.js';
import type { AnyRule } from '../kubernetes/render/merge-route.js';
import { OWN_RULE } from '../kubernetes/render/rules.js';
import type { Pin, Site } from '../kubernetes/site.js';
import type { VersionName } from '../routing/route.js';
import type { LiveApp, LiveRoute } from './kubernetes-state.js';
import type { Reason, RouteChange } from './router.js';

/** A Site whose secret may still have to be read: most writes know it from the rules that are there. */
export type OpenSite = Omit<Site, 'pin'> & {
  readonly pin: Pin | { readonly kind: 'secret'; readonly secret: () => Promise<string> };
};

/**
 * The site with its secret: that of the rules which are there, for a move of weights; the one that is kept, else. Where
 * routes only go, none is made.
 */
export async function pinned(
  site: OpenSite,
  live: LiveApp,
  changes: readonly RouteChange[],
  { verb }: Reason,
): Promise<Site> {
  const { pin } = site;
  if (pin.kind !== 'secret') return { ...site, pin };
  const { secret } = pin;
  if (typeof secret === 'string') return { ...site, pin: { kind: 'secret', secret } };
  if (changes.every(({ kind }) => kind === 'remove')) return { ...site, pin: { kind: 'off' } };
  const known = verb === 'shift' || verb === 'undo' ? pinSecretIn(live) : null;
  return { ...site, pin: { kind: 'secret', secret: known ?? (await secret()) } };
}

/** The header's value that pins a request to the version, as the function's live rules have it; null: no pin. */
export function pinOf({ object }: LiveRoute, version: VersionName): string | null {
  const rule = rulesOf(object).find(({ name }) => name === `${OWN_RULE}pin-${version}`);
  return rule === undefined ? null : pinValueIn(rule);
}

/** The secret part of pins, as live rules have it; null: none has one. */
function pinSecretIn(live: LiveApp): string | null {
  for (const { object } of live.routes.values()) {
    for (const rule of rulesOf(object)) {
      if (!rule.name?.startsWith(`${OWN_RULE}pin-`)) continue;
      const secret = /^[^.]+\.(.+)$/.exec(pinValueIn(rule) ?? '')?.[1];
      if (secret !== undefined) return secret;
    }
  }
  return null;
}

/** A rule in either api's words for "this header has exactly this value". */
type PinRule = AnyRule & {
  match?: { headers?: Record<string, { exact?: string }> }[];
  matches?: { headers?: { name: string; value: string }[] }[];
};

function pinValueIn(rule: PinRule): string | null {
  const istio = rule.match?.[0]?.headers?.[VERSION_HEADER.toLowerCase()]?.exact;
  const gateway = rule.matches?.[0]?.headers?.find(({ name }) => name === VERSION_HEADER)?.value;
  return istio ?? gateway ?? null;
}
