// Readers that do not read: whatever a result's size, the gateway holds a window of it, the target waits, and every ending
// ends it at once.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { int, logInByWire, msg, openWire } from '../../test/harness/wire.ts';

const MEGABYTE = 1024 * 1024;
/** 2,600,000 rows of 2 KB; row by row, so that nothing of it lies on the target's disk. */
const FIVE_GIGABYTES = 'select repeat(md5(n::text), 64) from (select generate_series(1, 2600000) n) s';
/** What fits into the buffers of two sockets, their kernels and the gateway. */
const MOST_UNDER_WAY = 64 * MEGABYTE;
const MOST_GROWTH = 100 * MEGABYTE;

describe('slow readers', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ version: 18 });
  });
  after(() => world.stop());

  test('a slow reader of 200 MB takes no memory, and gets every byte', async () => {
    const grant = await world.grant();
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    wire.socket.removeAllListeners('data');
    wire.socket.pause();
    const before = process.memoryUsage();
    wire.send(msg('Q', 'select repeat(md5(n::text), 64) from generate_series(1, 100000) n'));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const stalled = process.memoryUsage();
    assert.ok(
      stalled.arrayBuffers - before.arrayBuffers < 10 * MEGABYTE,
      `${stalled.arrayBuffers - before.arrayBuffers} bytes held`,
    );
    let bytes = 0;
    let peak = 0;
    let tail = Buffer.alloc(0);
    wire.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = Buffer.from(chunk.subarray(-6));
      peak = Math.max(peak, process.memoryUsage.rss());
    });
    wire.socket.resume();
    while (!tail.equals(msg('Z', Buffer.from('I')))) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(bytes > 200_000_000);
    assert.ok(
      peak - stalled.rss < 150 * MEGABYTE,
      `rose by ${Math.round((peak - stalled.rss) / MEGABYTE)} MB`,
    );
    wire.socket.destroy();
  });

  /** Asks for five gigabytes, takes one megabyte, and then nothing, until the target waits. */
  async function stalled(grant: WorldGrant) {
    const wire = await openWire(world.gateway.port);
    const greeted = await logInByWire(wire, grant.login, grant.secret);
    const key = greeted.find((message) => message.type === 'K')?.body ?? Buffer.alloc(0);
    const before = process.memoryUsage().rss;
    const reader = { bytes: 0, tail: Buffer.alloc(0) };
    wire.socket.removeAllListeners('data');
    wire.socket.on('data', (chunk: Buffer) => {
      reader.bytes += chunk.length;
      reader.tail = Buffer.from(Buffer.concat([reader.tail, chunk]).subarray(-2_000));
    });
    wire.send(msg('Q', FIVE_GIGABYTES));
    await until('the first megabyte is here', () => reader.bytes > MEGABYTE);
    wire.socket.pause();
    await until('the target waits for its client', async () => (await onTarget(grant)) === 'ClientWrite');
    const grown = () => process.memoryUsage().rss - before;
    const read = () =>
      world.gateway.live().find((one) => one.ticket.grantId === grant.id)?.recorder.totals.bytesRead ?? 0;
    return { wire, key, reader, grown, read };
  }

  /** What the grant's backend waits for; null: there is none. */
  async function onTarget(grant: WorldGrant): Promise<string | null> {
    const { rows } = await world.admin.query(
      "select coalesce(wait_event, 'nothing') as waits from pg_stat_activity where usename = $1",
      [grant.login],
    );
    return rows[0]?.waits ?? null;
  }

  test('of five gigabytes: the target is held back, memory is flat, and a cancel ends the statement', async () => {
    const grant = await world.grant();
    const { wire, key, reader, grown, read } = await stalled(grant);
    await until('not a byte more leaves the target', async () => {
      const was = read();
      await delay(1_000);
      return read() === was;
    });
    assert.ok(read() < MOST_UNDER_WAY, `${read()} bytes have left the target`);
    assert.equal(await onTarget(grant), 'ClientWrite');

    // It reads on, in steps, and stops again.
    for (let step = 1; step <= 5; step++) {
      const from = reader.bytes;
      wire.socket.resume();
      await until('more has come', () => reader.bytes - from > 20 * MEGABYTE);
      wire.socket.pause();
      await until('the target waits again', async () => (await onTarget(grant)) === 'ClientWrite');
      assert.ok(read() - reader.bytes < MOST_UNDER_WAY, `${read() - reader.bytes} bytes are under way`);
      assert.ok(grown() < MOST_GROWTH, `grew by ${Math.round(grown() / MEGABYTE)} MB`);
    }

    const canceller = await openWire(world.gateway.port);
    canceller.send(int(8 + key.length), int(80_877_102), key);
    await canceller.closed;
    wire.socket.resume();
    await until('the statement is over', () => reader.tail.subarray(-6).equals(msg('Z', Buffer.from('I'))));
    assert.match(reader.tail.toString('latin1'), /C57014\0/);
    assert.ok(reader.bytes < 1_000 * MEGABYTE, 'most of it was never sent');
    wire.send(msg('X'));
  });

  test('of five gigabytes: a revocation ends session and statement while nobody reads', async () => {
    const grant = await world.grant();
    const { wire, grown } = await stalled(grant);
    world.endGrant(grant, 'revoked: enough');
    await until('the session is over', () =>
      world.gateway.live().every((one) => one.ticket.grantId !== grant.id),
    );
    await until('nothing of it runs on the target', async () => (await onTarget(grant)) === null);
    wire.socket.resume();
    await wire.closed;
    assert.ok(grown() < MOST_GROWTH, `grew by ${Math.round(grown() / MEGABYTE)} MB`);
    const again = await openWire(world.gateway.port);
    await assert.rejects(logInByWire(again, grant.login, grant.secret));
  });
});

/** Errors: after half a minute. */
async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const endsAt = Date.now() + 30_000; !(await isSo()); await delay(20))
    assert.ok(Date.now() < endsAt, `it did not come about: ${what}`);
}
