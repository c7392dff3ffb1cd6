// App folders whose functions are as small as can be.

/** A function on plain Node: answers `ok` without any package. */
const NODE_FUNCTION = `const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const listener = process.env.FN_LISTENER.replace('unix:', '');
const own = path.join(path.dirname(listener), 'own.sock');
http
  .createServer({ keepAliveTimeout: 0 }, (request, response) => {
    request.resume();
    request.on('end', () => response.end('ok'));
  })
  .listen(own, () => {
    fs.chmodSync(own, 0o666);
    fs.symlinkSync('own.sock', listener);
  });
`;

/** The files of one version of a function on plain Node; its processes end after a second without a call. */
export function nodeVersion(folder, fn, version) {
  const name = `${fn}-${version}`;
  return {
    [`${folder}/func.yaml`]: `schema_version: 20180708
name: ${name}
version: 0.0.1
runtime: node
entrypoint: node func.js
idle_timeout: 1
triggers:
- name: ${name}
  type: http
  source: /${fn}/${version}
`,
    [`${folder}/func.js`]: NODE_FUNCTION,
  };
}

/** An app of functions f1, f2, … on plain Node, each with the versions v1, v2, …. */
export function nodeApp(app, functions, versions) {
  const files = { [`${app}/app.yaml`]: `name: ${app}\n` };
  for (let f = 1; f <= functions; f++) {
    for (let v = 1; v <= versions; v++)
      Object.assign(files, nodeVersion(`${app}/f${f}/v${v}`, `f${f}`, `v${v}`));
  }
  return files;
}
