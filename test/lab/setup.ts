// One lab for all tests of a run: started before the first, ended after the last.
import { startLab } from './lab.js';

/** vitest's globalSetup. */
export default async function setup(): Promise<() => Promise<void>> {
  const lab = await startLab();
  return () => lab.stop();
}
