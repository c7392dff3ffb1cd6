import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A test that needs the embedded server starts its own; two at a time is what two cores carry.
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/routing/**', 'src/traffic/**'],
      thresholds: { statements: 100, functions: 100, lines: 100, branches: 100 },
    },
  },
});
