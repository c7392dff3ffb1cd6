import { defineConfig } from 'vitest/config';

// Faults, load and raw sockets with real processes: apart from the main suite, since each takes its seconds.
export default defineConfig({
  test: {
    include: ['test/faults/**/*.faults.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // What is timed or counted under load needs the cores for itself.
    fileParallelism: false,
  },
});
