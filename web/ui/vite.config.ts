import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The page is served by Hearth itself under a policy without inline scripts and styles, so nothing may be inlined:
// no data: addresses for small files, no module preload shim.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: ['chrome111', 'firefox114', 'safari16.4'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // Whose code is in the page: the package ships it, and everybody may read it.
    license: { fileName: 'licences.json' },
    emptyOutDir: true,
  },
  server: {
    // `HEARTH=http://127.0.0.1:8080 npm run dev` works on the page against a running box.
    proxy: {
      '/api': { target: process.env.HEARTH ?? 'http://127.0.0.1:8080', ws: true, secure: false },
    },
  },
});
