// Hosts that do not behave, behind the SSH gateway: a session ends with a clear error and within its limits, the gateway's
// memory stays flat, and the sessions of others go on. The hosts are fakes on purpose: no real one sends such things.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import ssh2, { type ServerChannel } from 'ssh2';
import { skipWithout } from '../../../test/harness/services.ts';
import {
  finished,
  type HostGrant,
  type SshWorld,
  sshTo,
  startSshWorld,
  until,
} from '../../../test/harness/ssh-world.ts';
import { newKeyPair, opensshPrivateKey, publicLine } from '../../ssh/keys.ts';

const MEGABYTE = 1024 * 1024;
const MOST_GROWTH = 100 * MEGABYTE;
const IDENT = Buffer.from('SSH-2.0-Fake\r\n');

type Act = (socket: Socket) => void;

/** Writes the same for ever, as fast as it is taken. */
function forever(socket: Socket, first: Buffer, bytes: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', more);
  socket.write(first);
  more();
}

function packet(length: number, rest: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return Buffer.concat([bytes, rest]);
}

const NOTHING = Buffer.alloc(0);
const AT_LOGIN: Record<string, Act> = {
  'closes at once': (socket) => socket.destroy(),
  'says nothing': () => undefined,
  'speaks HTTP': (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'greets for ever': (socket) => forever(socket, NOTHING, Buffer.from('\u001b[31mwelcome\r\n'.repeat(40))),
  'greets in one line without an end': (socket) => forever(socket, NOTHING, Buffer.alloc(64 * 1024, 'x')),
  'says who it is with escapes': (socket) => socket.write('SSH-2.0-\u001b]0;owned\u0007 \u001b[31m\r\n'),
  'sends a packet of 4 GB': (socket) =>
    forever(socket, Buffer.concat([IDENT, packet(0xffff_ffff, NOTHING)]), Buffer.alloc(64 * 1024)),
  'sends a packet of 1 MB, and a part of it only': (socket) =>
    socket.write(Buffer.concat([IDENT, packet(MEGABYTE, Buffer.alloc(1_000))])),
  'sends a packet that is more padding than packet': (socket) =>
    socket.write(
      Buffer.concat([IDENT, packet(12, Buffer.concat([Buffer.from([255, 20]), randomBytes(10)]))]),
    ),
  'sends noise': (socket) => forever(socket, IDENT, randomBytes(64 * 1024)),
  'is silent after its greeting': (socket) => socket.write(IDENT),
};

describe('hostile hosts', { skip: skipWithout('ssh', 'sshd') }, () => {
  let world: SshWorld;
  before(async () => {
    world = await startSshWorld();
  });
  after(() => world.stop());

  /** While a session of somebody else runs, which notices nothing; and memory is what it was. */
  async function unnoticed(use: () => Promise<void>): Promise<void> {
    const grant = await world.grant();
    const child = world.start(grant, sshTo(world, grant, 'cat'));
    const echoed = async (word: string) => {
      const got = new Promise<string>((resolve) =>
        child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString())),
      );
      child.stdin?.write(word);
      assert.equal(await got, word);
    };
    await echoed('before\n');
    const before = process.memoryUsage().rss;
    await use();
    const grown = process.memoryUsage().rss - before;
    await echoed('after\n');
    assert.equal((await finished(child)).code, 0);
    assert.ok(grown < MOST_GROWTH, `grew by ${Math.round(grown / MEGABYTE)} MB`);
    const again = await world.grant();
    assert.equal((await world.run(again, sshTo(world, again, 'echo in'))).stdout.toString(), 'in\n');
  }

  /** Sessions go to hosts that act so, in turn, as long as `use` takes. */
  async function withHosts(acts: Act[], use: () => Promise<void>): Promise<void> {
    const sockets = new Set<Socket>();
    let next = 0;
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      acts[next++ % acts.length]?.(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    world.dialPort = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      await use();
    } finally {
      world.dialPort = null;
      world.pinned = null;
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  }

  const sessionsOf = (grant: HostGrant) =>
    world.sessions.live().filter((live) => live.ticket.grantId === grant.id);

  /** Why its session ended; null: it has not. */
  async function endOf(grant: HostGrant): Promise<string | null> {
    const row = await world.db
      .selectFrom('sessions')
      .select('end_reason')
      .where('grant_id', '=', grant.id)
      .where('ended_at', 'is not', null)
      .executeTakeFirst();
    return row?.end_reason ?? null;
  }

  test(`that breaks the login (${Object.keys(AT_LOGIN).join(', ')}): a clear error, and no session left`, async () => {
    await unnoticed(() =>
      withHosts(Object.values(AT_LOGIN), async () => {
        // All at once, since silence takes a login's whole time.
        await Promise.all(
          Object.keys(AT_LOGIN).map(async () => {
            const grant = await world.grant();
            const ran = await world.run(grant, sshTo(world, grant, 'echo in'));
            assert.equal(ran.code, 255);
            assert.match(ran.stderr, /^sallyport: The target "web-1" cannot be reached\.\r?\n$/);
            assert.equal(ran.stdout.length, 0);
            await until('its session is over', () => sessionsOf(grant).length === 0);
          }),
        );
      }),
    );
  });

  /** A host that everybody may log in to, and what it does with a program. */
  function inside(run: (open: () => ServerChannel, client: ssh2.Connection) => void): Act {
    const pair = newKeyPair();
    world.pinned = publicLine(pair.publicKey);
    const hostKeys = [opensshPrivateKey(pair, 'fake').reveal()];
    return (socket) => {
      const server = new ssh2.Server({ hostKeys }, (client) => {
        client.on('error', () => undefined);
        client.on('authentication', (auth) => auth.accept());
        client.on('session', (accept) => {
          const session = accept();
          session.on('pty', (agree) => agree?.());
          session.on('exec', (open) => run(() => open(), client));
        });
      });
      server.injectSocket(socket);
    };
  }

  test('that sends without end and without regard to what was asked for: cut, with the reason', async () => {
    await unnoticed(async () => {
      const act = inside((open, client) => {
        const channel = open();
        channel.on('error', () => undefined);
        // No window holds this one back.
        (channel as unknown as { outgoing: { window: number } }).outgoing.window = 2 ** 40;
        // A window is never used up to the byte by these.
        const block = Buffer.alloc(31_337, 'x');
        let left = 48 * MEGABYTE;
        const timer = setInterval(() => {
          for (let n = 0; n < 16 && left > 0; n++) {
            channel.write(block);
            left -= block.length;
          }
        }, 1);
        client.on('close', () => clearInterval(timer));
      });
      await withHosts([act], async () => {
        const grant = await world.grant();
        const child = world.start(grant, sshTo(world, grant, 'anything'));
        // A reader that takes nothing, so that there is nowhere to put it.
        child.stdout?.pause();
        const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
        await until('it is cut', async () => (await endOf(grant)) !== null);
        child.stdout?.resume();
        assert.equal(await ended, 255);
        assert.equal(await endOf(grant), 'protocol: a window was ignored');
      });
    });
  });

  test('that never answers what it was asked: an ending ends it all the same, at once', async () => {
    await unnoticed(async () => {
      await withHosts([inside(() => undefined)], async () => {
        const grant = await world.grant();
        const child = world.start(grant, sshTo(world, grant, 'anything'));
        const ending = finished(child);
        await until('it is in', () => sessionsOf(grant).length === 1);
        await delay(300);
        world.endGrant(grant, 'revoked: the host hangs');
        const ran = await ending;
        assert.equal(ran.code, 255);
        assert.match(ran.stderr, /Your access was ended: revoked: the host hangs/);
        await until('its session is over', () => sessionsOf(grant).length === 0);
        assert.equal(await endOf(grant), 'revoked: the host hangs');
      });
    });
  });

  test('that breaks off in the middle, or ends a program that it never began', async () => {
    await unnoticed(async () => {
      const breaks = inside((open, client) => {
        open().write('half a li');
        setTimeout(() => client.end(), 100);
      });
      await withHosts([breaks], async () => {
        const grant = await world.grant();
        const ran = await world.run(grant, sshTo(world, grant, 'anything'));
        assert.equal(ran.stdout.toString(), 'half a li');
        assert.notEqual(ran.code, 0);
        await until('its session is over', () => sessionsOf(grant).length === 0);
      });
    });
  });

  test('that says how a program ended in words that would steer a terminal', async () => {
    await unnoticed(async () => {
      const act = inside((open) => {
        const channel = open();
        channel.exit('\u001b[31mTERM\r\nfaked: line', true, '\u001b]0;owned\u0007');
        channel.end();
      });
      await withHosts([act], async () => {
        const grant = await world.grant();
        const ran = await world.run(grant, sshTo(world, grant, 'anything'));
        assert.notEqual(ran.code, 0);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
        assert.doesNotMatch(ran.stderr, /[\u001b\u0007]/);
      });
    });
  });
});
