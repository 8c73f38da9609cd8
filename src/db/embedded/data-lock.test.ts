import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Failure } from '../../base/errors.ts';
import { lockData } from './data-lock.ts';
import { identityOf } from './processes.ts';

const base = mkdtempSync(join(tmpdir(), 'sallyport-test-lock-'));
after(() => rmSync(base, { recursive: true, force: true }));

function inUse(pid: number) {
  return (error: unknown) =>
    error instanceof Failure &&
    error.code === 'data-in-use' &&
    error.message.includes(`process ${pid}`) &&
    error.facts?.pid === pid &&
    (error.hint ?? '').includes(`kill ${pid}`);
}

test('held once, refused with the holder named, free again when given back', () => {
  const folder = join(base, 'once');
  const release = lockData(folder);
  assert.throws(() => lockData(folder), inUse(process.pid));
  release();
  lockData(folder)();
  assert.equal(readdirSync(join(folder, 'lock')).length, 1, 'old numbers are cleared away');
});

test('a pid that another process has got since holds nothing', () => {
  const folder = join(base, 'reused');
  mkdirSync(join(folder, 'lock'), { recursive: true });
  writeFileSync(join(folder, 'lock', '7'), JSON.stringify({ pid: process.pid, started: 'another life' }));
  const release = lockData(folder);
  assert.deepEqual(readdirSync(join(folder, 'lock')), ['8']);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'lock', '8'), 'utf8')), identityOf(process.pid));
  release();
});

test('a lock file that a full disk left empty holds nothing', () => {
  const folder = join(base, 'empty');
  mkdirSync(join(folder, 'lock'), { recursive: true });
  writeFileSync(join(folder, 'lock', '1'), '');
  lockData(folder)();
});

test('of many programs that start at the same moment on what a killed one left, exactly one holds it', async () => {
  const folder = join(base, 'many');
  for (let round = 0; round < 3; round++) {
    const program = `
      const { lockData } = await import(${JSON.stringify(join(import.meta.dirname, 'data-lock.ts'))});
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, Number(process.argv[1]) - Date.now())));
      try { lockData(process.argv[2]); console.log('held'); setInterval(() => {}, 1000); }
      catch (error) { console.log(error.code); }`;
    const startAt = String(Date.now() + 1_500);
    const children = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program, startAt, folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const answers = await Promise.all(
      children.map(
        (child) =>
          new Promise<string>((resolve) => {
            child.stdout.once('data', (text: Buffer) => resolve(text.toString().trim()));
            child.once('exit', () => resolve('ended'));
          }),
      ),
    );
    assert.deepEqual(answers.sort(), [...Array.from({ length: 7 }, () => 'data-in-use'), 'held']);
    // kill -9 of the holder: the next round finds what it left.
    await Promise.all(
      children.map(
        (child) =>
          new Promise((resolve) => {
            if (child.exitCode !== null) return resolve(null);
            child.once('exit', resolve);
            child.kill('SIGKILL');
          }),
      ),
    );
  }
});
