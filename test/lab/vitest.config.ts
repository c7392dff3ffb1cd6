import { defineConfig } from 'vitest/config';

// Against a real API server, controllers and nginx Pods: run by run.sh, inside namespaces of its own.
export default defineConfig({
  test: {
    include: ['test/lab/**/*.lab.ts'],
    globalSetup: ['test/lab/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    fileParallelism: false,
  },
});
