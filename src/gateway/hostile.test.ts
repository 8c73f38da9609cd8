// Clients and targets that do not behave: nothing is allocated for what is only claimed, nothing hangs, nobody else
// notices. The targets here are fakes on purpose: no real server sends such things.

import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import pg from 'pg';
import { startWorld, type World } from '../../test/harness/gateway-world.ts';
import { fields, int, logInByWire, msg, openWire, startup, type Wire } from '../../test/harness/wire.ts';
import { monotonicMs } from '../base/timer.ts';

const MEGABYTE = 1024 * 1024;

describe('hostile clients', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ version: 18 });
  });
  after(() => world.stop());

  async function alive(): Promise<void> {
    const grant = await world.grant();
    const client = new pg.Client({ connectionString: world.url(grant) });
    await client.connect();
    assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
    await client.end();
  }

  const broken: Record<string, Buffer> = {
    'a startup packet of 1 GB': int(1_073_741_824),
    'a startup packet of 4 GB': int(4_294_967_295),
    'a startup packet of 10,001 bytes': int(10_001),
    'a startup packet of 7 bytes': Buffer.concat([int(7), Buffer.alloc(3)]),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'an SSH greeting': Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
    'a startup packet that does not end': Buffer.concat([int(16), int(0x30000), Buffer.from('userabcd')]),
    'data behind an SSLRequest': Buffer.concat([
      int(8),
      int(80_877_103),
      startup({ user: 'x', database: 'y' }),
    ]),
    'data behind a GSSENCRequest': Buffer.concat([
      int(8),
      int(80_877_104),
      startup({ user: 'x', database: 'y' }),
    ]),
    'a cancel request that is too short': Buffer.concat([int(8), int(80_877_102)]),
    'a cancel request for nobody': Buffer.concat([int(16), int(80_877_102), int(1), int(1)]),
    'half a TLS greeting': Buffer.from([0x16, 3, 1, 0, 200, 1, 2, 3]),
  };
  for (const [what, bytes] of Object.entries(broken)) {
    test(`${what} ends that connection only`, async () => {
      const wire = await openWire(world.gateway.port);
      wire.send(bytes);
      if (what === 'half a TLS greeting') wire.socket.end();
      await wire.closed;
      await alive();
    });
  }

  test('a password message of 1 GB, a wrong one, and a login that goes silent', async () => {
    const grant = await world.grant();
    for (const reply of [
      Buffer.concat([Buffer.from('p'), int(1_073_741_824)]),
      msg('p', 'SCRAM-SHA-256', int(500), Buffer.from('n,,n=,r=x')),
      msg('p', 'SCRAM-SHA-256-PLUS', int(9), Buffer.from('n,,n=,r=x')),
      msg('p', 'SCRAM-SHA-256', int(21), Buffer.from('p=tls-unique,,n=,r=xy')),
      msg('p', 'plain password'),
      msg('Q', 'select 1'),
    ]) {
      const wire = await openWire(world.gateway.port);
      wire.send(startup({ user: grant.login, database: 'orders' }));
      await wire.next();
      wire.send(reply);
      assert.equal(fields((await wire.rest())[0]).C, '08P01');
    }
  });

  test('half-open clients are closed, and do not keep others out', async () => {
    const gateway = await world.another({
      limits: { logins: 20, loginTimeoutMs: 400, giveWayAfterMs: 60_000 },
    });
    const grant = await world.grant();
    const silent: Wire[] = [];
    for (let i = 0; i < 20; i++) silent.push(await openWire(gateway.port));
    silent[0]?.send(int(20));
    const turnedAway = await openWire(gateway.port);
    assert.equal(fields((await turnedAway.rest())[0]).C, '53300');
    const from = monotonicMs();
    await Promise.all(silent.map((wire) => wire.closed));
    assert.ok(monotonicMs() - from < 2_000);
    const wire = await openWire(gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    wire.send(msg('X'));
    await gateway.stop('done');
  });

  test('direct TLS needs its ALPN name', async () => {
    const speak = (ALPNProtocols: string[]) =>
      new Promise<string>((resolve) => {
        const socket = connectTls({
          host: '127.0.0.1',
          port: world.gateway.port,
          rejectUnauthorized: false,
          ALPNProtocols,
        });
        socket.on('error', () => resolve('refused'));
        socket.on('close', () => resolve('refused'));
        socket.on('data', (chunk) => {
          resolve(String.fromCharCode(chunk[0] ?? 0));
          socket.destroy();
        });
        socket.on('secureConnect', () => socket.write(startup({ user: 'x', database: 'orders' })));
      });
    assert.equal(await speak(['postgresql']), 'R');
    assert.equal(await speak([]), 'refused');
    assert.equal(await speak(['h2']), 'refused');
  });

  test('a statement of 1 GB and parameters of 200 MB take no memory', async () => {
    const grant = await world.grant();
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    global.gc?.();
    const before = process.memoryUsage().rss;
    const block = Buffer.alloc(4 * MEGABYTE, 0x20);
    const feed = async (bytes: number) => {
      for (let left = bytes; left > 0; left -= block.length) {
        if (!wire.socket.write(block.subarray(0, Math.min(left, block.length)))) {
          await new Promise((resolve) => wire.socket.once('drain', resolve));
        }
      }
    };
    wire.send(Buffer.from('Q'), int(4 + 300 * MEGABYTE));
    await feed(300 * MEGABYTE);
    assert.equal(fields((await wire.until('Z'))[0]).C, '54000');
    wire.send(msg('P', '', 'select length($1::text)', int(0, 2)));
    wire.send(
      Buffer.from('B'),
      int(4 + 2 + 2 + 2 + 4 + 200 * MEGABYTE + 2),
      Buffer.from('\0\0'),
      int(0, 2),
      int(1, 2),
      int(200 * MEGABYTE),
    );
    await feed(200 * MEGABYTE);
    wire.send(int(0, 2), msg('E', '', int(0)), msg('S'));
    const answer = await wire.until('Z');
    assert.equal(
      answer
        .find((m) => m.type === 'D')
        ?.body.subarray(6)
        .toString(),
      String(200 * MEGABYTE),
    );
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 120 * MEGABYTE, `grew by ${Math.round(grown / MEGABYTE)} MB`);
    wire.send(msg('X'));
  });

  for (const failing of [false, true]) {
    const what = failing ? 'behind an error that no Sync follows' : 'without a Sync';
    test(`hundreds of megabytes of statements ${what} end that session only`, async () => {
      const grant = await world.grant();
      const wire = await openWire(world.gateway.port);
      await logInByWire(wire, grant.login, grant.secret);
      const answers = wire.rest();
      if (failing) wire.send(msg('P', '', 'select from nothing_of_that_name', int(0, 2)));
      const padding = 'x'.repeat(MEGABYTE / 2);
      for (let i = 0; i < 400 && !wire.socket.destroyed; i++) {
        wire.send(msg('P', `s${i}`, `select 1 /* ${i} ${padding} */`, int(0, 2)));
        if (wire.socket.writableNeedDrain)
          await Promise.race([new Promise((resolve) => wire.socket.once('drain', resolve)), wire.closed]);
      }
      await wire.closed;
      assert.equal(fields((await answers).filter((one) => one.type === 'E').at(-1)).C, '53400');
      await alive();
    });
  }

  test('a guess too many is turned away for a while, with others let in', async () => {
    const grant = await world.grant();
    const tries = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const wire = await openWire(world.gateway.port);
        try {
          await logInByWire(wire, 'sp_guessed', 'wrong');
          return 'in';
        } catch (error) {
          return String(error);
        } finally {
          wire.socket.destroy();
        }
      }),
    );
    assert.ok(!tries.includes('in'));
    const wire = await openWire(world.gateway.port);
    wire.send(startup({ user: 'sp_guessed', database: 'orders' }));
    assert.match(fields((await wire.rest())[0]).M ?? '', /Too many logins failed/);
    const other = await openWire(world.gateway.port);
    await logInByWire(other, grant.login, grant.secret);
    other.send(msg('X'));
  });
});

