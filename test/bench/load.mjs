// Load from Debian's wrk, and what it says about it.
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MILLISECONDS = { us: 0.001, ms: 1, s: 1000 };

/**
 * One thread of wrk on keep-alive connections for some seconds.
 * @param {{url: string, host?: string}} target `host` = the Host header, when it is not the url's.
 * @returns requests per second, and p50 and p99 in milliseconds. @throws when any answer was not a 2xx.
 */
export async function load({ url, host }, connections, seconds) {
  const header = host === undefined ? [] : ['-H', `Host: ${host}`];
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...header, url];
  const { stdout } = await run('wrk', args);
  const trouble = /(Non-2xx|Socket errors).*/.exec(stdout);
  if (trouble) throw new Error(`${url} with ${connections} connections: ${trouble[0]}`);
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]),
    p50: latency(stdout, 50),
    p99: latency(stdout, 99),
  };
}

function latency(text, percent) {
  const [, number, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(text);
  return Number(number) * MILLISECONDS[unit];
}

/** The body of one GET. @throws unless it is answered with 200. */
export function get({ url, host }) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, headers: host === undefined ? {} : { host } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${url} answered ${answer.statusCode}: ${text}`));
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
