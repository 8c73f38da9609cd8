// Builds the portal to portal/dist, which the server serves as it is. `vite dev` proxies the API to a running
// Sallyport, so that the portal can be worked on with live data.

import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const SERVER = 'http://127.0.0.1:7070';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Small files as data: URIs would need more than the content security policy allows for fonts and scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // main.tsx's first import has to run first, also when modules are spread over several files.
    rolldownOptions: { output: { strictExecutionOrder: true } },
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': { target: SERVER, changeOrigin: true }, '/healthz': SERVER },
  },
});
