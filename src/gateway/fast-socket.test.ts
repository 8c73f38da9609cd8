// A socket below its stream: the same bytes in the same order, back-pressure, and an end that comes after them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type FastSocket, fastSocket } from './fast-socket.ts';

const server = createServer({ pauseOnConnect: true });
let port = 0;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  port = address.port;
});
after(() => server.close());

async function pair(onChunk: (chunk: Buffer) => void): Promise<{ fast: FastSocket; far: Socket }> {
  const accepted = once(server, 'connection');
  const far = connect(port, '127.0.0.1');
  const [socket] = (await accepted) as [Socket];
  return { fast: fastSocket(socket, onChunk), far };
}

test('is below the stream here: a Node that hides its handle would be slower, not wrong', async () => {
  const { fast, far } = await pair(() => undefined);
  fast.stream._write = () => assert.fail('it went through the stream');
  assert.equal(fast.write(Buffer.from('x')), true);
  const [chunk] = (await once(far, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'x');
  fast.stream.destroy();
  far.destroy();
});

test('a reader that is slow stops the writer; bytes of both ways of writing arrive in their order', async () => {
  const { fast, far } = await pair(() => undefined);
  far.pause();
  const sent = createHash('sha256');
  const got = createHash('sha256');
  let total = 0;
  let held = 0;
  const write = async (n: number) => {
    const bytes = Buffer.alloc(200_000, n % 251);
    sent.update(bytes);
    total += bytes.length;
    // Every seventh goes through the stream, as the last messages of a session do.
    const more = n % 7 === 0 ? fast.stream.write(bytes) : fast.write(bytes);
    if (more) return;
    held++;
    if (held === 1) {
      await pause(50);
      far.on('data', (chunk) => got.update(chunk)).resume();
    }
    await once(fast.stream, 'drain', { signal: AbortSignal.timeout(5_000) });
  };
  for (let n = 1; n <= 150; n++) await write(n);
  fast.stream.end(Buffer.from('the end'));
  sent.update('the end');
  await once(far, 'end');
  assert.ok(held > 0, 'the kernel took everything at once');
  assert.equal(far.bytesRead, total + 'the end'.length);
  assert.equal(got.digest('hex'), sent.digest('hex'));
  far.destroy();
});

test('several writes that the kernel does not take are one wait, and none is lost', async () => {
  const { fast, far } = await pair(() => undefined);
  far.pause();
  const parts = Array.from({ length: 40 }, (_, n) => Buffer.alloc(300_000, n));
  const answers = parts.map((part) => fast.write(part));
  assert.ok(answers.includes(false));
  let drains = 0;
  fast.stream.on('drain', () => drains++);
  const got: Buffer[] = [];
  far.on('data', (chunk) => got.push(chunk)).resume();
  await once(fast.stream, 'drain', { signal: AbortSignal.timeout(5_000) });
  fast.stream.end();
  await once(far, 'end');
  assert.equal(drains, 1);
  assert.ok(Buffer.concat(got).equals(Buffer.concat(parts)));
  far.destroy();
});

test('writing to what is gone closes it, and throws nothing', async () => {
  const { fast, far } = await pair(() => undefined);
  far.resetAndDestroy();
  const closed = once(fast.stream, 'close');
  for (let n = 0; n < 20 && !fast.stream.destroyed; n++) {
    fast.write(Buffer.alloc(100_000));
    await pause(5);
  }
  await closed;
  assert.equal(fast.write(Buffer.from('late')), false);
});

test('what came before it was taken over is early, what comes later is a chunk', async () => {
  const accepted = once(server, 'connection');
  const far = connect(port, '127.0.0.1');
  const [socket] = (await accepted) as [Socket];
  far.write('before');
  socket.once('readable', () => undefined);
  await pause(30);
  const chunks: Buffer[] = [];
  const { stream, early } = fastSocket(socket, (chunk) => chunks.push(chunk));
  stream.resume();
  far.write('after');
  while (Buffer.concat([early, ...chunks]).length < 'beforeafter'.length) await pause(5);
  assert.equal(Buffer.concat([early, ...chunks]).toString(), 'beforeafter');
  stream.destroy();
  far.destroy();
});
