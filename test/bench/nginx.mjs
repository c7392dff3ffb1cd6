// nginx before copies of function processes: what a request through it costs when nothing but proxying is done.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { get } from './load.mjs';

/**
 * One worker that sends requests to function processes over kept-alive connections, with the headers that the gateway
 * would send, so that the function does the same work.
 * @param sockets The processes' unix sockets. @param host The Host header that will be sent to it.
 * @returns its target for load.
 */
export async function startNginx(scope, sockets, host) {
  const dir = scope.tempDir();
  const port = await freePort();
  writeFileSync(join(dir, 'nginx.conf'), configuration(dir, port, sockets));
  const log = join(dir, 'error.log');
  const args = ['-p', dir, '-e', log, '-c', join(dir, 'nginx.conf')];
  execFileSync('nginx', [...args, '-t'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const child = scope.start('nginx', args);
  const target = { url: `http://127.0.0.1:${port}/`, host };
  for (let tries = 0; ; tries++) {
    try {
      await get(target);
      return { child, target };
    } catch (error) {
      if (tries === 50) throw error;
      await pause(50);
    }
  }
}

function configuration(dir, port, sockets) {
  // As root its worker would be another user, who may not open the sockets.
  const { uid, username } = userInfo();
  return `${uid === 0 ? `user ${username};` : ''}
worker_processes 1;
daemon off;
pid ${dir}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  keepalive_requests 1000000000;
  upstream copies {
${sockets.map((socket) => `    server unix:${socket};`).join('\n')}
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://copies/call;
      proxy_http_version 1.1;
      proxy_method POST;
      proxy_set_header Connection "";
      proxy_set_header Host localhost;
      proxy_set_header Content-Length 0;
      proxy_set_header User-Agent Go-http-client/1.1;
      proxy_set_header Fn-Http-Method $request_method;
      proxy_set_header Fn-Http-Request-Url http://$http_host$request_uri;
      proxy_set_header Fn-Http-H-Host $http_host;
      proxy_set_header Fn-Intent httprequest;
      proxy_set_header Fn-Call-Id $request_id;
      proxy_set_header Fn-Deadline 2099-01-01T00:00:00Z;
    }
  }
}
`;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
