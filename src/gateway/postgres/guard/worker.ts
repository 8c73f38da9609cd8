// The thread that reads large statements: a statement of 1 MiB takes the parser and its tree some 0.7 s, and nobody
// else's session waits for that.

import { parentPort } from 'node:worker_threads';
import { examine } from './examine.ts';
import { createParser } from './parser.ts';

const parser = createParser();

parentPort?.on('message', async ({ id, text }: { id: number; text: string }) => {
  await parser.ready;
  const examined = examine(parser, text);
  // After a statement that broke its instance, the parser makes a new one in its own time.
  parentPort?.postMessage({ id, examined });
});
