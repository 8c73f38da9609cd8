// The disk of the recordings runs full under a session on a host: no recording, no session, neither in the middle nor at
// the start; what was recorded closes whole; and with space again there are sessions again.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fillDisk } from '../../../test/harness/full-disk.ts';
import { skipWithout } from '../../../test/harness/services.ts';
import {
  finished,
  type HostGrant,
  type SshWorld,
  sshTo,
  startSshWorld,
  until,
} from '../../../test/harness/ssh-world.ts';
import { readRecording } from '../../sessions/read-recording.ts';
import { readTerminal } from '../../sessions/read-terminal.ts';
import { recordingPath } from '../../sessions/recording-path.ts';

const cannotMount =
  process.getuid?.() !== 0 || process.platform !== 'linux'
    ? 'needs root on Linux, for a small file system of its own'
    : spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0
      ? false
      : 'file systems cannot be mounted here';

describe('a full disk under sessions on a host', { skip: cannotMount || skipWithout('ssh', 'sshd') }, () => {
  let disk: string;
  let world: SshWorld;
  before(async () => {
    disk = mkdtempSync(join(tmpdir(), 'sallyport-ssh-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0700', 'tmpfs', disk]);
    world = await startSshWorld({ dataFolder: disk });
  });
  after(async () => {
    await world?.stop();
    execFileSync('umount', ['--lazy', disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  const sessionsOf = (grant: HostGrant) =>
    world.db.selectFrom('sessions').selectAll().where('grant_id', '=', grant.id).execute();

  test('it ends with the reason on the screen, closes whole, and lets nobody in before there is space', async () => {
    const grant = await world.grant();
    const child = world.start(
      grant,
      sshTo(world, grant, '-tt', 'echo begun; while read line; do head -c 60000 /dev/urandom | base64; done'),
    );
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    const ending = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdin?.on('error', () => undefined);
    await until('it has begun', () => seen.includes('begun'));
    // What was seen so far is on the disk.
    await new Promise((resolve) => setTimeout(resolve, 600));
    fillDisk(disk, 1_024);
    const more = setInterval(() => child.stdin?.write('more\r'), 200);
    const code = await ending;
    clearInterval(more);
    assert.equal(code, 255, seen.slice(-500));
    assert.match(seen, /\*\*\* .*record/i);
    await until('its end is written', async () => (await sessionsOf(grant))[0]?.ended_at != null);
    const [row] = await sessionsOf(grant);
    assert.match(row?.end_reason ?? '', /record/);
    const path = join(disk, recordingPath(row?.id ?? ''));
    const page = await readRecording(path, { from: 0, limit: 100 });
    assert.deepEqual([page.state, page.intact], ['closed', true]);
    // What found no room is counted, not passed over.
    assert.match(page.problem ?? '', /^\d+ .*could not be written\.$/);
    assert.equal(page.hash, row?.recording_hash);
    assert.match((await readTerminal(path, 0)) ?? '', /begun/);

    const next = await world.grant();
    const refused = await world.run(next, sshTo(world, next, 'echo in'));
    assert.equal(refused.code, 255);
    assert.equal(refused.stdout.length, 0);
    assert.match(refused.stderr, /^sallyport: .*record/i);
    assert.doesNotMatch(refused.stderr, /ENOSPC|\.ts:|\/tmp/);

    rmSync(join(disk, 'filler'));
    const ran = await world.run(next, sshTo(world, next, 'echo in'));
    assert.equal(ran.stdout.toString(), 'in\n', ran.stderr);
    assert.equal((await finished(world.start(next, sshTo(world, next, 'true')))).code, 0);
  });
});
