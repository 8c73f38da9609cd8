// A demo's data folder, made once by a first start and copied for each test: a start on a copy finds its clusters and
// its hundred thousand orders there, which is most of what a first start takes. It is made anew when anything that
// goes into it has changed. Tests of the first start itself begin with an empty folder.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, lstatSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './checks.ts';

const run = promisify(execFile);
const INGREDIENTS = ['src/demo/**/*', 'src/db/**/*.ts', 'src/audit/**/*.ts', 'package-lock.json'];
/** What belongs to a run and not to the data. */
const OF_A_RUN = [
  'demo.json',
  'lock',
  'store/server.log',
  'orders-db/server.log',
  'store/port',
  'orders-db/port',
];

/** Fills the empty `folder`. `make` brings a demo up in the folder that it gets, and stops it cleanly. */
export async function copyPreparedDemo(
  folder: string,
  make: (draft: string) => Promise<void>,
): Promise<void> {
  const uid = process.getuid?.() ?? 0;
  const kept = join(tmpdir(), `sallyport-test-demo-${uid}-${digest()}`);
  if (!existsSync(kept)) await prepare(kept, make);
  if (lstatSync(kept).uid !== uid) throw new Error(`${kept} belongs to somebody else.`);
  // Node's own copy would widen the folders' modes, and PostgreSQL then refuses them.
  await run('cp', ['-Rp', '--reflink=auto', `${kept}/.`, folder]);
}

/** Of two that make it at the same time one is kept. */
async function prepare(kept: string, make: (draft: string) => Promise<void>): Promise<void> {
  const draft = mkdtempSync(join(tmpdir(), 'sallyport-test-demo-draft-'));
  try {
    await make(draft);
    for (const name of OF_A_RUN) rmSync(join(draft, name), { force: true, recursive: true });
    renameSync(draft, kept);
  } catch (error) {
    if (!existsSync(kept)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function digest(): string {
  const hash = createHash('sha256');
  for (const name of INGREDIENTS.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).sort()) {
    const path = join(ROOT, name);
    if (lstatSync(path).isFile()) hash.update(name).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
