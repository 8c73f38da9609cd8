// The doors that people and machines come through: bin/bootstrap.mjs and ./sally, in checkouts made for the test.
// What they run in there is a small program of the test's; npm, vite, Node and the shell are the real ones.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { sleep } from '../src/base/timer.ts';
import { identityOf } from '../src/db/embedded/processes.ts';
import { ROOT } from './harness/checks.ts';

// The folder above is closed to others, as /root is.
const base = mkdtempSync(join(tmpdir(), 'sallyport-test-bootstrap-'));
const started: ChildProcess[] = [];
const innermost: number[] = [];
let checkouts = 0;

after(() => {
  for (const child of started) child.kill('SIGKILL');
  for (const pid of innermost) if (identityOf(pid) !== null) process.kill(pid, 'SIGKILL');
  rmSync(base, { recursive: true, force: true });
});

const PROGRAM = `// Says what reaches it, and takes its time to end.
import { watchParent } from './parent-watch.ts';
const say = (word: string) => console.log(JSON.stringify(word));
const end = (by: string) => {
  say(by);
  setTimeout(() => {
    say('clean end');
    process.exit(7);
  }, 700);
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
watchParent(() => end('parent gone'));
setInterval(() => undefined, 1_000);
say(\`up \${process.pid} \${process.argv.slice(2).join(',')}\`);
`;

/** A checkout with this one's dependencies, or with none and a lockfile that wants none. */
function checkout(dependencies: 'installed' | 'none'): string {
  const folder = join(base, `check out ${++checkouts}`);
  mkdirSync(join(folder, 'src', 'cli'), { recursive: true });
  cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
  cpSync(join(ROOT, 'sally'), join(folder, 'sally'));
  cpSync(join(ROOT, 'src', 'parent-watch.ts'), join(folder, 'src', 'parent-watch.ts'));
  writeFileSync(join(folder, 'src', 'main.ts'), PROGRAM);
  writeFileSync(
    join(folder, 'src', 'cli', 'main.ts'),
    'console.log(JSON.stringify(process.argv.slice(2)));\n',
  );
  if (dependencies === 'installed') {
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(ROOT, file), join(folder, file));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  } else {
    const scripts = { start: 'node bin/bootstrap.mjs start' };
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'x', version: '1.0.0', type: 'module', scripts }),
    );
    writeFileSync(
      join(folder, 'package-lock.json'),
      JSON.stringify({
        name: 'x',
        version: '1.0.0',
        lockfileVersion: 3,
        requires: true,
        packages: { '': { name: 'x', version: '1.0.0' } },
      }),
    );
  }
  return folder;
}

interface Run {
  child: ChildProcess;
  out(): string;
  err(): string;
  /** The words of the program so far. */
  words(): string[];
  code: Promise<number | NodeJS.Signals>;
}

function run(folder: string, command: string[], env: NodeJS.ProcessEnv = {}): Run {
  const [file = '', ...args] = command;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const child = spawn(file, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
    detached: true,
  });
  started.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => {
    out += text.toString();
    const pid = /"up (\d+)/.exec(text.toString())?.[1];
    if (pid !== undefined) innermost.push(Number(pid));
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  return {
    child,
    out: () => out,
    err: () => err,
    words: () =>
      out
        .split('\n')
        .filter((line) => line.startsWith('"'))
        .map((line) => String(JSON.parse(line))),
    code: new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code ?? 1))),
  };
}

const BOOTSTRAP = [process.execPath, 'bin/bootstrap.mjs'];

