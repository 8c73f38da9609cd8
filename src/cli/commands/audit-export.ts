// `sally audit export <file>`: the whole log in one file that verifies without any server.

import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import type { Api } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { leaf, startRun } from '../run.ts';
import { bytesText } from '../times.ts';

const PRIVATE_FILE = 0o600;

export function exportCommand(): Command {
  return leaf('export <file>', 'write the whole log to a file (- for stdout)', [
    'audit export log.ndjson',
    'audit export - | gzip > log.gz',
  ])
    .option('--force', 'replace the file when it is there')
    .action(async (file: string, options: { force?: boolean }, self: Command) => {
      const run = startRun(self);
      if (file !== '-' && existsSync(file) && options.force !== true) {
        throw usage(`${file} is there already.`, 'Name another file, or add --force.');
      }
      const api = await run.api();
      if (file === '-') return toStdout(api);
      const bytes = await toFile(api, file);
      run.out.data({ file, bytes }, () => `Wrote ${file} (${bytesText(bytes)}).`);
      run.out.say(`Check it anywhere: \`sally audit verify --offline ${file}\`.`);
    });
}

async function toStdout(api: Api): Promise<void> {
  for await (const piece of api.stream('/api/audit/export')) {
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
  }
}

/** Written beside and renamed, so that a file of that name is always a whole export. */
async function toFile(api: Api, file: string): Promise<number> {
  const beside = `${file}.${process.pid}.part`;
  const out = createWriteStream(beside, { mode: PRIVATE_FILE, flags: 'wx' });
  let bytes = 0;
  try {
    for await (const piece of api.stream('/api/audit/export')) {
      bytes += Buffer.byteLength(piece);
      if (!out.write(piece)) await once(out, 'drain');
    }
    out.end();
    await finished(out);
    renameSync(beside, file);
    return bytes;
  } catch (error) {
    out.destroy();
    rmSync(beside, { force: true });
    throw error;
  }
}
