const EVERY_MS = 1000;

/** Shows something again and again until Ctrl-C: on a terminal each time on a cleared screen. */
export async function watch(show: () => Promise<void>): Promise<void> {
  let stopped = false;
  let wake: () => void = () => {};
  process.once('SIGINT', () => {
    stopped = true;
    wake();
  });
  while (!stopped) {
    if (process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J');
    await show();
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, EVERY_MS);
    });
  }
}
