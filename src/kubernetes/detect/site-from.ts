// A Site made of settings alone, and what they leave open.
import { FnmeshError } from '../../errors.js';
import type { AppName } from '../../routing/route.js';
import type { ClusterSettings } from '../../target/cluster.js';
import { PROXY_DEFAULTS } from '../render/defaults.js';
import type { GatewayRef, Pin, Site } from '../site.js';

const NAME = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** What a Site has and settings do not say. */
export type Found = Pick<Site, 'namespace' | 'host' | 'api' | 'gateway' | 'mesh' | 'dns' | 'pin'>;

/**
 * The Site of settings and of what was found for what they leave open.
 * @throws FnmeshError `config` when the app's name cannot be that of objects on a cluster.
 */
export function siteOf(app: AppName, settings: ClusterSettings, found: Found): Site {
  if (app.length > 63 || !NAME.test(app)) {
    throw new FnmeshError(
      'config',
      `app ${app}: on a cluster a name has small letters, digits and dashes, begins with a letter, does not end in a dash, and has at most 63 characters`,
      {
        try: 'another name: in app.yaml',
      },
    );
  }
  return {
    app,
    ...found,
    proxy: settings.proxy,
    clusterDomain: settings.clusterDomain,
    settings: {
      image: settings.image?.value ?? PROXY_DEFAULTS.image,
      replicas: settings.replicas,
      autoscale: settings.autoscale,
      networkPolicy: settings.networkPolicy,
      resources: PROXY_DEFAULTS.resources,
      bodyBytes: settings.bodyBytes,
    },
  };
}

/** The gateway that settings name; null: none. */
export function gatewayIn({ gateway }: ClusterSettings, namespace: string): GatewayRef | null {
  if (gateway === null) return null;
  const { value } = gateway;
  return {
    namespace: value.namespace ?? namespace,
    name: value.name,
    ...(value.listener !== null && { listener: value.listener }),
  };
}

/**
 * The Site without asking a cluster, as for `render --offline`.
 * @param pin The secret part of pins, where somebody knows it.
 * @throws FnmeshError `config` naming every key that fnmesh.yaml has to say for that.
 */
export function siteFrom(app: AppName, settings: ClusterSettings, pin: string | null): Site {
  const { namespace, host, api, mesh, dns } = settings;
  const gateway = gatewayIn(settings, namespace?.value ?? '');
  const known = pinFrom(settings, pin);
  const missing = [
    ...(namespace === null ? ['namespace: NAME'] : []),
    ...(host === null ? ['host: hello.example.com'] : []),
    ...(api === null ? ['api: gateway-api (or istio)'] : []),
    ...(gateway === null ? ['gateway: NAMESPACE/NAME#LISTENER'] : []),
    ...(mesh === null ? ['mesh: false'] : []),
    ...(dns === null ? ['dns: 10.96.0.10 (the IP of kube-dns)'] : []),
    ...(known === null ? ['pin: on (or off; a secret is in the cluster)'] : []),
  ];
  if (!namespace || !host || !api || !gateway || !mesh || !dns || !known) {
    throw new FnmeshError(
      'config',
      `without asking the cluster this is not known:\n  ${missing.join('\n  ')}`,
      {
        try: 'these lines under the target in fnmesh.yaml, or leave out --offline',
      },
    );
  }
  const said = { namespace: namespace.value, host: host.value, api: api.value, mesh: mesh.value };
  return siteOf(app, settings, { ...said, gateway, dns: dns.value, pin: known });
}

/** The pin as settings want it; null: the secret is not known. */
export function pinFrom({ pin }: Pick<ClusterSettings, 'pin'>, secret: string | null): Pin | null {
  if (pin !== 'secret') return { kind: pin };
  return secret === null ? null : { kind: 'secret', secret };
}
