import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlClient } from '../../src/control/client.js';
import { controlSocket } from '../../src/control/home.js';
import { EmbeddedRouter } from '../../src/router/embedded.js';
import { serve } from '../../src/server/serve.js';
import { routerContract } from './contract.js';

routerContract('the embedded gateway', async () => {
  const home = mkdtempSync(join(tmpdir(), 'fnmesh-router-'));
  const { closed } = await serve({ home, ports: { fnPort: 0, gatewayPort: 0 } });
  const control = new ControlClient(controlSocket(home));
  return {
    router: new EmbeddedRouter(control),
    close: async () => {
      await control.call<'stop'>('POST /stop');
      await closed;
      rmSync(home, { recursive: true });
    },
  };
});
