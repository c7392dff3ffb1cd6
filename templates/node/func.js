// {{function}}: a function on Fn's FDK for Node.js.
const fdk = require('@fnproject/fdk');

const version = '{{version}}';

// Greets the name in the JSON body {"name": …} or, over an http trigger, in the query ?name=….
// Over an http trigger, context.httpGateway also has the caller's method, URL and headers.
fdk.handle((input, context) => {
  const name = input?.name || queryName(context.httpGateway.requestURL) || 'World';
  return { message: `Hello ${name} from {{function}} ${version}` };
});

function queryName(address) {
  return address ? new URL(address, 'http://localhost').searchParams.get('name') : null;
}
