import {defineConfig} from 'vite';

// OCELLI_URL: the service that `npm run dev` passes /v1 on to.
const service = process.env['OCELLI_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  // Relative, so that the page also works below a path of a proxy.
  base: './',
  esbuild: {jsx: 'automatic', jsxImportSource: 'preact'},
  build: {
    target: 'es2021',
    // The service allows no inline script and no data: but for pictures.
    assetsInlineLimit: 0,
    modulePreload: {polyfill: false},
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    proxy: {'/v1': {target: service, ws: true}},
  },
});
