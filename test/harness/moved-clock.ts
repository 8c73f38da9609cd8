// A wall clock that a test can move under a running program or server, by Debian's libfaketime; the monotonic clock goes
// on as it was, as it does when somebody sets the time.

import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Binaries } from '../../src/db/embedded/binaries.ts';
import { services } from './services.ts';

export interface MovedClock {
  /** For a program that is to have this clock. */
  env: Record<string, string>;
  /** The same PostgreSQL, with this clock. */
  server(binaries: Binaries): Binaries;
  /** From now on it is that much off; 0: right again. */
  move(seconds: number): void;
  remove(): void;
}

/** Needs libfaketime: `skip: skipWithout('faketime')`. */
export function createMovedClock(): MovedClock {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-clock-'));
  const file = join(folder, 'offset');
  const move = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s\n`);
  move(0);
  const env = {
    LD_PRELOAD: services.faketime ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return {
    env,
    move,
    server(binaries) {
      const programs = mkdtempSync(join(folder, 'programs-'));
      const set = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
      const script = join(programs, 'postgres');
      writeFileSync(
        script,
        `#!/bin/sh\nexec env ${set.join(' ')} '${join(binaries.folder, 'postgres')}' "$@"\n`,
      );
      chmodSync(script, 0o755);
      symlinkSync(join(binaries.folder, 'initdb'), join(programs, 'initdb'));
      return { ...binaries, folder: programs };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
