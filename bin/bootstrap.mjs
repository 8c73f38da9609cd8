#!/usr/bin/env node
// The door for `npm start`, `npm test` and the rest: plain JavaScript that needs nothing but Node 20 and npm. It
// installs and builds what is missing or stale, then runs our TypeScript on Node 24 and stands between it and the
// terminal: the child is in a session of its own, so that each signal reaches it once, from here.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, ensurePortal, nodeFor, say, Trouble } from './install.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const COMMANDS = {
  start: { script: 'src/main.ts', portal: true },
  test: { script: 'test/run.ts', portal: true },
  check: { script: 'test/check.ts', portal: false },
  faults: { script: 'test/faults/run.ts', portal: true },
  bench: { script: 'bench/run.ts', portal: false },
  install: { script: null, portal: false },
};
const PARENT_CHECK_MS = 1_000;
// Sallyport stops within 5 s. What has not ended long after that never will.
const LAST_RESORT_MS = 30_000;

const stopping = new AbortController();
let child = null;

await main();

async function main() {
  const [name, ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined;
  if (command === undefined) {
    say(`Say what to do: node bin/bootstrap.mjs ${Object.keys(COMMANDS).join(' | ')}`);
    process.exitCode = 2;
    return;
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(signal));
  const stopWatching = watchNpm();
  try {
    await ensureInstalled(root, stopping.signal);
    const node = nodeFor(root);
    const built = command.portal ? await portalIsBuilt(node, name) : true;
    if (command.script !== null && !stopping.signal.aborted) {
      const code = await runScript(node, join(root, command.script), args);
      process.exitCode = code === 0 && !built ? 1 : code;
    }
  } catch (error) {
    say(error instanceof Trouble ? error.message : (error.stack ?? String(error)));
    process.exitCode = stopping.signal.aborted ? 130 : 1;
  } finally {
    stopWatching();
  }
}

/** A portal that does not build fails `npm test` as well, but hides nothing of what the tests have to say. */
async function portalIsBuilt(node, name) {
  try {
    await ensurePortal(root, node, stopping.signal);
    return true;
  } catch (error) {
    if (name !== 'test' || stopping.signal.aborted || !(error instanceof Trouble)) throw error;
    say(`${error.message}\nThe tests run all the same; this run counts as failed.`);
    return false;
  }
}

/** Forwarded once: npm and the terminal may each send their own, and a second Ctrl-C must not cut a clean end short. */
function stop(signal) {
  if (stopping.signal.aborted) {
    if (signal === 'SIGINT') say('Already stopping …');
    return;
  }
  stopping.abort();
  if (child === null) return;
  child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
  setTimeout(
    () => {
      say('It does not end by itself; killing it. The next start recovers.');
      child?.kill('SIGKILL');
    },
    LAST_RESORT_MS + 1_000 * (Number(process.env.SALLY_DRAIN_SECONDS) || 0),
  ).unref();
}

function runScript(node, script, args) {
  return new Promise((resolve) => {
    // The channel carries nothing: it breaks when this process dies, however it dies (src/parent-watch.ts).
    child = spawn(node, ['--disable-warning=ExperimentalWarning', script, ...args], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    child.once('error', (error) => {
      say(`Node does not run: ${error.message}`);
      resolve(1);
    });
    child.once('exit', (code, signal) => {
      child = null;
      resolve(signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/**
 * npm that is killed hard tells nobody, and the shell between npm and us may swallow a signal; so their being gone
 * is looked for. Without npm above us there may be nobody (a service manager), and nothing is looked for.
 */
function watchNpm() {
  if (process.env.npm_lifecycle_event === undefined) return () => undefined;
  const parent = process.ppid;
  // Most shells become the command that they run; one that did not has npm above it.
  const above = parentOf(parent);
  const timer = setInterval(() => {
    if (process.ppid !== parent || (above !== null && parentOf(parent) !== above)) {
      clearInterval(timer);
      say('npm is gone; stopping.');
      stop('SIGTERM');
    }
  }, PARENT_CHECK_MS);
  return () => clearInterval(timer);
}

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? null;
  } catch {
    return null;
  }
}
