// A disk without room, for tests that have a small file system of their own.

import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../src/base/errors.ts';

/** Writes the file `filler` there until not even `smallestBytes` more find room. */
export function fillDisk(folder: string, smallestBytes: number): void {
  const file = openSync(join(folder, 'filler'), 'w');
  const block = Buffer.alloc(1024 * 1024, 1);
  for (let size = block.length; size >= smallestBytes; ) {
    try {
      writeSync(file, block, 0, size);
    } catch (error) {
      assert.equal(codeOf(error), 'ENOSPC');
      size /= 2;
    }
  }
  // An open file keeps its space after it was removed.
  closeSync(file);
}
