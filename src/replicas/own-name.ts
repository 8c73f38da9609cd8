// A replica's name and its runs, kept in its data folder: the name stays the same from start to start, so that whoever
// looks knows it again and what an earlier run left behind is taken over at once.

import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, Failure } from '../base/errors.ts';

const RUN_BYTES = 12;
const LONGEST_HOST = 40;

export interface OwnName {
  name: string;
  /** Of this start: its leases and turns carry it. */
  run: string;
  /** Of the start before in this very folder; null: none, or the folder was copied or moved. */
  runBefore: string | null;
}

const kept = z.object({ name: z.string(), run: z.string(), place: z.string() });

/** `configured` is the name that the configuration gives, or null. Errors: Failure `replica-file-invalid`. */
export function openOwnName(dataFolder: string, configured: string | null): OwnName {
  const file = join(dataFolder, 'replica.json');
  const place = placeOf(dataFolder);
  const before = readKept(file);
  const run = randomBytes(RUN_BYTES).toString('base64url');
  const name = configured ?? before?.name ?? newName();
  writeFileSync(`${file}.new`, `${JSON.stringify({ name, run, place })}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return { name, run, runBefore: before?.place === place ? before.run : null };
}

/** A copy of a folder has another inode, and another machine another name. */
function placeOf(folder: string): string {
  const { dev, ino } = statSync(folder, { bigint: true });
  return `${hostname()} ${dev} ${ino}`;
}

function readKept(file: string): z.infer<typeof kept> | null {
  try {
    return kept.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null;
    throw new Failure('invalid', 'replica-file-invalid', `${file} cannot be read.`, {
      hint: 'Remove it: a new one is made, and the replica gets a new name.',
      cause,
    });
  }
}

function newName(): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, LONGEST_HOST);
  return `${host}-${randomBytes(2).toString('hex')}`;
}
