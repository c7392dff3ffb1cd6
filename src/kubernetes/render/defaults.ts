// How proxies are run when nobody says otherwise.
import type { ProxySettings } from '../site.js';

/** The settings of proxies; a digest in `image` is for who wants the very same bits everywhere. */
export const PROXY_DEFAULTS: ProxySettings = {
  image: 'docker.io/nginxinc/nginx-unprivileged:1.31-alpine',
  replicas: 2,
  autoscale: null,
  networkPolicy: false,
  resources: {
    requests: { cpu: '20m', memory: '32Mi' },
    limits: { cpu: '1', memory: '256Mi' },
  },
  bodyBytes: 64 * 1024 * 1024,
};
