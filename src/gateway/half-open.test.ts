// Ten thousand clients that connect and never log in, at once: most are told that there is no room, those that hold a place
// cost little, and somebody else logs in as if nobody were there.

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ROOT } from '../../test/harness/checks.ts';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import type { HalfOpen, HalfOpenCount } from '../../test/harness/half-open-clients.ts';
import { int, openWire, startup } from '../../test/harness/wire.ts';
import { openFileLimit } from './open-files.ts';

const CLIENTS = 10_000;
const PLACES = 500;
/** Sockets of both sides in turn, PostgreSQL's and the runner's own. */
const NEEDED_FILES = CLIENTS + 2_000;
const MEGABYTE = 1024 * 1024;
const files = openFileLimit();
const tooFew =
  files !== null &&
  files < NEEDED_FILES &&
  `a process may open ${files} files here; it needs ${NEEDED_FILES}`;

describe('ten thousand half-open connections', { skip: tooFew }, () => {
  let world: World;
  let clients: ChildProcess | undefined;
  let open: pg.Client;
  let grant: WorldGrant;
  before(async () => {
    // Nobody gives way by age: room is made by counting alone.
    world = await startWorld({
      version: 18,
      gateway: { limits: { logins: PLACES, giveWayAfterMs: 600_000, loginTimeoutMs: 600_000 } },
    });
    grant = await world.grant();
    open = await connected();
  });
  after(async () => {
    clients?.kill('SIGKILL');
    await open.end();
    await world.stop();
  });

  async function connected(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: world.url(grant) });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function start(halfOpen: HalfOpen): Promise<HalfOpenCount> {
    clients = fork(join(ROOT, 'test', 'harness', 'half-open-clients.ts'), [JSON.stringify(halfOpen)]);
    const [said] = (await once(clients, 'message')) as [HalfOpenCount];
    return said;
  }

  test('are counted, cost little, and keep nobody out', async () => {
    const before = process.memoryUsage().rss;
    const said = await start({
      port: world.gateway.port,
      from: '127.0.0.9',
      count: CLIENTS,
      send: [
        Buffer.alloc(0),
        int(500),
        Buffer.concat([int(8), int(80_877_103)]),
        startup({ user: 'sp_nobody', database: 'orders' }),
      ].map((bytes) => bytes.toString('base64')),
    });
    assert.deepEqual(said, { connected: CLIENTS, failed: 0 });

    // All places are theirs: one more from there is told so, in the protocol's own form.
    const more = connect({ host: '127.0.0.1', port: world.gateway.port, localAddress: '127.0.0.9' });
    let told = Buffer.alloc(0);
    more.on('data', (chunk: Buffer) => {
      told = Buffer.concat([told, chunk]);
    });
    await once(more, 'end');
    more.destroy();
    assert.match(told.toString(), /C53300\0MToo many connections/);

    // From another address there is a place at once, and nothing that runs notices.
    for (let n = 0; n < 20; n++) {
      const client = await connected();
      assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
      await client.end();
      assert.equal((await open.query('select 2 as two')).rows[0].two, 2);
    }
    let grown = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 200 && grown > 150 * MEGABYTE; tries++) {
      if (tries > 0) await delay(100);
      global.gc?.();
      grown = process.memoryUsage().rss - before;
    }
    assert.ok(grown <= 150 * MEGABYTE, `grew by ${Math.round(grown / MEGABYTE)} MB`);
  });

  test('and when they are gone, so are their places', async () => {
    clients?.kill('SIGKILL');
    // As many of one's own are half-open now: with theirs still there, there would be no room for one more.
    const silent = await Promise.all(Array.from({ length: PLACES - 10 }, () => openWire(world.gateway.port)));
    for (let tries = 0; ; tries++) {
      const client = await connected().catch(() => null);
      await client?.end();
      if (client !== null) break;
      assert.ok(tries < 400, 'still full');
      await delay(50);
    }
    for (const wire of silent) wire.socket.destroy();
  });
});
