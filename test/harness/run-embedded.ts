// A program of its own around the embedded PostgreSQL, for tests that kill it, or run it as somebody else:
// `node run-embedded.ts <folder> [signal to itself during set-up]`. Prints one JSON line when ready, one per event,
// and stops at the end of its input.

import { Failure } from '../../src/base/errors.ts';
import { embeddedBinaries } from '../../src/db/embedded/binaries.ts';
import { lockData } from '../../src/db/embedded/data-lock.ts';
import { startEmbedded } from '../../src/db/embedded/embedded.ts';
import { chooseRunAs } from '../../src/db/embedded/run-as.ts';

const [folder = '', mode = 'server'] = process.argv.slice(2);
const tell = (event: string, facts: object = {}) => console.log(JSON.stringify({ event, ...facts }));
const line = (text: string) => tell('line', { text });
const log = { info: line, warn: line, error: line };

try {
  if (mode === 'lock') {
    const release = lockData(folder);
    tell('ready', { pid: process.pid });
    process.stdin.resume().on('end', release);
  } else if (mode === 'place') {
    tell('ready', { place: chooseRunAs(folder, embeddedBinaries(), log).place });
  } else {
    const server = await startEmbedded({
      folder,
      name: 'test',
      log,
      settings: { shared_buffers: '16MB' },
      onDown: (reason) => tell('down', { reason }),
      onUp: () => tell('up', { pid: server.pid() }),
    });
    tell('ready', { url: server.adminUrl, port: server.port, pid: server.pid() });
    process.stdin.resume().on('end', () => {
      void server.stop().then(() => tell('stopped'));
    });
  }
} catch (error) {
  tell('failed', {
    code: error instanceof Failure ? error.code : null,
    message: error instanceof Error ? error.message : String(error),
    hint: error instanceof Failure ? error.hint : null,
  });
  process.exitCode = 1;
}
