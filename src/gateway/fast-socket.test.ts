// A session's socket, in both ways: the same bytes in the same order, back-pressure, ends and resets; and a fault in one
// handler reaches no other socket. What only direct sockets have to prove is in direct/direct-socket.test.ts.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startSocketPairs, take, text, until } from '../../test/harness/socket-pair.ts';
import { openSocketLoop } from './direct/socket-loop.ts';
import { fastSockets, streamSockets } from './fast-socket.ts';

const { port, accepted, pair, stop } = await startSocketPairs();
after(stop);

const direct = await fastSockets();
const elsewhere =
  (await openSocketLoop()) === null
    ? 'only Linux on x64 or arm64, with the package koffi, has direct sockets'
    : false;

for (const [name, way] of [
  ['direct', direct],
  ['stream', streamSockets],
] as const) {
  describe(`a ${name} socket`, { skip: name === 'direct' && elsewhere }, () => {
    test('what came before it was taken is there, what comes later is a chunk, once it is resumed', async () => {
      const { socket, far } = await accepted();
      far.write('before ');
      socket.once('readable', () => undefined);
      await until(() => socket.readableLength > 0);
      const { near, chunks } = take(way, socket);
      far.write('after');
      await pause(30);
      assert.equal(text(chunks), '');
      near.resume();
      await until(() => text([near.early, ...chunks]).length === 'before after'.length);
      assert.equal(text([near.early, ...chunks]), 'before after');
      near.destroy();
      far.destroy();
    });

    test('a reader that is slow stops the writer, and gets every byte in order', async () => {
      const { near, far, heard } = await pair(way);
      far.pause();
      const sent = createHash('sha256');
      const got = createHash('sha256');
      let total = 0;
      let held = 0;
      for (let n = 0; n < 150; n++) {
        const bytes = Buffer.alloc(200_000, n);
        sent.update(bytes);
        total += bytes.length;
        const drains = heard.length;
        const more = near.write(bytes);
        // They stayed ours.
        bytes.fill(255);
        if (more) continue;
        if (++held === 1) {
          await pause(50);
          assert.equal(heard.length, drains);
          far.on('data', (chunk) => got.update(chunk)).resume();
        }
        await until(() => heard.length > drains);
      }
      near.resume();
      near.end(Buffer.from('the end'));
      sent.update('the end');
      await once(far, 'end');
      assert.ok(held > 0, 'the kernel took everything at once');
      assert.equal(far.bytesRead, total + 'the end'.length);
      assert.equal(got.digest('hex'), sent.digest('hex'));
      await until(() => heard.includes('close'));
    });

    test('several writes that the kernel does not take are one wait; the end comes after all of them', async () => {
      const { near, far, heard } = await pair(way);
      far.pause();
      const parts = Array.from({ length: 40 }, (_, n) => Buffer.alloc(300_000, n));
      const answers = parts.map((part) => near.write(part));
      assert.ok(answers.includes(false));
      const got: Buffer[] = [];
      far.on('data', (chunk) => got.push(chunk)).resume();
      await until(() => heard.includes('drain'));
      assert.deepEqual(heard, ['drain']);
      near.write(Buffer.alloc(5_000_000, 41));
      near.resume();
      near.end(Buffer.from('bye'));
      assert.equal(near.write(Buffer.from('too late')), false);
      await once(far, 'end');
      const all = Buffer.concat(got);
      assert.ok(all.equals(Buffer.concat([...parts, Buffer.alloc(5_000_000, 41), Buffer.from('bye')])));
      await until(() => heard.includes('close'));
    });

    test('the other side ends: that is told after its last bytes, and the socket closes', async () => {
      const { near, far, chunks, heard } = await pair(way);
      far.end('last words');
      await pause(30);
      assert.equal(chunks.length + heard.length, 0);
      near.resume();
      await until(() => near.closed && heard.length > 1);
      assert.equal(text(chunks), 'last words');
      assert.deepEqual(heard, ['end', 'close']);
    });

    test('we end: what the other side still says is heard', async () => {
      const { near, chunks, heard, far } = await pair(way);
      far.allowHalfOpen = true;
      far.resume();
      near.resume();
      near.end(Buffer.from('bye'));
      await once(far, 'end');
      far.end('and one more thing');
      await until(() => heard.includes('close'));
      assert.equal(text(chunks), 'and one more thing');
      assert.deepEqual(heard, ['end', 'close']);
    });

    test('the other side resets: closed, whether it reads, writes, or both; writing later does nothing', async () => {
      for (const act of ['read', 'write', 'queue'] as const) {
        const { near, far, heard } = await pair(way);
        if (act === 'read') near.resume();
        far.pause();
        if (act === 'queue') while (near.write(Buffer.alloc(1_000_000)));
        far.resetAndDestroy();
        for (let n = 0; !near.closed && n < 1_000; n++) {
          if (act === 'write') near.write(Buffer.alloc(1_000));
          await pause(5);
        }
        await until(() => heard.includes('close'));
        assert.equal(heard.filter((what) => what === 'close').length, 1);
        assert.equal(near.write(Buffer.from('late')), false);
        near.end(Buffer.from('late'));
        near.resume();
        near.reset();
        near.destroy();
      }
    });

    test('reset with bytes queued: the other side is broken off and gets no more of them', async () => {
      const { near, far, heard } = await pair(way);
      far.pause();
      while (near.write(Buffer.alloc(1_000_000)));
      near.reset();
      assert.equal(near.closed, true);
      assert.equal(heard.length, 0, 'something was told from inside a call');
      const failed = once(far, 'error');
      far.resume();
      const [error] = (await failed) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
      await until(() => heard.includes('close'));
    });

    test('a handler that throws loses its own socket; others, timers and promises go on', async () => {
      const good = await pair(way);
      const bad = await pair(way, {
        chunk() {
          throw new Error('a fault of ours');
        },
      });
      good.near.resume();
      bad.near.resume();
      bad.far.write('x');
      await until(() => bad.heard.includes('close'));
      assert.deepEqual(bad.heard, ['failed: a fault of ours', 'close']);
      good.far.write('still here');
      await until(() => good.chunks.length > 0);
      assert.equal(text(good.chunks), 'still here');
      good.near.destroy();
    });

    test('what a handler puts off runs: ticks, promises, immediates, timers; under load too', async () => {
      const ran = new Set<string>();
      const busy = await pair(way, { chunk: (bytes) => void busy.near.write(bytes) });
      const asked = await pair(way, {
        chunk() {
          process.nextTick(() => ran.add('tick'));
          void Promise.resolve().then(() => ran.add('promise'));
          setImmediate(() => ran.add('immediate'));
          setTimeout(() => ran.add('timer'), 1);
          const other = connect(port, '127.0.0.1', () => {
            ran.add('connection');
            other.destroy();
          });
        },
      });
      busy.near.resume();
      asked.near.resume();
      busy.far.on('data', (bytes) => busy.far.write(bytes));
      busy.far.write('round and round');
      asked.far.write('x');
      await until(() => ran.size === 5);
      busy.near.destroy();
      asked.near.destroy();
    });

    test('flat memory while much goes through', async () => {
      const megabytes = 500;
      const through = await pair(way, {
        chunk(bytes) {
          if (!out.near.write(bytes)) through.near.pause();
        },
        end: () => out.near.end(),
      });
      const out = await pair(way, { drain: () => through.near.resume() });
      through.near.resume();
      out.near.resume();
      const part = Buffer.alloc(1024 * 1024, 7);
      let got = 0;
      let highest = 0;
      out.far.on('data', (chunk) => (got += chunk.length));
      const before = process.memoryUsage();
      for (let n = 0; n < megabytes; n++) {
        if (!through.far.write(part)) await once(through.far, 'drain');
        if (n % 20 !== 0) continue;
        const { arrayBuffers, heapUsed } = process.memoryUsage();
        highest = Math.max(highest, arrayBuffers + heapUsed - before.arrayBuffers - before.heapUsed);
      }
      through.far.end();
      await once(out.far, 'end');
      assert.equal(got, megabytes * part.length);
      assert.ok(highest < 100 * 1024 * 1024, `${(highest / 1e6).toFixed(0)} MB more than before`);
    });
  });
}
