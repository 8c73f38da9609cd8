// What must hold of direct sockets alone: everything else in the process goes on beside them, and a descriptor is
// neither left nor touched after its end.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  LONGEST_WAIT_MS,
  type SocketPair,
  startSocketPairs,
  take,
  text,
  until,
} from '../../../test/harness/socket-pair.ts';
import { fastSockets } from '../fast-socket.ts';
import { openSocketLoop } from './socket-loop.ts';

const { accepted, pair, stop } = await startSocketPairs();
after(stop);

const direct = await fastSockets();
const loop = await openSocketLoop();
const elsewhere =
  loop === null ? 'only Linux on x64 or arm64, with the package koffi, has direct sockets' : false;

describe('the wait that libuv shares with direct sockets', { skip: elsewhere }, () => {
  test('everything else runs while a socket is open: timers on time, files, threads, programs, signals', async () => {
    const idle = await pair(direct);
    idle.near.resume();
    const from = performance.now();
    await pause(100);
    const waitedMs = performance.now() - from;
    assert.ok(waitedMs >= 99 && waitedMs < 2_000, `a timer of 100 ms took ${waitedMs} ms`);
    assert.ok((await readFile(import.meta.filename)).length > 0);
    const worker = new Worker('require("node:worker_threads").parentPort.postMessage("x")', { eval: true });
    await once(worker, 'message');
    const program = spawn(process.execPath, ['-e', 'process.stdout.write("y")']);
    const [said] = (await once(program.stdout, 'data')) as [Buffer];
    assert.equal(said.toString(), 'y');
    const signalled = once(process, 'SIGWINCH');
    process.kill(process.pid, 'SIGWINCH');
    await signalled;
    idle.near.destroy();
  });

  test('it does not turn while nothing comes', async () => {
    const idle = await pair(direct);
    idle.near.resume();
    await pause(50);
    const before = process.cpuUsage();
    await pause(1_000);
    const { user, system } = process.cpuUsage(before);
    assert.ok(
      user + system < 300_000,
      `${(user + system) / 1000} ms of processor time in a second of nothing`,
    );
    idle.near.destroy();
  });

  test('a program ends as it should with sockets open: by itself when they close, by exit, by a fault', async () => {
    const url = new URL('../fast-socket.ts', import.meta.url).href;
    const endings = {
      'near.destroy(); far.destroy(); server.close();': 0,
      'process.exit(7);': 7,
      'setImmediate(() => { throw new Error("a fault"); });': 1,
      'process.nextTick(() => { throw new Error("a fault"); });': 1,
      'void Promise.reject(new Error("a fault"));': 1,
    };
    for (const [ending, code] of Object.entries(endings)) {
      const script = `
        import { connect, createServer } from 'node:net';
        import { fastSockets } from '${url}';
        const sockets = await fastSockets();
        const nothing = () => undefined;
        const server = createServer((socket) => {
          const near = sockets(socket, socket, {
            drain: nothing, end: nothing, close: nothing, failed: nothing,
            chunk() { ${ending} },
          });
          near.resume();
        }).listen(0, '127.0.0.1', () => {
          globalThis.far = connect(server.address().port, '127.0.0.1', () => far.write('x'));
        });`;
      const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: 'ignore',
        timeout: LONGEST_WAIT_MS,
      });
      assert.deepEqual(await once(program, 'exit'), [code, null], ending);
    }
  });
});

describe('descriptors', { skip: elsewhere }, () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;

  test('a direct socket is direct: Node’s own is gone', async () => {
    const { socket, far } = await accepted();
    const { near } = take(direct, socket);
    assert.equal(socket.destroyed, true);
    assert.equal(near.closed, false);
    assert.ok(loop !== null && loop.open > 0);
    near.destroy();
    far.destroy();
  });

  test('thousands of sockets, ended in every way, leave nothing', async () => {
    const ways: ((pair: SocketPair) => void)[] = [
      ({ near }) => near.destroy(),
      ({ near }) => near.reset(),
      ({ near }) => near.end(),
      ({ far }) => far.destroy(),
      ({ far }) => far.resetAndDestroy(),
      ({ near, far }) => {
        near.end(Buffer.alloc(100_000));
        far.resetAndDestroy();
      },
    ];
    const before = descriptors();
    const openBefore = loop?.open;
    for (let round = 0; round < 60; round++) {
      const pairs = await many(50);
      for (const [n, one] of pairs.entries()) {
        one.near.resume();
        one.far.resume();
        ways[n % ways.length]?.(one);
      }
      await until(() => pairs.every(({ heard }) => heard.includes('close')));
      for (const { far } of pairs) far.destroy();
    }
    await until(() => descriptors() <= before);
    assert.equal(loop?.open, openBefore);
  });

  async function many(count: number): Promise<SocketPair[]> {
    const pairs: SocketPair[] = [];
    for (let n = 0; n < count; n++) pairs.push(await pair(direct));
    return pairs;
  }

  test('a number that the kernel gives away again is not touched by its former socket', async () => {
    // Both are ready in one turn; the first to be called closes the other and opens others, which get its number.
    for (let n = 0; n < 50; n++) {
      const victims: SocketPair[] = [];
      const heirs: SocketPair[] = [];
      const spare = [await accepted(), await accepted()];
      const strike = (self: number) => () => {
        const other = victims[1 - self];
        if (heirs.length > 0 || other === undefined) return;
        other.near.destroy();
        for (const { socket, far } of spare) heirs.push({ far, ...take(direct, socket) });
        for (const heir of heirs) heir.near.resume();
      };
      victims.push(await pair(direct, { chunk: strike(0) }), await pair(direct, { chunk: strike(1) }));
      for (const { near } of victims) near.resume();
      for (const { far } of victims) far.write('secret of a victim');
      await until(() => heirs.length === 2);
      const dead = victims.find(({ near }) => near.closed);
      assert.ok(dead !== undefined);
      // Everything that one can do to a closed one.
      assert.equal(dead.near.write(Buffer.from('for somebody else')), false);
      dead.near.resume();
      dead.near.pause();
      dead.near.end(Buffer.from('for somebody else'));
      dead.near.reset();
      dead.near.destroy();
      for (const [i, { far, near }] of heirs.entries()) {
        far.write(`mine ${i}`);
        near.write(Buffer.from(`yours ${i}`));
        const [got] = (await once(far, 'data')) as [Buffer];
        assert.equal(got.toString(), `yours ${i}`);
      }
      await until(() => heirs.every(({ chunks }) => chunks.length > 0));
      assert.deepEqual(
        heirs.map(({ chunks }) => text(chunks)),
        ['mine 0', 'mine 1'],
      );
      for (const { near, far } of [...victims, ...heirs]) {
        near.destroy();
        far.destroy();
      }
    }
  });
});
