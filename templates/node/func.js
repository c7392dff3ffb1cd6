// {{function}}: a function on Fn's FDK for Node.js.
const fdk = require('@fnproject/fdk');

const version = '{{version}}';
const next = process.env.NEXT;

// Greets the name in the JSON body {"name": …} or, over an http trigger, in the query ?name=…. Where config says
// NEXT, it asks the function there too, and gives that answer along.
// Over an http trigger, context.httpGateway also has the caller's method, URL and headers.
fdk.handle(async (input, context) => {
  const caller = context.httpGateway;
  const name = input?.name || queryName(caller.requestURL) || 'World';
  const message = `Hello ${name} from {{function}} ${version}`;
  if (!next) return { message };
  try {
    return { message, next: await ask(next, caller.getHeader('Fnmesh-Version')) };
  } catch (error) {
    caller.statusCode = 502;
    return { message: `${next}: ${error.cause?.message || error.message}` };
  }
});

function queryName(address) {
  return address ? new URL(address, 'http://localhost').searchParams.get('name') : null;
}

// Calls another function. The pin goes along, so that what is pinned to v2 here is pinned to v2 there.
async function ask(address, pin) {
  const headers = pin ? { 'Fnmesh-Version': pin } : {};
  const reply = await fetch(address, { headers, signal: AbortSignal.timeout(10_000) });
  if (!reply.ok) throw new Error(`it answered ${reply.status} ${reply.statusText}`);
  return reply.json();
}
