// One installer at a time. The plain-JavaScript twin of src/db/embedded/data-lock.ts (which see for why numbered
// links): this one has to work on Node 20, before anything is installed.

import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 250;
const TELL_EVERY_MS = 5_000;
const WAIT_LIMIT_MS = 15 * 60_000;

/**
 * Waits for its turn and returns what ends it. `say` gets a line while somebody else is at work.
 * @param {string} folder  made when missing, removed in the end
 * @param {(line: string) => void} say
 * @param {AbortSignal} signal  ends the waiting; it then rejects
 * @returns {Promise<() => void>}
 */
export async function takeTurn(folder, say, signal) {
  const endAt = performance.now() + WAIT_LIMIT_MS;
  let tellAt = 0;
  while (performance.now() < endAt) {
    mkdirSync(folder, { recursive: true });
    const last = Math.max(0, ...numbers(folder));
    const holder = last === 0 ? null : livingHolder(join(folder, String(last)));
    if (holder === null) {
      const release = take(folder, last + 1);
      if (release !== null) return release;
      continue;
    }
    if (performance.now() > tellAt) {
      say(`Another start is installing (process ${holder}); waiting for it …`);
      tellAt = performance.now() + TELL_EVERY_MS;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new Error(`Another start has been installing for too long. If none is running, delete ${folder}.`);
}

function take(folder, number) {
  const mine = join(folder, String(number));
  const draft = join(folder, `draft-${process.pid}`);
  const self = `${process.pid} ${startOf(process.pid)}`;
  try {
    writeFileSync(draft, self);
    linkSync(draft, mine);
  } catch (error) {
    if (error.code === 'EEXIST' || error.code === 'ENOENT') return null;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  if (Math.max(0, ...numbers(folder)) !== number) {
    rmSync(mine, { force: true });
    return null;
  }
  for (const lower of numbers(folder))
    if (lower < number) rmSync(join(folder, String(lower)), { force: true });
  return () => writeFileSync(mine, 'released');
}

function numbers(folder) {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{1,15}$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function livingHolder(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const match = /^(\d+) (.*)$/.exec(text);
  if (match === null) return null;
  const pid = Number(match[1]);
  return startOf(pid) === match[2] && isThere(pid) ? pid : null;
}

function isThere(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** When the process started, where /proc tells; elsewhere the pid alone has to do. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
