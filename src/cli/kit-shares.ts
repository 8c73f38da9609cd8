// Collecting the shares of a kit: from files, then from people at the terminal, one after the other. Never from flags.

import { Failure } from '../base/errors.ts';
import { type KitFile, tooFew } from '../break-glass/kit-file/kit-file.ts';
import { readShare, requireFitting, type Share } from '../break-glass/kit-file/shares.ts';
import { usage } from './exit-codes.ts';
import { readIfThere } from './private-file.ts';
import { askSecret } from './prompts.ts';
import type { Run } from './run.ts';

const LARGEST_SHARES_FILE = 64 * 1024;
const MOST_TRIES = 20;

/** As many as the quorum. Errors: those of `readShare` and `requireFitting`, saying where; `too-few-shares`. */
export async function collectShares(run: Run, file: KitFile, paths: readonly string[]): Promise<Share[]> {
  const shares: Share[] = [];
  for (const path of paths) addFrom(path, file, shares);
  if (shares.length >= file.quorum) return shares;
  if (!run.interactive) throw tooFew(file, shares.length);
  for (let tries = 0; shares.length < file.quorum && tries < MOST_TRIES; tries++) {
    const left = file.holders.filter((_, at) => !shares.some((share) => share.place === at + 1));
    const text = await askSecret(`Share ${shares.length + 1} of ${file.quorum} (held by ${left.join(', ')})`);
    try {
      add(text, file, shares);
      run.out.say(`  ${file.holders[(shares.at(-1)?.place ?? 1) - 1]}'s share is in.`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      run.out.say(`  ${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}`);
    }
  }
  if (shares.length < file.quorum) throw tooFew(file, shares.length);
  return shares;
}

function addFrom(path: string, file: KitFile, shares: Share[]): void {
  const text = readIfThere(path);
  if (text === null || text.length > LARGEST_SHARES_FILE)
    throw usage(`--shares-file ${path} cannot be read.`, 'It holds one share a line.');
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  for (const [at, line] of lines.entries()) {
    if (line === '') continue;
    try {
      add(line, file, shares);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure('invalid', error.code, `${path}, line ${at + 1}: ${error.message}`, {
        field: '--shares-file',
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  }
}

function add(text: string, file: KitFile, shares: Share[]): void {
  const share = readShare(text);
  requireFitting(share, file, shares);
  shares.push(share);
}
