import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The zone of the tests has summer time, so that days of 23 and 25 hours are part of them.
process.env.TZ = 'Europe/Berlin';

export default defineConfig({
  plugins: [svelte()],
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
