// The configuration of a proxy: one text, the same for Debian's nginx 1.22 and for today's. It looks the Fn server up
// again and again, so that one that was absent, or has moved, is found without a restart.
import { isIP } from 'node:net';
import { CONTAINER_PORT, READY_PATH, ROUTE_HEADER, VERSION_HEADER } from '../names.js';
import { ACCESS_LOG } from './access-log.js';
import type { Proxy } from './proxies.js';
import { SEGMENT } from './upstream.js';

/** Fn's longest function timeout is 300 s; what takes longer than this is not the function, in seconds. */
export const READ_SECONDS = 330;
/** How long requests that are under way may go on after nginx was told to quit, in seconds. */
export const SHUTDOWN_SECONDS = 340;
/** Debian's and Alpine's path of the public certificate authorities. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
/** The header that names the function in answers. */
const FUNCTION_HEADER = 'Fnmesh-Function';
const NAME = '[a-z](?:[-a-z0-9]*[a-z0-9])?';
const VERSION = 'v[0-9]+(?:-[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)?';

/**
 * nginx.conf of a proxy. All that varies in it has passed the grammars of `proxiesOf`. Written for the directives of
 * nginx 1.22 (ngx_http_core_module, ngx_http_proxy_module, ngx_http_map_module).
 */
export function nginxConf({ app, upstream, only, dns, bodyBytes }: Proxy): string {
  const { scheme, host, authority } = upstream;
  const address = isIP(dns) === 6 ? `[${dns}]` : dns;
  // A cluster's DNS server has an address of the family that all its Pods have: nginx would pick any of both.
  const [listen, families] =
    isIP(dns) === 6 ? [`[::]:${CONTAINER_PORT} ipv6only=off`, ''] : [`${CONTAINER_PORT}`, ' ipv6=off'];
  return `# Made by fnmesh: the proxy of ${app}${only === null ? '' : `/${only.function}/${only.version}`}.
daemon off;
pid /tmp/nginx.pid;
error_log stderr error;
worker_processes 2;
worker_rlimit_nofile 16384;
worker_shutdown_timeout ${SHUTDOWN_SECONDS}s;

events {
  worker_connections 4096;
}

http {
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  default_type "application/json; charset=utf-8";
  server_tokens off;

  resolver ${address} valid=5s${families};
  resolver_timeout 5s;

  # The path as it was sent: not decoded, not folded, no query.
  map $request_uri $path {
    default "";
    "~^([^?]{0,1000})" $1;
  }
  # Without a time no address was found; with "-" no connection was made.
  map $upstream_connect_time $trouble {
    default "broke off ($upstream_addr)";
    "" "was not found by the DNS server ${dns}";
    "~^-" "cannot be reached ($upstream_addr)";
  }
${only === null ? sharedMaps(app) : ''}
${ACCESS_LOG}

  server {
    listen ${listen} default_server;
    server_name _;

    # Envoy keeps idle connections for an hour: what it may still use must not be closed here first.
    keepalive_timeout 3700s;
    keepalive_time 24h;
    keepalive_requests 10000000;
    underscores_in_headers on;
    client_header_buffer_size 4k;
    large_client_header_buffers 8 64k;
    client_max_body_size ${bodyBytes};
    client_body_buffer_size 128k;

    add_header ${FUNCTION_HEADER} $function always;
    add_header ${VERSION_HEADER} $version always;
    error_page 413 @large;
    error_page 502 @broken;
    error_page 504 @late;
${only === null ? '' : `\n    set $function ${only.function};\n    set $version ${only.version};\n`}
    location = ${READY_PATH} {
      access_log off;
      return 200 '{"message":"ready"}\\n';
    }

    location / {
${only === null ? sharedChecks(app) : dedicatedChecks(only)}

      set $fn ${authority};
      proxy_pass ${scheme}://$fn$route$is_args$args;
      proxy_http_version 1.1;
      proxy_redirect off;
      proxy_next_upstream off;
      proxy_connect_timeout 5s;
      proxy_send_timeout 60s;
      proxy_read_timeout ${READ_SECONDS}s;
      proxy_socket_keepalive on;
      # Whole requests to the Fn server, so that slow callers keep no function waiting; answers are whole already.
      proxy_request_buffering on;
      proxy_buffer_size 64k;
      proxy_buffers 8 16k;
      proxy_busy_buffers_size 64k;
      proxy_max_temp_file_size 0;

      proxy_set_header Host $proxy_host;
      proxy_set_header Connection close;
      proxy_set_header Proxy-Connection "";
      proxy_set_header Trailer "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      # What the caller asked for, as the gateway has routed by it: never what a caller says of itself.
      proxy_set_header X-Forwarded-Host $http_host;
      # Only for those before the function; a pin may be a secret.
      proxy_set_header ${ROUTE_HEADER} "";
      proxy_set_header ${VERSION_HEADER} "";

      proxy_pass_header Server;
      proxy_pass_header Date;
      proxy_hide_header ${FUNCTION_HEADER};
      proxy_hide_header ${VERSION_HEADER};
      # A function's answer gives no orders to its proxy.
      proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;${scheme === 'https' ? verified(host) : ''}
    }

    location @large {
      return 413 '{"message":"Request body too large: at most ${bodyBytes} bytes"}\\n';
    }
    location @broken {
      return 502 '{"message":"The Fn server at ${authority} $trouble"}\\n';
    }
    location @late {
      return 504 '{"message":"The Fn server at ${authority} did not answer in time ($upstream_addr)"}\\n';
    }
  }
}
`;
}

/** What a shared proxy reads from the one header. */
function sharedMaps(app: string): string {
  return `
  # FUNCTION/VERSION t/APP/SOURCE, set by the route.
  map $http_${ROUTE_HEADER.toLowerCase()} $route {
    default "";
    "~^(?<function>${NAME})/(?<version>${VERSION}) (?<trigger>t/${app}/(?:${SEGMENT}(?:/${SEGMENT})*/?)?)\\z" /$trigger;
  }
  map $function $own_path {
    default /$function;
    ${app} /;
  }
`;
}

function sharedChecks(app: string): string {
  return `      if ($route = "") {
        return 421 '{"message":"Misdirected: the proxy of ${app} answers only what a route of it sends"}\\n';
      }
      if ($path != $own_path) {
        return 404 '{"message":"Route not found: $function answers at $own_path only; paths match exactly"}\\n';
      }`;
}

function dedicatedChecks({ function: fn, version, path, route }: NonNullable<Proxy['only']>): string {
  return `      if ($path != ${path}) {
        return 404 '{"message":"Route not found: ${fn}/${version} answers at ${path} only; paths match exactly"}\\n';
      }
      set $route ${route};`;
}

function verified(host: string): string {
  return `

      proxy_ssl_server_name on;
      proxy_ssl_name ${host};
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 4;
      proxy_ssl_trusted_certificate ${AUTHORITIES};`;
}
