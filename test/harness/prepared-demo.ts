// A demo's data folder, made once by a first start and copied for each test: a start on a copy finds its clusters and
// its hundred thousand orders there, which is most of what a first start takes. It is made anew when anything that
// goes into it has changed. Tests of the first start itself begin with an empty folder.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './checks.ts';

const run = promisify(execFile);
const INGREDIENTS = ['src/demo/**/*', 'src/db/**/*.ts', 'src/audit/**/*.ts', 'package-lock.json'];
/** One that nobody has copied for so long is of an older state of the sources. */
const KEPT_MS = 12 * 3_600_000;
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
  const prefix = `sallyport-test-demo-${uid}-`;
  const kept = join(tmpdir(), `${prefix}${digest()}`);
  if (!existsSync(kept)) {
    await prepare(kept, make);
    removeUnused(prefix, uid);
  }
  if (lstatSync(kept).uid !== uid) throw new Error(`${kept} belongs to somebody else.`);
  utimesSync(kept, new Date(), new Date());
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

function removeUnused(prefix: string, uid: number): void {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(prefix))) {
    const folder = join(tmpdir(), name);
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found?.uid === uid && Date.now() - found.mtimeMs > KEPT_MS)
      rmSync(folder, { recursive: true, force: true });
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
