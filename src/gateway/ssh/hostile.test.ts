// Clients and readers that do not behave, at the SSH gateway: each ends by itself, costs little, and nobody else notices.
// Hosts that do not are in hostile-host.test.ts.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import ssh2 from 'ssh2';
import { skipWithout } from '../../../test/harness/services.ts';
import {
  finished,
  type HostGrant,
  type SshWorld,
  sshTo,
  startSshWorld,
  until,
} from '../../../test/harness/ssh-world.ts';

const HALF_OPEN = 20;
const MOST_CHANNELS = 50;

describe('the SSH gateway and whoever does not behave', { skip: skipWithout('ssh', 'sshd') }, () => {
  let world: SshWorld;
  before(async () => {
    world = await startSshWorld({ limits: { logins: HALF_OPEN } });
  });
  after(() => world.stop());

  const to = (grant: HostGrant, ...more: string[]) => sshTo(world, grant, ...more);

  /** By the library that the gateway has too, which lets a test send what OpenSSH would not. */
  async function logIn({ login, secret }: HostGrant): Promise<ssh2.Client> {
    const client = new ssh2.Client();
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve).once('error', reject);
      client.connect({ host: '127.0.0.1', port: world.gateway.port, username: login, password: secret });
    });
    return client;
  }

  test('garbage ends by itself, and leaves no session and no mark', async () => {
    await until('the sessions before are over', () => world.sessions.live().length === 0);
    const ident = Buffer.from('SSH-2.0-OpenSSH_9.9\r\n');
    const packet = (length: number, ...rest: number[]) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(length);
      return Buffer.concat([bytes, Buffer.from(rest)]);
    };
    for (const sent of [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.from('SSH-1.5-old\r\n'),
      Buffer.alloc(100_000, 'x'),
      Buffer.concat([ident, packet(0xffff_ffff, 1, 2, 3)]),
      Buffer.concat([ident, packet(12, 255, 20, ...randomBytes(10))]),
      // A message that only somebody who is in may send: a channel.
      Buffer.concat([ident, packet(28, 4, 90, 0, 0, 0, 7, ...Buffer.from('session'), ...Buffer.alloc(15))]),
    ]) {
      const socket = connect(world.gateway.port, '127.0.0.1');
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.on('error', () => undefined).resume();
      socket.end(sent);
      await closed;
    }
    assert.equal(world.sessions.live().length, 0);
    const grant = await world.grant();
    assert.equal((await world.run(grant, to(grant, 'echo in'))).stdout.toString(), 'in\n');
  });

  test('half-open connections are limited, and those that log in are not counted with them', async () => {
    const idle = Array.from({ length: HALF_OPEN }, () => connect(world.gateway.port, '127.0.0.1'));
    for (const socket of idle) socket.on('error', () => undefined);
    // Each is greeted, so each is counted.
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
    const more = connect(world.gateway.port, '127.0.0.1');
    let greeted = false;
    more
      .on('error', () => undefined)
      .on('data', () => {
        greeted = true;
      });
    await new Promise<void>((resolve) => more.once('close', () => resolve()));
    assert.equal(greeted, false);
    // From another address there is room at once.
    const other = await world.grant();
    const from = await world.run(other, to(other, '-b', '127.0.0.3', 'echo in'));
    assert.equal(from.stdout.toString(), 'in\n', from.stderr);
    for (const socket of idle) socket.destroy();
    const grant = await world.grant();
    await until('there is room again', async () => (await world.run(grant, to(grant, 'true'))).code === 0);
  });

  test('channels in which nothing begins are counted with the others', async () => {
    const client = await logIn(await world.grant());
    // The library opens none without beginning something in it: what it does it with is asked directly.
    const { _chanMgr: channels, _protocol: protocol } = client as unknown as {
      _chanMgr: { add(opened: (refused?: Error) => void): number };
      _protocol: { session(id: number, window: number, packet: number): void };
    };
    let [opened, refused] = [0, 0];
    for (let count = 0; count < 200; count++) {
      const id = channels.add((refusal) => (refusal === undefined ? opened++ : refused++));
      protocol.session(id, 1024, 1024);
    }
    await until('all are answered', () => opened + refused === 200);
    client.end();
    assert.equal(opened, MOST_CHANNELS);
  });

  test('more programs than channels one after the other, and a place for each', async () => {
    const client = await logIn(await world.grant({ allows: { shell: false, commands: ['true'] } }));
    for (let count = 0; count < MOST_CHANNELS + 5; count++)
      await new Promise<void>((resolve, reject) =>
        client.exec(count % 2 === 0 ? 'true' : 'false', (error, stream) => {
          if (error !== undefined) return reject(error);
          stream
            .on('close', () => resolve())
            .resume()
            .stderr.resume();
        }),
      );
    client.end();
  });

  test('a reader that stops reading costs one window, and gets everything in its order when it goes on', async () => {
    const grant = await world.grant();
    const bytes = 96 * 1024 * 1024;
    const child = world.start(grant, to(grant, `head -c ${bytes} /dev/zero | tr '\\0' 'a'; echo; echo end`));
    let length = 0;
    let tail = '';
    const take = (chunk: Buffer) => {
      length += chunk.length;
      tail = (tail + chunk.subarray(-10).toString('latin1')).slice(-10);
    };
    child.stdout?.on('data', take);
    await until('it has begun', () => length > 0);
    child.stdout?.pause();
    const before = process.memoryUsage().rss;
    let seen = -1;
    await until('the host is held back', async () => {
      const was = seen;
      const live = world.sessions.live().find((one) => one.ticket.grantId === grant.id);
      seen = live?.recorder.totals.bytesRead ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return seen === was;
    });
    assert.ok(seen < bytes, 'it was not held back');
    assert.ok(process.memoryUsage().rss - before < 60 * 1024 * 1024);
    child.stdout?.resume();
    const ran = await finished(child);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(length, bytes + '\nend\n'.length);
    assert.match(tail, /a\nend\n$/);
  });

  test('ended while a host pours out its output: what is under way does no harm', async () => {
    const thrown: unknown[] = [];
    const note = (error: unknown) => void thrown.push(error);
    process.on('uncaughtException', note);
    try {
      for (let round = 0; round < 5; round++) {
        const grant = await world.grant();
        const child = world.start(grant, to(grant, 'cat /dev/zero'));
        let length = 0;
        child.stdout?.on('data', (chunk: Buffer) => {
          length += chunk.length;
        });
        const ending = finished(child);
        await until('it pours', () => length > 1024 * 1024);
        world.endGrant(grant, 'revoked: enough');
        assert.equal((await ending).code, 255);
      }
    } finally {
      process.off('uncaughtException', note);
    }
    assert.deepEqual(thrown, []);
  });
});
