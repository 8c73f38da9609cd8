// Everything that a hostile client or target can send: a corpus whose every case the server and the gateway answer
// alike, spoiled copies of it, a flood of half-open connections, and targets that fall silent or never do.

import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { createDice, type Dice } from '../harness/dice.ts';
import { dial, startWorld, type World, type WorldGrant } from '../harness/gateway-world.ts';
import { fields, logInByWire, msg, openWire, type Wire, type WireMessage } from '../harness/wire.ts';
import { WIRE_BROKEN, WIRE_CORPUS } from './wire-corpus.ts';

const SPOILED = 100;
const HALF_OPEN = 4_000;
const MEGABYTE = 1024 * 1024;

let world: World;
let grant: WorldGrant;
before(async () => {
  world = await startWorld({ version: 18 });
  grant = await world.grant();
});
after(() => world.stop());

async function loggedIn(port = world.gateway.port, secret = grant.secret): Promise<Wire> {
  const wire = await openWire(port);
  await logInByWire(wire, grant.login, secret);
  return wire;
}

async function alive(url = world.url(grant)): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
  await client.end();
}

/** Types, and of errors what they say; the rows of the corpus are few enough to be compared whole. */
function told(messages: WireMessage[]): string[] {
  return messages.map(({ type, body }) => {
    if (type !== 'E' && type !== 'N') return `${type} ${body.toString('hex').slice(0, 200)}`;
    const { S, C, M } = fields({ type, body });
    return `${type} ${S} ${C} ${M}`;
  });
}

describe('a client that is in', () => {
  for (const [what, bytes] of Object.entries(WIRE_CORPUS)) {
    test(`${what}: the gateway answers what the server answers`, async () => {
      const answers: string[][] = [];
      for (const [port, secret] of [
        [world.target.port, grant.password],
        [world.gateway.port, grant.secret],
      ] as const) {
        const wire = await loggedIn(port, secret);
        wire.send(...bytes, msg('S'), msg('X'));
        answers.push(told(await wire.rest()));
      }
      assert.deepEqual(answers[1], answers[0]);
      assert.notEqual(answers[0]?.length, 0);
    });
  }

  for (const [what, bytes] of Object.entries(WIRE_BROKEN)) {
    test(`${what}: that session ends, and says so`, async () => {
      const wire = await loggedIn();
      wire.send(bytes);
      assert.equal(fields((await wire.rest()).at(-1)).C, '08P01');
      await alive();
    });
  }

  test(`${SPOILED} spoiled conversations end by themselves or with their client, and cost nobody anything`, async (t) => {
    const dice = createDice(t);
    const cases = Object.values(WIRE_CORPUS);
    const before = process.memoryUsage().rss;
    for (let done = 0; done < SPOILED; done += 10) {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const wire = await loggedIn();
          wire.send(spoiled(cases, dice));
          wire.socket.end();
          await wire.closed;
        }),
      );
    }
    await alive();
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 200 * MEGABYTE, `grew by ${Math.round(grown / MEGABYTE)} MB`);
    const endsAt = Date.now() + 60_000;
    while (world.gateway.live().length > 0) {
      assert.ok(Date.now() < endsAt, 'sessions stay open');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});

/** A few cases one after the other, with bytes turned, cut out, doubled or cut off. The same for the same seed. */
function spoiled(cases: Buffer[][], dice: Dice): Buffer {
  const below = (count: number) => Math.floor(dice.next() * count);
  const bytes = Buffer.concat(dice.draw(cases, 4).flat());
  for (let times = 1 + below(4); times > 0; times--) {
    const at = below(bytes.length);
    const how = below(4);
    if (how === 0) bytes[at] = below(256);
    else if (how === 1) return bytes.subarray(0, at);
    else if (how === 2) bytes.copy(bytes, at, below(bytes.length));
    else bytes.fill(0xff, at, Math.min(at + 4, bytes.length));
  }
  return bytes;
}

test(`${HALF_OPEN} half-open connections: the oldest give way, and whoever logs in gets in`, async () => {
  const gateway = await world.another({ limits: { logins: 500, giveWayAfterMs: 0 } });
  const before = process.memoryUsage().rss;
  let [open, turnedAway] = [0, 0];
  const sockets: Socket[] = [];
  for (let made = 0; made < HALF_OPEN; made += 250) {
    await Promise.all(
      Array.from({ length: 250 }, () => {
        const socket = connect({ host: '127.0.0.1', port: gateway.port });
        sockets.push(socket);
        open++;
        socket.on('error', () => undefined);
        socket.on('data', (bytes) => {
          if (bytes.includes('53300')) turnedAway++;
        });
        socket.once('close', () => open--);
        return new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
      }),
    );
  }
  await alive(world.url(grant).replace(`:${world.gateway.port}/`, `:${gateway.port}/`));
  assert.ok(turnedAway > 0 && open < HALF_OPEN, `${turnedAway} told, ${open} open`);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 300 * MEGABYTE, `grew by ${Math.round(grown / MEGABYTE)} MB`);
  for (const socket of sockets) socket.destroy();
  await gateway.stop('done');
});

describe('a target', () => {
  /** Between gateway and target; `act` gets the client's side as soon as the word "spoil" goes by. */
  async function spoiling(act: (socket: Socket) => void, use: (wire: Wire) => Promise<void>): Promise<void> {
    const server = createServer(async (socket) => {
      socket.on('error', () => undefined);
      const real = await dial(world.target.port);
      real.on('error', () => socket.destroy());
      socket.on('close', () => real.destroy());
      let silent = false;
      socket.on('data', (chunk) => {
        if (silent) return;
        silent = chunk.includes('spoil');
        if (silent) act(socket);
        else real.write(chunk);
      });
      real.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    world.dialPort = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const wire = await loggedIn();
      wire.send(msg('Q', "select 'spoil'"));
      await use(wire);
    } finally {
      world.dialPort = null;
      server.close();
    }
    await alive();
  }

  const end = () => {
    for (const live of world.gateway.live()) world.endSession(live.ticket.sessionId, 'It was ended.');
  };

  test('that never answers holds nobody: the session can be ended', async () => {
    await spoiling(
      () => undefined,
      async (wire) => {
        while (world.gateway.live().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
        end();
        assert.equal(fields((await wire.rest()).at(-1)).C, '57P01');
      },
    );
  });

  test('with endless notices, to a client that does not read: no memory, and the session can be ended', async () => {
    let written = 0;
    await spoiling(
      (socket) => {
        const notice = msg('N', Buffer.from(`SNOTICE\0C00000\0M${'x'.repeat(8_000)}\0\0`));
        const more = () => {
          while (!socket.destroyed && socket.write(notice)) written += notice.length;
        };
        socket.on('drain', more);
        more();
      },
      async (wire) => {
        wire.socket.removeAllListeners('data');
        wire.socket.pause();
        const before = process.memoryUsage().arrayBuffers;
        // It stops growing once every buffer on the way is full.
        for (let last = -1; last !== written; ) {
          last = written;
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        assert.ok(
          written < 200 * MEGABYTE,
          `${written} bytes were taken from a target that nobody listens to`,
        );
        const grown = process.memoryUsage().arrayBuffers - before;
        assert.ok(grown < 64 * MEGABYTE, `holds ${Math.round(grown / MEGABYTE)} MB`);
        end();
        wire.socket.resume();
        await wire.closed;
      },
    );
  });
});
