// A process of its own that serves the embedded server's Fn API as if it were a real Fn server's: `node … DIR` prints
// its URL. It runs no functions.
import { createServer } from 'node:http';
import process from 'node:process';
import { fnApi } from '../../dist/server/fn-api.js';
import { State } from '../../dist/server/state.js';

const state = await State.open(process.argv[2]);
const handle = fnApi(state, { version: 'bench' });
const server = createServer((request, response) => {
  const set = response.setHeader.bind(response);
  // By this header the command line would know that it is no real server.
  response.setHeader = (name, value) => (name === 'Fnmesh-Server' ? response : set(name, value));
  void handle(request, response);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
