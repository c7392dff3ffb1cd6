// What `probe` sends requests through: the gateway's own address of one function.
import type { ProbeAnswer, ProbePort } from '../traffic/probe.js';
import { messageOf } from '../errors.js';
import { GatewayClient, headerOf } from './gateway-client.js';
import type { RoutedFunction, Router } from './router.js';

/**
 * Probes a function through its gateway over kept-alive connections.
 * @param headers Sent with every request.
 */
export function gatewayProber(
  { route }: RoutedFunction,
  router: Router,
  gatewayUrl: string,
  headers: [name: string, value: string][],
  connections: number,
): ProbePort & { close: () => void } {
  const client = new GatewayClient(connections);
  const ask = { gatewayUrl, host: route.host, path: route.path, method: 'GET', headers };
  return {
    async send(signal): Promise<ProbeAnswer> {
      try {
        const reply = await client.send({ ...ask, signal });
        return { version: headerOf(reply, 'fnmesh-version') ?? null, status: reply.status, ms: reply.ms };
      } catch (error) {
        return { version: null, status: 0, ms: 0, error: messageOf(error) };
      }
    },
    async asked() {
      const table = await router.read(route.app);
      const now = table.routes.find((each) => each.route.function === route.function);
      return now ? { revision: now.revision, split: now.route.split } : null;
    },
    close: () => client.close(),
  };
}
