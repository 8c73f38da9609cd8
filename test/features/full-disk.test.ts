// The disk under the embedded store runs full while grants are active: nothing new is given, and the answer says why;
// what is open still ends at its deadline; and as soon as there is space, everything that is due is done.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { type Submitted, submitted } from '../../src/api/requests.ts';
import { fillDisk } from '../harness/full-disk.ts';
import { type MainProcess, runMain } from '../harness/main-process.ts';
import { type RawAnswer, rawHttp } from '../harness/raw-http.ts';
import { runCli } from '../harness/sallyport.ts';

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const cannotMount = !isRoot
  ? 'needs root on Linux, for a small file system of its own'
  : spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0
    ? false
    : 'file systems cannot be mounted here';

const DISK_MB = 200;
const LIFETIME_S = 25;
/** A request that cannot be written must be refused before whoever asked gives up. */
const ANSWER_LIMIT_MS = 45_000;
const ASKED = { target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'on a full disk' };

describe('a full disk under the store', { skip: cannotMount }, () => {
  let folder: string;
  let disk: string;
  let program: MainProcess;
  let facts: { people: Record<string, { token: string }>; targets: Record<string, { admin: string }> };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-full-disk-'));
    disk = join(folder, 'store');
    mkdirSync(disk, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m,mode=0700`, 'tmpfs', disk]);
    program = runMain({ SALLY_DATA: folder }, folder);
    await program.ready();
    facts = JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8'));
  });
  after(async () => {
    await program?.[Symbol.asyncDispose]();
    if (disk !== undefined) execFileSync('umount', ['--lazy', disk]);
    rmSync(folder, { recursive: true, force: true });
  });

  const call = (method: string, path: string, body?: unknown, person = 'engineer'): Promise<RawAnswer> =>
    rawHttp({
      server: program.server(),
      method,
      path,
      body,
      headers: { authorization: `Bearer ${facts.people[person]?.token}` },
    });

  async function active(duration: string): Promise<NonNullable<Submitted['grant']>> {
    const got = submitted.parse((await call('POST', '/api/requests?wait=20', { ...ASKED, duration })).json);
    assert.equal(got.grant?.state, 'active');
    return got.grant;
  }

  async function rolesOnTarget(): Promise<string[]> {
    const admin = new pg.Client({ connectionString: facts.targets['orders-db']?.admin });
    await admin.connect();
    const { rows } = await admin.query(
      "select rolname from pg_roles where rolname like 'sp\\_0%' order by 1",
    );
    await admin.end();
    return rows.map((row: { rolname: string }) => row.rolname);
  }

  test('no new grants, sessions are cut at their deadline, and all that is due is done once there is space', {
    timeout: 240_000,
  }, async () => {
    const startedAt = Date.now();
    const granted = await active(`${LIFETIME_S}s`);
    const kept = await active('30m');
    const { dsn } = issuedCredential.parse(
      (await call('POST', `/api/grants/${granted.id}/credentials`)).json,
    );
    const session = new pg.Client({ connectionString: dsn });
    const cutAt = new Promise<number>((resolve) => session.once('end', () => resolve(Date.now())));
    session.on('error', () => undefined);
    await session.connect();
    await session.query('select count(*) from orders');

    fillDisk(disk, 4096);
    const acknowledged: string[] = [kept.login];
    let refused: RawAnswer | null = null;
    // What PostgreSQL has set aside already takes a few more; then it is over.
    for (let i = 0; i < 2_000 && refused === null; i++) {
      const askedAt = Date.now();
      const answer = await call('POST', '/api/requests', ASKED);
      if (answer.status === 201) {
        const { grant } = submitted.parse(answer.json);
        if (grant !== null) acknowledged.push(grant.login);
      } else {
        refused = answer;
        assert.ok(Date.now() - askedAt < ANSWER_LIMIT_MS);
      }
    }
    assert.ok(refused !== null, 'the disk is full');
    assert.equal(refused.status, 503, refused.text);
    assert.match(String(refused.json?.detail), /disk|store/i);
    assert.doesNotMatch(refused.text, /insert into|\.ts:/);

    const deadline = Date.parse(granted.expiresAt ?? '');
    const at = await Promise.race([cutAt, delay(LIFETIME_S * 1000 + 10_000, Number.POSITIVE_INFINITY)]);
    assert.ok(at - deadline <= 1_000, `cut ${at - deadline} ms after the deadline`);
    assert.ok(at - startedAt > 5_000, 'and not before it');
    assert.equal((await rawHttp({ server: program.server(), path: '/healthz' })).status, 200);

    rmSync(join(disk, 'filler'));
    let revoked = '';
    let seen = '';
    for (let i = 0; i < 300 && revoked !== 'revoked'; i++) {
      await delay(200);
      const answer = await call('GET', `/api/grants/${granted.id}`).catch(() => null);
      seen = answer?.text ?? 'no answer';
      if (answer?.status === 200) revoked = grantSchema.parse(answer.json).state;
    }
    assert.equal(revoked, 'revoked', `${seen}\n${program.output().slice(-6_000)}`);
    assert.equal((await rolesOnTarget()).includes(granted.login), false);
    const again = await active('30m');
    const roles = await rolesOnTarget();
    // What was acknowledged is there, and nothing that was not.
    assert.deepEqual(roles, [...acknowledged, again.login].sort());
    const verified = await runCli(['audit', 'verify', '--json'], {
      SALLY_SERVER: program.server(),
      SALLY_TOKEN: facts.people.auditor?.token ?? '',
      HOME: folder,
    });
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  });
});
