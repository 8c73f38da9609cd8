// The SSH gateway between OpenSSH's own clients and server: what people do all day works as it does direct, what a task
// does not allow is refused, and every ending ends it.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
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
import { newKeyPair, publicLine } from '../../ssh/keys.ts';

describe('the SSH gateway', { skip: skipWithout('ssh', 'sshd') }, () => {
  let world: SshWorld;
  let echo: Server;
  let echoPort = 0;

  before(async () => {
    world = await startSshWorld();
    echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const address = echo.address();
    if (typeof address === 'object' && address !== null) echoPort = address.port;
  });
  after(async () => {
    echo.close();
    await world.stop();
  });

  const to = (grant: HostGrant, ...more: string[]) => sshTo(world, grant, ...more);

  /** The recording of the grant's one session, once it is over. */
  async function recorded(grant: HostGrant) {
    const { id, end_reason: reason } = await over(grant);
    const path = join(world.dataFolder, recordingPath(id));
    const page = await readRecording(path, { from: 0, limit: 100 });
    assert.deepEqual([page.state, page.intact, page.problem], ['closed', true, null]);
    return { path, reason, entries: page.statements };
  }

  async function over(grant: HostGrant) {
    const find = () =>
      world.db
        .selectFrom('sessions')
        .select(['id', 'end_reason'])
        .where('grant_id', '=', grant.id)
        .where('ended_at', 'is not', null);
    await until('the session ends', async () => (await find().executeTakeFirst()) !== undefined);
    return find().executeTakeFirstOrThrow();
  }

  test('a program: its output, its input, its exit status, and its entry', async () => {
    const grant = await world.grant();
    const ran = await world.run(grant, to(grant, 'cat; echo to-stderr >&2; echo "$LANG $SECRET"; exit 7'), {
      input: 'through and back\n',
    });
    assert.equal(ran.stderr, 'to-stderr\n');
    assert.equal(ran.code, 7);
    assert.match(ran.stdout.toString(), /^through and back\n/);
    const { entries, reason } = await recorded(grant);
    assert.equal(reason, 'the client left');
    assert.equal(entries.length, 1);
    const [entry] = entries;
    assert.equal(entry?.protocol, 'exec');
    assert.equal(entry?.exit, 7);
    assert.equal(entry?.sha256, createHash('sha256').update(ran.stdout).digest('hex'));
    assert.match(entry?.text ?? '', /^cat; echo/);
  });

  test('a shell on a terminal: recorded as it was seen, with what was run to jump to, and not what was typed', async () => {
    const grant = await world.grant();
    const child = world.start(grant, to(grant, '-tt', "PS1='$ ' /bin/sh"));
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    const typed = async (line: string, answer: string) => {
      const from = seen.length;
      child.stdin?.write(`${line}\r`);
      await until(`${answer} is seen`, () => seen.slice(from).includes(answer));
    };
    await until('the prompt is seen', () => seen.includes('$ '));
    await typed("stty -echo; printf 'Pass%s' word:; read hidden; stty echo", 'Password:');
    await typed('not-to-be-seen', '$ ');
    await typed("printf 'caf\\303\\251 \\033[31mred\\033[0m\\n'", 'red');
    const ending = finished(child, 'exit 3\r');
    const ran = await ending;
    assert.equal(ran.code, 3, ran.stderr);
    const { path, entries } = await recorded(grant);
    assert.equal(entries[0]?.exit, 3);
    const cast = (await readTerminal(path, 0)) ?? '';
    const [head = '', ...lines] = cast.trimEnd().split('\n');
    assert.equal(JSON.parse(head).version, 2);
    const events = lines.map((line) => JSON.parse(line) as [number, string, string]);
    const screen = events
      .filter(([, kind]) => kind === 'o')
      .map(([, , data]) => data)
      .join('');
    assert.equal(screen, seen);
    assert.ok(screen.includes('café \x1b[31mred'));
    assert.doesNotMatch(cast, /not-to-be-seen/);
    assert.equal(await readTerminal(path, 1), null);
    const marks = events.filter(([, kind]) => kind === 'm').map(([, , data]) => data);
    assert.ok(
      marks.some((mark) => mark.startsWith('$ stty -echo; printf')),
      String(marks),
    );
    assert.ok(
      marks.some((mark) => mark.includes("$ printf 'caf")),
      String(marks),
    );
    assert.ok(events.every(([at], position) => position === 0 || at >= (events[position - 1]?.[0] ?? 0)));
  });

  test('a wrong secret, a foreign login, and no secret: none of them comes in, and none is told apart', async () => {
    const grant = await world.grant();
    const wrong = await world.run(grant, to(grant, 'true'), { secret: 'wrong' });
    const unknown = await world.run(
      { ...grant, login: 'sp_0000000000000000' },
      to({ ...grant, login: 'sp_0000000000000000' }, 'true'),
    );
    assert.deepEqual([wrong.code, unknown.code], [255, 255]);
    assert.match(wrong.stderr, /Permission denied \(password,keyboard-interactive\)/);
    assert.equal(unknown.stderr.replace(/sp_\w+/, grant.login), wrong.stderr);
    const { count } = await world.db
      .selectFrom('sessions')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('grant_id', '=', grant.id)
      .executeTakeFirstOrThrow();
    assert.equal(count, 0);
  });

  test('who may not come in is told why', async () => {
    const grant = await world.grant({ over: true });
    const ran = await world.run(grant, to(grant, 'echo in'));
    assert.equal(ran.code, 255);
    assert.match(ran.stderr, /^sallyport: This grant has expired\./);
    assert.equal(ran.stdout.length, 0);
  });

  test('sftp and scp: files go both ways, listed with their size and hash', async () => {
    const grant = await world.grant({ allows: { shell: false } });
    const data = randomBytes(3_000_000);
    const local = join(world.folder, 'local.bin');
    const remote = join(world.folder, 'remote.bin');
    writeFileSync(local, data);
    const batch = `put ${local} ${remote}\nget ${remote} ${local}.back\nrename ${remote} ${remote}.2\nrm ${remote}.2\n`;
    const words = [
      'sftp',
      '-o',
      'BatchMode=no',
      '-b',
      '-',
      ...world.options(),
      '-P',
      String(world.gateway.port),
    ];
    const ran = await world.run(grant, [...words, `${grant.login}@127.0.0.1`], { input: batch });
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(readFileSync(`${local}.back`), data);
    const sha256 = createHash('sha256').update(data).digest('hex');
    const { entries } = await recorded(grant);
    const files = entries.filter((entry) => /^(put|get) /.test(entry.text));
    assert.deepEqual(
      files.map(({ text, bytes, sha256: hash, error }) => [text, bytes, hash, error]),
      [
        [`put ${remote}`, data.length, sha256, null],
        [`get ${remote}`, data.length, sha256, null],
      ],
    );
    assert.ok(entries.some((entry) => entry.text === `rename ${remote} -> ${remote}.2`));
    assert.ok(entries.some((entry) => entry.text === `remove ${remote}.2`));

    const copying = await world.grant();
    const copied = await world.run(copying, [
      ...['scp', '-q', ...world.options(), '-P', String(world.gateway.port), local],
      `${copying.login}@127.0.0.1:${remote}`,
    ]);
    assert.equal(copied.code, 0, copied.stderr);
    assert.deepEqual(readFileSync(remote), data);
    const listed = (await recorded(copying)).entries.find((entry) => entry.text.startsWith('put '));
    assert.deepEqual([listed?.bytes, listed?.sha256], [data.length, sha256]);
  });

  test('what a task does not allow: another command, a shell, files, and each is in the recording', async () => {
    const grant = await world.grant({
      allows: { shell: false, sftp: false, commands: ['uptime -p', 'echo fine'] },
    });
    assert.equal((await world.run(grant, to(grant, 'echo fine'))).stdout.toString(), 'fine\n');
    for (const command of ['echo fine; id', 'echo  fine', 'id', 'echo fine\nid']) {
      const refused = await world.run(grant, to(grant, command));
      assert.equal(refused.code, 255, command);
      assert.match(refused.stderr, /This task does not allow this command, only: uptime -p \| echo fine/);
      assert.equal(refused.stdout.length, 0);
    }
    const shell = await world.run(grant, [...to(grant, '-tt', 'x').slice(0, -1)], { input: 'id\n' });
    assert.match(shell.stdout.toString() + shell.stderr, /This task allows no shell/);
    const files = await world.run(grant, [
      ...['sftp', '-o', 'BatchMode=no', '-b', '-', ...world.options(), '-P', String(world.gateway.port)],
      `${grant.login}@127.0.0.1`,
    ]);
    assert.equal(files.code, 255);
  });

  test('forwarding: to where the task allows it and nowhere else; never from the host, nor an agent', async () => {
    const grant = await world.grant({ allows: { forward: [{ host: '127.0.0.1', port: echoPort }] } });
    const through = await world.run(grant, to(grant, '-W', `127.0.0.1:${echoPort}`, '').slice(0, -1), {
      input: 'echoed',
    });
    assert.equal(through.stdout.toString(), 'echoed', through.stderr);
    assert.equal(through.code, 0);
    const other = await world.run(grant, to(grant, '-W', `127.0.0.1:${world.hostPort}`, '').slice(0, -1));
    assert.notEqual(other.code, 0);
    assert.equal(other.stdout.length, 0);
    const back = await world.run(
      grant,
      to(grant, '-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', 'echo in'),
    );
    assert.notEqual(back.code, 0);
    assert.doesNotMatch(back.stdout.toString(), /in/);
    const agent = await world.run(
      grant,
      to(grant, '-A', '-o', 'IdentityAgent=none', 'echo "agent:$SSH_AUTH_SOCK"'),
    );
    assert.equal(agent.stdout.toString(), 'agent:\n');
  });

  test('several at once on one connection, each with its own', async () => {
    const grant = await world.grant();
    const control = join(world.folder, 'control');
    const master = world.start(grant, [...to(grant, '-N', '-M', '-S', control, '').slice(0, -1)]);
    const ended = finished(master);
    const check = () =>
      finished(world.start(grant, to(grant, '-S', control, '-O', 'check', '').slice(0, -1)));
    await until('the connection is there', async () => (await check()).code === 0);
    const ran = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        world.run(grant, to(grant, '-S', control, `sleep 0.1; echo ${n}; exit ${n}`)),
      ),
    );
    assert.deepEqual(
      ran.map(({ code, stdout }) => [code, stdout.toString()]),
      Array.from({ length: 8 }, (_, n) => [n, `${n}\n`]),
    );
    master.kill();
    await ended;
    assert.equal((await recorded(grant)).entries.length, 8);
  });

  test('ended in the middle: the screen says why, the host is left, the recording is whole', async () => {
    const grant = await world.grant();
    const mark = join(world.folder, 'still-running');
    const child = world.start(grant, to(grant, '-tt', `echo begun; sleep 3; touch ${mark}`));
    const ending = finished(child);
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await until('it has begun', () => seen.includes('begun'));
    world.endGrant(grant, 'revoked: no longer needed');
    const ran = await ending;
    assert.equal(ran.code, 255);
    assert.match(ran.stdout.toString(), /\*\*\* Your access was ended: revoked: no longer needed/);
    const { reason, entries } = await recorded(grant);
    assert.equal(reason, 'revoked: no longer needed');
    assert.match(entries[0]?.error?.message ?? '', /Your access was ended/);
    const again = await world.run(grant, to(grant, 'echo in'));
    assert.match(again.stderr, /This grant has expired/);
  });

  test('the deadline cuts; with a landing, what runs may finish and nothing new begins', async () => {
    const hard = await world.grant({ forMs: 2_000 });
    const cut = await world.run(hard, to(hard, 'echo begun; sleep 60; echo too-long'));
    assert.equal(cut.code, 255);
    assert.equal(cut.stdout.toString(), 'begun\n');
    assert.equal((await recorded(hard)).reason, 'expired');

    const soft = await world.grant({ forMs: 2_000, landingMs: 30_000 });
    const landed = await world.run(soft, to(soft, 'sleep 4; echo finished'));
    assert.equal(landed.stdout.toString(), 'finished\n', landed.stderr);
    assert.equal(landed.code, 0);
    assert.equal((await recorded(soft)).reason, 'expired');
  });

  test('a terminal is warned a quarter of an hour and five minutes before the end, in the recording too; a program is not', async () => {
    const warned = async (minutes: number) => {
      const warning = `*** Your access ends in ${minutes} minutes. Extend it with: sally extend`;
      // In its own time: it warns as soon as that much is left.
      const grant = await world.grant({ forMs: minutes * 60_000 + 12_000 });
      const child = world.start(grant, to(grant, '-tt', 'echo begun; read line; echo "got $line"'));
      const program = world.start(grant, to(grant, 'cat'));
      let seen = '';
      let heard = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
      });
      for (const stream of [program.stdout, program.stderr])
        stream?.on('data', (chunk: Buffer) => {
          heard += chunk.toString();
        });
      await until('it has begun', () => seen.includes('begun'));
      assert.ok(!seen.includes('***'), 'not at once');
      await until('it is warned', () => seen.includes(warning));
      assert.ok(seen.includes(`\r\n${warning} ${grant.id}\r\n`), JSON.stringify(seen));
      // The session goes on.
      const ran = await finished(child, 'on\r');
      assert.match(seen, /got on/);
      assert.equal(ran.code, 0);
      const said = await finished(program, 'through');
      assert.equal(heard, 'through', 'what a program reads is the program’s alone');
      assert.equal(said.code, 0);
      await until('both are over', () =>
        world.sessions.live().every((one) => one.ticket.grantId !== grant.id),
      );
      const rows = await world.db
        .selectFrom('sessions')
        .select('id')
        .where('grant_id', '=', grant.id)
        .execute();
      const casts = await Promise.all(
        rows.map(async ({ id }) => (await readTerminal(join(world.dataFolder, recordingPath(id)), 0)) ?? ''),
      );
      assert.equal(casts.filter((cast) => cast.includes(warning)).length, 1);
    };
    await Promise.all([warned(15), warned(5)]);
  });

  test('a budget of bytes ends a session that reads more', async () => {
    const grant = await world.grant({ budget: { rows: null, bytes: 1024 * 1024 } });
    const ran = await world.run(grant, to(grant, 'head -c 50000000 /dev/zero'));
    assert.equal(ran.code, 255);
    assert.ok(ran.stdout.length <= 1024 * 1024 + 64 * 1024, String(ran.stdout.length));
    assert.match(ran.stderr, /the grant may read .*, and has/);
    assert.equal((await recorded(grant)).reason, 'the budget is used up');
  });

  test('a host that shows another key is not the host', async () => {
    const grant = await world.grant();
    world.pinned = publicLine(newKeyPair().publicKey);
    const ran = await world.run(grant, to(grant, 'echo in'));
    world.pinned = null;
    assert.equal(ran.code, 255);
    assert.match(ran.stderr, /shows another host key than the one it was added with: nobody is let in/);
    assert.equal((await over(grant)).end_reason, 'the target could not be reached');
    assert.equal((await world.run(grant, to(grant, 'echo in'))).stdout.toString(), 'in\n');
  });
});
