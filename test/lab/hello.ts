// A small app of nginx alone, for tests of the lab itself.
import type { KubeObject } from '../../src/kubernetes/object.js';

/** nginx as an unprivileged image runs it: all that it writes goes to /tmp. */
function conf(dns: string, text: string): string {
  return `worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr;
events { worker_connections 64; }
http {
  access_log /dev/stdout;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  resolver ${dns} valid=1s;
  server {
    listen 8080;
    location = /ready { return 200 "ready\\n"; }
    location = /fn { set $fn fn.example; proxy_pass http://$fn:8070/called; }
    location / { return 200 "${text}\\n"; }
  }
}
`;
}

/**
 * A Service and a Deployment `hello` of two Pods that answer `text`, and `/fn` with what fn.example:8070 answers.
 * @param container Fields of the container in place of its own.
 */
export function hello(dns: string, text: string, container: object = {}): KubeObject[] {
  const labels = { app: 'hello' };
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `hello-${text}` },
      data: { 'nginx.conf': conf(dns, text) },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hello' },
      spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'hello' },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                name: 'nginx',
                image: 'registry.example/nginxinc/nginx-unprivileged:1.29',
                ports: [{ name: 'http', containerPort: 8080 }],
                readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
                lifecycle: { preStop: { sleep: { seconds: 5 } } },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ['ALL'] },
                },
                volumeMounts: [
                  { name: 'conf', mountPath: '/etc/nginx/nginx.conf', subPath: 'nginx.conf', readOnly: true },
                  { name: 'tmp', mountPath: '/tmp' },
                ],
                ...container,
              },
            ],
            volumes: [
              { name: 'conf', configMap: { name: `hello-${text}` } },
              { name: 'tmp', emptyDir: {} },
            ],
          },
        },
      },
    },
  ];
}
