// SFTP by clients that write their own packets, so that what the host does and what the gateway understands could differ:
// what is let on is in the recording as it was, and what cannot be followed ends.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import ssh2 from 'ssh2';
import { skipWithout } from '../../../test/harness/services.ts';
import { type HostGrant, type SshWorld, startSshWorld, until } from '../../../test/harness/ssh-world.ts';
import { sleep } from '../../base/timer.ts';
import { readRecording } from '../../sessions/read-recording.ts';
import { recordingPath } from '../../sessions/recording-path.ts';
import { sshString, uint32, uint64 } from '../../ssh/wire.ts';

/** OpenSSH names its handles so, from zero. */
const handle = (number: number) => sshString(uint32(number));
const NO_ATTRIBUTES = uint32(0);
const [READ, WRITE, CREATE, TRUNCATE] = [0x01, 0x02, 0x08, 0x10];
const INIT = Buffer.concat([uint32(5), Buffer.from([1]), uint32(3)]);
const QUIET_MS = 700;

const ask = (type: number, id: number, ...fields: Buffer[]) =>
  sshString(Buffer.concat([Buffer.from([type]), uint32(id), ...fields]));
const open = (id: number, path: string, flags: number) =>
  ask(3, id, sshString(path), uint32(flags), NO_ATTRIBUTES);
const close = (id: number, file: Buffer) => ask(4, id, file);
const read = (id: number, file: Buffer) => ask(5, id, file, uint64(0n), uint32(1_000));
const write = (id: number, file: Buffer, text: string) => ask(6, id, file, uint64(0n), sshString(text));
const lstat = (id: number, path: string) => ask(7, id, sshString(path));

describe('SFTP that wants to be misunderstood', { skip: skipWithout('ssh', 'sshd') }, () => {
  let world: SshWorld;
  before(async () => {
    world = await startSshWorld();
  });
  after(() => world.stop());

  /** Sends each part when nothing more comes; what the host answered, and what the recording has. */
  async function spoken(...parts: Buffer[]) {
    const grant = await world.grant({ allows: { shell: false } });
    const answered = await speak(grant, [INIT, ...parts]);
    const ended = () =>
      world.db
        .selectFrom('sessions')
        .select('id')
        .where('grant_id', '=', grant.id)
        .where('ended_at', 'is not', null)
        .executeTakeFirst();
    await until('the session ends', async () => (await ended()) !== undefined);
    const path = join(world.dataFolder, recordingPath((await ended())?.id ?? ''));
    const page = await readRecording(path, { from: 0, limit: 100 });
    assert.deepEqual([page.state, page.intact, page.problem], ['closed', true, null]);
    const entries = page.statements.map(({ text, bytes, sha256, error }) => ({ text, bytes, sha256, error }));
    return { answered, entries, fault: entries.find(({ text }) => text === 'sftp')?.error?.message ?? null };
  }

  async function speak({ login, secret }: HostGrant, parts: Buffer[]): Promise<Buffer> {
    const client = new ssh2.Client();
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve).once('error', reject);
      client.connect({ host: '127.0.0.1', port: world.gateway.port, username: login, password: secret });
    });
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
      client.subsys('sftp', (error, stream) => (error === undefined ? resolve(stream) : reject(error))),
    );
    const said: Buffer[] = [];
    let over = false;
    channel.on('data', (chunk: Buffer) => said.push(chunk)).on('error', () => undefined);
    channel.once('close', () => {
      over = true;
    });
    for (const part of parts) {
      if (!over) channel.write(part);
      await sleep(QUIET_MS);
    }
    client.end();
    return Buffer.concat(said);
  }

  const file = (name: string, text: string) => {
    writeFileSync(join(world.folder, name), text);
    return join(world.folder, name);
  };

  test('a number that is asked with twice: a file cannot be read as one that was not opened', async () => {
    const path = file('read', 'what is read');
    const { answered, fault } = await spoken(
      Buffer.concat([lstat(1, join(world.folder, 'none')), open(1, path, READ), read(2, handle(0))]),
    );
    assert.equal(answered.includes('what is read'), false);
    assert.equal(fault, 'Two questions have the same number.');
  });

  test('a handle that is guessed, or was closed: nothing is written as another file, or as nothing', async () => {
    const path = join(world.folder, 'guessed');
    const guessed = await spoken(
      Buffer.concat([open(1, path, WRITE | CREATE), write(2, handle(0), 'unseen'), close(3, handle(0))]),
    );
    assert.equal(existsSync(path), false);
    assert.equal(guessed.fault, 'A file was written to that is not open.');

    const [one, other] = [join(world.folder, 'one'), join(world.folder, 'other')];
    const reused = await spoken(
      open(1, one, WRITE | CREATE),
      Buffer.concat([
        ...[close(2, handle(0)), open(3, other, WRITE | CREATE)],
        ...[write(4, handle(0), 'of the other'), close(5, handle(0))],
      ]),
    );
    assert.equal(existsSync(other), false);
    assert.equal(reused.fault, 'A file was written to that is not open.');
  });

  test('what was asked for in its order is followed, also when a handle is used again', async () => {
    const path = file('again', 'read twice');
    const sha256 = createHash('sha256').update('read twice').digest('hex');
    const { entries, fault } = await spoken(
      Buffer.concat([
        ...[open(1, path, READ), read(2, handle(0)), close(3, handle(0))],
        ...[open(4, path, READ), read(5, handle(0)), close(6, handle(0))],
      ]),
    );
    assert.equal(fault, 'The connection ended.');
    const got = { text: `get ${path}`, bytes: 10, sha256, error: null };
    assert.deepEqual(
      entries.filter(({ text }) => text !== 'sftp'),
      [got, got],
    );
  });

  test('a file that is emptied while it is opened was not read', async () => {
    const path = file('emptied', 'was here');
    const { entries } = await spoken(open(1, path, CREATE | TRUNCATE), close(2, handle(0)));
    assert.equal(readFileSync(path, 'utf8'), '');
    assert.ok(entries.some(({ text }) => text === `put ${path}`));
  });

  test('rights that are changed by way of an open file are in the recording', async () => {
    const path = file('rights', 'for some');
    const rights = Buffer.concat([uint32(0x04), uint32(0o644)]);
    const { entries } = await spoken(open(1, path, READ), ask(10, 2, handle(0), rights));
    assert.ok(entries.some(({ text }) => text === `setstat ${path}`));
  });
});