/** As bin/lock.mjs writes it. */
function startOfThis(): string {
  if (!existsSync('/proc/self/stat')) return '';
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

async function eventually(what: string, limitMs: number, holds: () => boolean): Promise<void> {
  const endAt = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > endAt) assert.fail(`Not within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}

async function up(program: Run): Promise<number> {
  const isOver = () => program.child.exitCode !== null || program.child.signalCode !== null;
  await eventually('up', 30_000, () => program.words().length > 0 || isOver());
  assert.match(program.words()[0] ?? '', /^up \d+/, program.err());
  return Number(program.words()[0]?.split(' ')[1]);
}

describe('signals', () => {
  const folder = checkout('installed');

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} reaches the program once, however often it is sent, and its exit code comes back`, async () => {
      const program = run(folder, [...BOOTSTRAP, 'start', '--some', 'words']);
      await up(program);
      assert.match(program.words()[0] ?? '', /--some,words$/);
      for (let i = 0; i < 3; i++) {
        // As a terminal does it: to every process of the group.
        process.kill(-(program.child.pid ?? 0), signal);
        await sleep(100);
      }
      assert.equal(await program.code, 7);
      assert.deepEqual(program.words().slice(1), [signal, 'clean end']);
    });
  }

  test('a closed terminal ends it like SIGTERM', async () => {
    const program = run(folder, [...BOOTSTRAP, 'start']);
    await up(program);
    program.child.kill('SIGHUP');
    assert.equal(await program.code, 7);
    assert.deepEqual(program.words().slice(1), ['SIGTERM', 'clean end']);
  });

  test('kill -9 of the bootstrap: the program notices and ends cleanly by itself', async () => {
    const program = run(folder, [...BOOTSTRAP, 'start']);
    const pid = await up(program);
    program.child.kill('SIGKILL');
    await eventually('ended', 15_000, () => identityOf(pid) === null);
    await eventually('its last word', 5_000, () => program.words().includes('clean end'));
    assert.deepEqual(program.words().slice(1), ['parent gone', 'clean end']);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`npm that gets ${signal} takes the program with it, cleanly`, async () => {
      const program = run(folder, ['npm', 'start', '--silent']);
      const pid = await up(program);
      program.child.kill(signal);
      await eventually('ended', 15_000, () => identityOf(pid) === null);
      await eventually('its last word', 5_000, () => program.words().includes('clean end'));
      assert.deepEqual(program.words().slice(1), ['SIGTERM', 'clean end']);
    });
  }
});

describe('installing', () => {
  test('without node_modules, from two starts at once: one installs, the other waits, both go on', async () => {
    const folder = checkout('none');
    const both = [run(folder, [...BOOTSTRAP, 'install']), run(folder, [...BOOTSTRAP, 'install'])];
    assert.deepEqual(
      await Promise.all(both.map((one) => one.code)),
      [0, 0],
      both.map((one) => one.err()).join(),
    );
    assert.equal(both.filter((one) => one.err().includes('Installing the dependencies')).length, 1);
    assert.equal(both.map((one) => one.out()).join(''), '', 'stdout belongs to what is started');
    assert.match(
      readFileSync(join(folder, 'node_modules', '.sallyport-lock'), 'utf8'),
      /^[0-9a-f]{64} \w+-\w+\n$/,
    );

    const again = run(folder, [...BOOTSTRAP, 'install']);
    assert.equal(await again.code, 0);
    assert.equal(again.err(), '', 'nothing to do, nothing to say');

    const lock = join(folder, 'package-lock.json');
    writeFileSync(lock, `${readFileSync(lock, 'utf8')}\n`);
    assert.equal(await run(folder, [...BOOTSTRAP, 'install']).code, 0);
  });

  test('a lock that a killed installer left holds nobody up', async () => {
    const folder = checkout('none');
    mkdirSync(join(folder, '.install-lock'));
    const gone = spawnSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout.trim();
    writeFileSync(join(folder, '.install-lock', '3'), `${gone} 12345`);
    const program = run(folder, [...BOOTSTRAP, 'install']);
    assert.equal(await program.code, 0);
    assert.doesNotMatch(program.err(), /waiting/);
  });

  test('npm that fails: its reason and the next step, and exit code 1', async () => {
    const folder = checkout('none');
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'x', version: '1.0.0', dependencies: { 'left-out-of-the-lockfile': '1.0.0' } }),
    );
    const program = run(folder, [...BOOTSTRAP, 'start'], {
      npm_config_registry: 'http://127.0.0.1:9/',
      npm_config_cache: join(base, 'empty-cache'),
      npm_config_fetch_retries: '0',
    });
    assert.equal(await program.code, 1);
    assert.match(program.err(), /The dependencies cannot be installed \(npm ci: exit code 1\)/);
    assert.match(program.err(), /Next: /);
    assert.equal(program.words().length, 0, 'nothing was started');
    assert.equal(existsSync(join(folder, 'node_modules', '.sallyport-lock')), false);
  });

  test('an interrupted installation says so and starts nothing', async () => {
    const folder = checkout('none');
    // Somebody else installs and takes long.
    mkdirSync(join(folder, '.install-lock'));
    writeFileSync(join(folder, '.install-lock', '1'), `${process.pid} ${startOfThis()}`);
    const program = run(folder, [...BOOTSTRAP, 'start']);
    await eventually('waiting', 10_000, () => program.err().includes(`process ${process.pid}`));
    program.child.kill('SIGINT');
    assert.equal(await program.code, 130);
    assert.equal(program.words().length, 0);
  });

  test('an unknown command names the known ones, with exit code 2', async () => {
    const program = run(checkout('none'), [...BOOTSTRAP, 'strat']);
    assert.equal(await program.code, 2);
    assert.match(program.err(), /start \| test/);
  });
});