describe('hostile targets', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ version: 18, gateway: { limits: { loginTimeoutMs: 1_500 } } });
  });
  after(() => world.stop());

  /** Lets sessions go to a target that does `act`. */
  async function withTarget<T>(act: (socket: Socket) => void, use: () => Promise<T>): Promise<T> {
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      act(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    world.dialPort = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      return await use();
    } finally {
      world.dialPort = null;
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  }

  const atLogin: Record<string, (socket: Socket) => void> = {
    'closes at once': (socket) => socket.destroy(),
    'says nothing': () => undefined,
    'speaks HTTP': (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'sends a message of 1 GB': (socket) =>
      socket.write(Buffer.concat([Buffer.from('N'), Buffer.from('R'), int(1_073_741_824)])),
    'sends data before TLS': (socket) => socket.write(Buffer.concat([Buffer.from('S'), Buffer.from('more')])),
    'lets everybody in': (socket) =>
      socket.write(Buffer.concat([Buffer.from('N'), msg('R', int(0)), msg('Z', Buffer.from('I'))])),
    'asks for the password in plain text': (socket) =>
      socket.write(Buffer.concat([Buffer.from('N'), msg('R', int(3))])),
    'asks for MD5': (socket) => socket.write(Buffer.concat([Buffer.from('N'), msg('R', int(5), int(1))])),
    'sends settings for ever': (socket) => {
      socket.write('N');
      const timer = setInterval(() => socket.write(msg('S', 'a', 'b')), 1);
      socket.on('close', () => clearInterval(timer));
    },
  };
  for (const [what, act] of Object.entries(atLogin)) {
    test(`that ${what}: a clear error without secrets, and no session left`, async () => {
      const grant = await world.grant();
      await withTarget(act, async () => {
        const wire = await openWire(world.gateway.port);
        await assert.rejects(logInByWire(wire, grant.login, grant.secret), (error: Error) => {
          assert.match(error.message, /target|connection ended/);
          assert.ok(!error.message.includes(grant.login));
          return true;
        });
        await wire.closed;
      });
      const endsAt = monotonicMs() + 3_000;
      for (;;) {
        const open = await world.db
          .selectFrom('sessions')
          .select('id')
          .where('grant_id', '=', grant.id)
          .where('ended_at', 'is', null)
          .execute();
        if (open.length === 0) break;
        assert.ok(monotonicMs() < endsAt, 'a session row stays open');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.equal(world.gateway.live().filter((live) => live.ticket.grantId === grant.id).length, 0);
    });
  }

  test('that refuses the login is named with its code, not with its words', async () => {
    const grant = await world.grant();
    await world.admin.query(`alter role ${grant.login} nologin`);
    const wire = await openWire(world.gateway.port);
    await assert.rejects(logInByWire(wire, grant.login, grant.secret), {
      message: 'The target "orders-db" did not accept this login (28000).',
      code: '28000',
    });
  });

  test('that is not there at all', async () => {
    const grant = await world.grant();
    world.dialPort = 1;
    try {
      const wire = await openWire(world.gateway.port);
      await assert.rejects(logInByWire(wire, grant.login, grant.secret), { code: '08001' });
    } finally {
      world.dialPort = null;
    }
  });

  const functions: Record<string, Buffer> = {
    'rows for ever': msg('D', int(2, 2), int(0), int(1), Buffer.from('f')),
    'rows of 60 kB': msg('D', int(2, 2), int(0), int(60_000), Buffer.alloc(60_000, 'f')),
    'rows that claim more than they are': msg('D', int(2, 2), int(0), int(2_000_000_000), Buffer.from('f')),
    'a message of 1 GB': Buffer.concat([Buffer.from('D'), int(1_073_741_824)]),
    'something else': msg('G', int(0, 1), int(0, 2)),
  };
  for (const [what, bytes] of Object.entries(functions)) {
    test(`that is asked for its functions and answers with ${what}: a clear error, little memory`, async () => {
      const grant = await world.grant({
        guard: { lists: { mode: 'enforce', relations: [], functions: [] } },
      });
      const relayTo = world.target.port;
      const before = process.memoryUsage().rss;
      await withTarget(
        (socket) => {
          const real = connect(relayTo, '127.0.0.1');
          real.on('error', () => socket.destroy()).on('data', (chunk: Buffer) => socket.write(chunk));
          socket.on('close', () => real.destroy());
          socket.on('data', (chunk: Buffer) => {
            if (!chunk.includes('pg_proc')) return void real.write(chunk);
            const many = Buffer.concat(Array<Buffer>(Math.ceil(64_000 / bytes.length)).fill(bytes));
            const more = () => {
              while (!socket.destroyed && socket.write(many));
            };
            socket.on('drain', more);
            more();
          });
        },
        async () => {
          const wire = await openWire(world.gateway.port);
          // Told, or over with the login's time: never let in.
          await assert.rejects(
            logInByWire(wire, grant.login, grant.secret),
            /The target "orders-db"|the connection ended/,
          );
          await wire.closed;
        },
      );
      const grown = process.memoryUsage().rss - before;
      assert.ok(grown < 120 * MEGABYTE, `grew by ${Math.round(grown / MEGABYTE)} MB`);
      assert.equal(world.gateway.live().filter((live) => live.ticket.grantId === grant.id).length, 0);
    });
  }

  test('that breaks the protocol in a session: the session ends with a reason, in the record too', async () => {
    const grant = await world.grant();
    // A real server behind, whose stream is spoiled after the login.
    const relayTo = world.target.port;
    await withTarget(
      (socket) => {
        const real = connect(relayTo, '127.0.0.1');
        real.on('error', () => socket.destroy());
        socket.on('close', () => real.destroy());
        socket.pipe(real);
        real.on('data', (chunk: Buffer) => {
          socket.write(chunk.includes('spoil') ? Buffer.concat([chunk, msg('C', 'SELECT 1')]) : chunk);
        });
      },
      async () => {
        const wire = await openWire(world.gateway.port);
        await logInByWire(wire, grant.login, grant.secret);
        wire.send(msg('Q', "select 'spoil'"));
        const told = fields((await wire.rest()).at(-1));
        assert.equal(told.C, '08P01');
        assert.match(told.M ?? '', /The session ends here/);
      },
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    const row = await world.db
      .selectFrom('sessions')
      .selectAll()
      .where('grant_id', '=', grant.id)
      .executeTakeFirstOrThrow();
    assert.match(row.end_reason ?? '', /^protocol: /);
  });
});
