import { memoryRouter } from '../helpers/memory-router.js';
import { routerContract } from './contract.js';

routerContract('in memory', () =>
  Promise.resolve({ router: memoryRouter(), close: () => Promise.resolve() }),
);
