// Proxies and the old auth-providers, by @kubernetes/client-node: it takes a third of a second to load, so only these do.
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { FnmeshError, messageOf } from '../errors.js';
import type { Access } from './client-kubeconfig.js';
import { withoutSecrets } from './client-secrets.js';

/** Connections as the library makes them, and the headers that its auth-provider gives, anew each time. */
export type LibraryLogin = { agent: Agent; headers: () => Promise<Record<string, string>> };

/**
 * For an API server behind a proxy (http, https or socks), or a user with an `auth-provider`.
 * @param proxy The proxy's URL; null: none.
 * @param pair A client certificate that counts over the kubeconfig's, in PEM.
 * @throws FnmeshError `config` when the library cannot make them.
 */
export async function libraryLogin(
  { context, server, user, from, tls, login }: Access,
  proxy: string | null,
  pair: { cert?: Buffer | undefined; key?: Buffer | undefined } = {},
): Promise<LibraryLogin> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const base64 = (pem: Buffer | undefined): string | undefined => pem?.toString('base64');
  const config = new KubeConfig();
  config.loadFromOptions({
    contexts: [{ name: context, cluster: 'cluster', user: 'user' }],
    clusters: [
      {
        name: 'cluster',
        server,
        caData: base64(tls.ca),
        tlsServerName: tls.servername,
        skipTLSVerify: tls.rejectUnauthorized === false,
        proxyUrl: proxy ?? undefined,
      },
    ],
    users: [
      {
        name: 'user',
        certData: base64(pair.cert ?? tls.cert),
        keyData: base64(pair.key ?? tls.key),
        ...(login.kind === 'provider' && { authProvider: login.provider }),
      },
    ],
    currentContext: context,
  });
  const apply = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new FnmeshError(
        'config',
        `no credentials for user ${user}: ${withoutSecrets(messageOf(error))}`,
        {
          try: `sign in with the tool that wrote user ${user}, or correct ${from}`,
        },
      );
    }
    return options;
  };
  const agent = (await apply()).agent as Agent & { keepAlive: boolean };
  // The library has no setting for it, and a new connection through a proxy is several round trips.
  agent.keepAlive = true;
  return { agent, headers: async () => ({ ...((await apply()).headers as Record<string, string>) }) };
}