describe('the portal', () => {
  test('is built when its sources changed, only then, and a failed build keeps the old one', async () => {
    const folder = checkout('installed');
    const portal = join(folder, 'portal');
    mkdirSync(portal);
    writeFileSync(
      join(portal, 'vite.config.ts'),
      "import { defineConfig } from 'vite';\nexport default defineConfig({});\n",
    );
    writeFileSync(join(portal, 'index.html'), '<script type="module" src="/main.ts"></script>');
    writeFileSync(join(portal, 'main.ts'), "document.title = 'first';\n");
    const start = async (): Promise<Run> => {
      const program = run(folder, [...BOOTSTRAP, 'start']);
      await up(program).catch(() => undefined);
      program.child.kill('SIGTERM');
      await program.code;
      return program;
    };
    assert.match((await start()).err(), /Building the portal/);
    const built = readFileSync(join(portal, 'dist', 'index.html'), 'utf8');
    assert.equal((await start()).err(), '');

    writeFileSync(
      join(portal, 'main.ts'),
      "import { missing } from './missing.ts';\ndocument.title = missing;\n",
    );
    const failed = await start();
    assert.equal(await failed.code, 1);
    assert.match(failed.err(), /The portal cannot be built[\s\S]*missing\.ts/);
    assert.equal(readFileSync(join(portal, 'dist', 'index.html'), 'utf8'), built);

    writeFileSync(join(portal, 'main.ts'), "document.title = 'second';\n");
    assert.match((await start()).err(), /Building the portal/);
    assert.notEqual(readFileSync(join(portal, 'dist', 'index.html'), 'utf8'), built);
  });
});

describe('./sally', () => {
  const folder = checkout('installed');

  test('runs from anywhere and through links, with its words untouched and nothing else on stdout', () => {
    const links = join(base, 'links');
    mkdirSync(links);
    symlinkSync(join(folder, 'sally'), join(links, 'first'));
    symlinkSync('first', join(links, 'sally'));
    const words = ['request', 'two words', '', '--reason', '$HOME "quoted" *'];
    for (const [file, cwd, path] of [
      [join(folder, 'sally'), '/', undefined],
      ['./sally', folder, undefined],
      [join(links, 'sally'), '/', undefined],
      ['sally', '/', `${links}:${process.env.PATH}`],
    ] as const) {
      const { stdout, stderr, status } = spawnSync(file, words, {
        cwd,
        encoding: 'utf8',
        env: { ...process.env, ...(path === undefined ? {} : { PATH: path }) },
      });
      assert.equal(status, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), words);
      assert.equal(stderr, '');
    }
  });

  test('installs first where nothing is installed yet, with all progress on stderr', () => {
    const bare = checkout('none');
    const { stdout, stderr } = spawnSync(join(bare, 'sally'), ['help'], { encoding: 'utf8' });
    assert.match(stderr, /Installing the dependencies/);
    assert.doesNotMatch(stdout, /Installing/);
    assert.ok(existsSync(join(bare, 'node_modules', '.sallyport-lock')));
  });

  test('a folder that may not be written gives the next step', {
    skip: process.getuid?.() === 0 && 'root may write everywhere',
  }, () => {
    const closed = checkout('none');
    chmodSync(closed, 0o500);
    const { stderr, status } = spawnSync(join(closed, 'sally'), ['help'], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /cannot be written by this user/);
  });
});
