// The door of the CLI `sally`. It only turns on Node's cache of compiled code before anything else loads: people wait
// for every run, and this halves its time. The cache is the person's own folder, never a shared one.

import { enableCompileCache } from 'node:module';
import { readEnvironment } from './environment.ts';

// Where that folder cannot be written, nothing is cached and nothing is said.
enableCompileCache(readEnvironment().cacheFolder);
const { runCommandLine } = await import('./command-line.ts');
await runCommandLine(process.argv.slice(2));
