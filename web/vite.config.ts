import {readFileSync} from 'node:fs';
import {defineConfig, type Plugin} from 'vite';

// OCELLI_URL: the service that `npm run dev` passes /v1 on to.
const service = process.env['OCELLI_URL'] ?? 'http://127.0.0.1:8080';

const read = (path: string) =>
    readFileSync(new URL(path, import.meta.url), 'utf8');

// What is built in must bring its licence along.
const licences: Plugin = {
  name: 'licences',
  generateBundle() {
    const {dependencies} = JSON.parse(read('package.json'));
    const texts = Object.keys(dependencies).map(
        (name) => `${name}\n\n${read(`node_modules/${name}/LICENSE`).trim()}\n`);
    this.emitFile({
      type: 'asset',
      fileName: 'licences.txt',
      source: texts.join('\n\n'),
    });
  },
};

export default defineConfig({
  // Relative, so that the page also works below a path of a proxy.
  base: './',
  plugins: [licences],
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
