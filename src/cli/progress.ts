import type { Emit, FnmeshEvent } from '../events.js';
import { paint } from './paint.js';
import { bytes, seconds } from './format.js';

/**
 * Renders events on a stream: one line a change of state; on a terminal also a last line that shows what is
 * under way and goes away at the end.
 */
export function progress(stream: NodeJS.WriteStream): { emit: Emit; end: () => void } {
  const running = new Map<string, number>();
  let shown = false;
  let timer: NodeJS.Timeout | undefined;

  const clear = (): void => {
    if (shown) stream.write('\r\u001b[K');
    shown = false;
  };
  const show = (): void => {
    if (!stream.isTTY || running.size === 0) return;
    const oldest = Math.min(...running.values());
    const names = [...running.keys()];
    const text = `… ${names.slice(0, 4).join(', ')}${names.length > 4 ? ` and ${names.length - 4} more` : ''} (${seconds(Date.now() - oldest)})`;
    clear();
    stream.write(text.slice(0, Math.max(20, stream.columns - 1)));
    shown = true;
  };
  const end = (): void => {
    clearInterval(timer);
    timer = undefined;
    clear();
  };
  const emit: Emit = (event) => {
    if (event.type === 'build' || event.type === 'deploy') {
      const key = `${event.type === 'build' ? 'building' : 'deploying'} ${event.version}`;
      if (event.state === 'started') running.set(key, Date.now());
      else running.delete(key);
    }
    if (event.type === 'push') {
      const key = `pushing ${event.image}`;
      if (event.state === 'started') running.set(key, Date.now());
      else running.delete(key);
    }
    clear();
    if (event.type === 'probe') {
      if (stream.isTTY) {
        stream.write(probeLine(event).slice(0, Math.max(20, stream.columns - 1)));
        shown = true;
      }
      return;
    }
    const line = lineOf(event);
    if (line) stream.write(`${line}\n`);
    if (stream.isTTY) timer ??= setInterval(show, 200).unref();
    show();
  };
  return { emit, end };
}

function probeLine(event: Extract<FnmeshEvent, { type: 'probe' }>): string {
  const shares = Object.entries(event.observed).map(([version, count]) => `${version} ${count}`);
  const of = event.of === undefined ? '' : `/${event.of}`;
  return `${event.sent}${of} requests  ${shares.join('  ')}${event.errors > 0 ? `  errors ${event.errors}` : ''}`;
}

/** A line for the stream, or null where only the end of a step counts. */
function lineOf(event: FnmeshEvent): string | null {
  switch (event.type) {
    case 'note':
      return event.text;
    case 'warning':
      return `${paint('yellow', 'warning', process.stderr)}: ${event.text}`;
    case 'server':
      return event.text;
    case 'build':
      if (event.state === 'started' || event.state === 'unchanged') return null;
      return `${event.version} ${event.state}${event.ms === undefined ? '' : ` in ${seconds(event.ms)}`}`;
    case 'push':
      if (event.state !== 'pushed') return null;
      if (event.bytes === 0) return `${event.image} is there already`;
      return `pushed ${event.image}${event.bytes === undefined ? '' : ` (${bytes(event.bytes)})`}`;
    case 'deploy':
    case 'probe':
      return null;
  }
}
