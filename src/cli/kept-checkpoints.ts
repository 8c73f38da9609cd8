// What this machine remembers of a server's log: its key and the newest checkpoint that it saw. A server that was
// set back to an older backup, or whose log was replaced, is noticed by every machine that verified before.

import { join } from 'node:path';
import type { Environment } from './environment.ts';
import { readIfThere, writePrivateFile } from './private-file.ts';

export interface Kept {
  /** The log's key as it was first seen here: its name is before the first `+`. */
  key: string;
  /** The newest checkpoint that verified, a whole signed note. */
  note: string;
}

export function keptPath(environment: Environment, origin: string): string {
  return join(environment.stateFolder, `checkpoints-${origin.replace(/[^a-z0-9.-]+/gi, '_')}`);
}

/** What is kept for that server; null when nothing is, or what is there cannot be read. */
export function readKept(environment: Environment, origin: string): Kept | null {
  const text = readIfThere(keptPath(environment, origin));
  const split = text?.indexOf('\n') ?? -1;
  if (text === null || split < 0) return null;
  return { key: text.slice(0, split), note: text.slice(split + 1) };
}

export function writeKept(environment: Environment, origin: string, kept: Kept): void {
  writePrivateFile(keptPath(environment, origin), `${kept.key}\n${kept.note}`);
}
