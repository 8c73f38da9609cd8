// The end of a session reaches the store, whatever was in the way: the store away, a dead process, no recording.

import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { fields, logInByWire, msg, openWire } from '../../test/harness/wire.ts';
import { newId } from '../base/ids.ts';
import { createLog } from '../base/log.ts';
import { writeMeasures } from './measure.ts';
import { readRecording } from './read-recording.ts';
import { createRecorder } from './recorder.ts';
import { recordingPath } from './recording-path.ts';
import { createSessions, type Sessions } from './sessions.ts';

describe('sessions and the store', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ version: 18 });
  });
  after(() => world.stop());

  async function rowOf(grant: WorldGrant) {
    return world.db
      .selectFrom('sessions')
      .selectAll()
      .where('grant_id', '=', grant.id)
      .executeTakeFirstOrThrow();
  }

  async function endedRow(grant: WorldGrant, timeoutMs = 8_000) {
    const endsAt = Date.now() + timeoutMs;
    for (;;) {
      const row = await rowOf(grant).catch(() => null);
      if (row !== null && row.ended_at !== null) return row;
      assert.ok(Date.now() < endsAt, 'the end was not written');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  function another(gatewayName: string): Sessions {
    return createSessions({
      db: world.db,
      log: createLog('silent'),
      dataFolder: world.dataFolder,
      gatewayName,
      admission: {
        challenge: () => assert.fail(),
        open: () => assert.fail(),
        refused: () => assert.fail(),
        liveVerdicts: async () => new Map(),
      },
      events: { onGrantEnding: () => () => undefined, onSessionEnd: () => () => undefined },
    });
  }

  test('what live sessions have done is shown while they run', async () => {
    const grant = await world.grant();
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    wire.send(msg('Q', 'select * from orders limit 7'));
    await wire.until('Z');
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    const row = await rowOf(grant);
    assert.equal(row.ended_at, null);
    assert.equal(row.statements, 1);
    assert.equal(row.rows_read, 7);
    wire.send(msg('Q', 'select pg_sleep(1)'));
    await new Promise((resolve) => setTimeout(resolve, 600));
    const live = await readRecording(join(world.dataFolder, recordingPath(row.id)), { from: 0, limit: 10 });
    assert.equal(live.state, 'open');
    assert.equal(live.intact, true);
    assert.deepEqual(
      live.statements.map((s) => [s.text, s.durationMs === null]),
      [
        ['select * from orders limit 7', false],
        ['select pg_sleep(1)', true],
      ],
    );
    wire.send(msg('X'));
    assert.equal((await endedRow(grant)).statements, 2);
  });

  const measuresOf = (sessionId: string) =>
    world.db
      .selectFrom('session_use')
      .select(['verb', 'object', 'statements', 'rows', 'errors'])
      .where('session_id', '=', sessionId)
      .orderBy('verb')
      .execute();
  const measured = (verb: string, statements: number, rows: number, errors = 0) => ({
    ...{ verb, object: 'orders', statements, rows, errors },
  });

  async function untilMeasured(sessionId: string, statements: number): Promise<void> {
    const endsAt = Date.now() + 40_000;
    while ((await measuresOf(sessionId)).find((one) => one.verb === 'select')?.statements !== statements) {
      assert.ok(Date.now() < endsAt, `the store does not know of ${statements} statements`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  test('a session is measured while it runs, again with what came since, and at its end each statement counts once', async () => {
    const grant = await world.grant();
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    const run = async (text: string) => {
      wire.send(msg('Q', text));
      await wire.until('Z');
    };
    await run('select * from orders limit 3');
    await run('select nothing from orders');
    const { id } = await rowOf(grant);
    await untilMeasured(id, 1);
    assert.deepEqual(await measuresOf(id), [measured('select', 1, 3, 1)]);
    await run('select * from orders limit 4');
    await run("insert into orders (note) values ('measured')");
    await untilMeasured(id, 2);
    assert.deepEqual(await measuresOf(id), [measured('insert', 1, 1), measured('select', 2, 7, 1)]);
    assert.equal((await rowOf(grant)).ended_at, null);
    await run('select * from orders limit 5');
    wire.send(msg('X'));
    await endedRow(grant);
    const whole = [measured('insert', 1, 1), measured('select', 3, 12, 1)];
    assert.deepEqual(await measuresOf(id), whole);
    // A round that was under way when it ended comes too late, whatever it would say.
    const late = { sessionId: id, use: { verb: 'select', object: 'orders', statements: 99, rows: 99 } };
    await world.db.transaction().execute((trx) => writeMeasures(trx, [late], 'open'));
    assert.deepEqual(await measuresOf(id), whole);
  });

  test('an end that the store cannot take is written when it is back, once', async () => {
    const grant = await world.grant();
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    wire.send(msg('Q', 'select * from orders limit 5'));
    await wire.until('Z');
    await world.store.pause();
    wire.send(msg('X'));
    await wire.closed;
    await new Promise((resolve) => setTimeout(resolve, 700));
    await world.store.start();
    const row = await endedRow(grant);
    assert.equal(row.end_reason, 'the client left');
    assert.equal(row.rows_read, 5);
    const page = await readRecording(join(world.dataFolder, row.recording ?? ''), { from: 0, limit: 10 });
    assert.equal(page.hash, row.recording_hash);
    const entries = await world.db
      .selectFrom('audit_entries')
      .select('kind')
      .where('session_id', '=', row.id)
      .execute();
    assert.deepEqual(entries, [{ kind: 'session.ended' }]);
  });

  test('after a crash, what was left open is closed as interrupted', async () => {
    const grant = await world.grant();
    const opened = await world.grant();
    const template = { ...(await rowOfFresh(opened)), gateway: 'gateway-crashed', grant_id: grant.id };
    const [died, closedOnly, never] = [newId('session'), newId('session'), newId('session')];
    for (const id of [died, closedOnly, never])
      await world.db
        .insertInto('sessions')
        .values({ ...template, id })
        .execute();
    for (const id of [died, closedOnly]) {
      const header = {
        version: 1 as const,
        sessionId: id,
        grantId: grant.id,
        principal: { id: 'p', name: 'n' },
        target: 't',
        task: 'k',
        database: 'd',
        clientAddress: 'a',
        application: null,
        gateway: 'g',
        startedAtMs: Date.now(),
      };
      const one = await createRecorder(join(world.dataFolder, recordingPath(id)), header, {
        onPressure: () => undefined,
        onFailure: () => undefined,
      });
      one.add({
        index: 0,
        offsetMs: 1,
        text: 'select 1',
        protocol: 'simple',
        refused: false,
        rows: 1,
        bytes: 9,
        durationMs: 1,
        error: null,
        uses: [{ verb: 'select', object: 'orders' }],
        announced: false,
      });
      one.flush([]);
      await new Promise((resolve) => setTimeout(resolve, 30));
      if (id === closedOnly) await one.close('the client left', 1_000);
    }
    // Both had told the store what they did before their process died.
    const told = [died, closedOnly].map((sessionId) => ({
      ...{ sessionId, use: { verb: 'select', object: 'orders', statements: 1, rows: 1 } },
    }));
    await world.db.transaction().execute((trx) => writeMeasures(trx, told, 'open'));
    const sessions = another('gateway-crashed');
    await sessions.start();
    for (const id of [died, closedOnly])
      assert.deepEqual(await measuresOf(id), [measured('select', 1, 1)], 'nothing is counted twice');
    const rows = await world.db
      .selectFrom('sessions')
      .selectAll()
      .where('gateway', '=', 'gateway-crashed')
      .execute();
    const by = new Map(rows.map((row) => [row.id, row]));
    assert.ok(rows.every((row) => row.ended_at !== null));
    assert.equal(by.get(died)?.end_reason, 'interrupted');
    assert.equal(by.get(died)?.statements, 1);
    assert.equal(by.get(closedOnly)?.end_reason, 'the client left');
    assert.equal(by.get(never)?.end_reason, 'interrupted');
    assert.equal(by.get(never)?.recording, null);
    for (const id of [died, closedOnly]) {
      const page = await readRecording(join(world.dataFolder, recordingPath(id)), { from: 0, limit: 10 });
      assert.equal(page.state, 'closed');
      assert.equal(page.hash, by.get(id)?.recording_hash);
    }
    await sessions.stop();
    const again = another('gateway-crashed');
    await again.start();
    await again.stop();
    const entries = await world.db
      .selectFrom('audit_entries')
      .select('session_id')
      .where('session_id', 'in', [died, closedOnly, never])
      .execute();
    assert.equal(entries.length, 3);
  });

  async function rowOfFresh(grant: WorldGrant) {
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    wire.send(msg('X'));
    const { grant_id, principal_id, target_id, task_id, client_address, application } = await endedRow(grant);
    return { grant_id, principal_id, target_id, task_id, client_address, application };
  }

  test('no recording, no session', async () => {
    const grant = await world.grant();
    const folder = join(world.dataFolder, 'recordings');
    renameSync(folder, `${folder}.away`);
    writeFileSync(folder, 'not a folder');
    try {
      const wire = await openWire(world.gateway.port);
      await assert.rejects(logInByWire(wire, grant.login, grant.secret), {
        code: '57P03',
        message: /cannot be recorded/,
      });
    } finally {
      rmSync(folder);
      renameSync(`${folder}.away`, folder);
    }
    const row = await endedRow(grant);
    assert.equal(row.end_reason, 'no recording');
    assert.equal(row.recording, null);
  });

  test('a recording is bytes on disk that hold no secret', async () => {
    const grant = await world.grant();
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    wire.send(msg('X'));
    const row = await endedRow(grant);
    const bytes = readFileSync(join(world.dataFolder, row.recording ?? '')).toString('latin1');
    assert.ok(!bytes.includes(grant.secret));
  });

  test('a person is warned in time', async () => {
    const grant = await world.grant({ forMs: 5 * 60_000 + 400 });
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    const notice = fields((await wire.until('N')).at(-1));
    assert.equal(notice.S, 'WARNING');
    assert.match(notice.M ?? '', /^Your access ends in 5 minutes\. Extend it with: sally extend grt_/);
    wire.send(msg('Q', 'select 1'));
    assert.equal((await wire.until('Z')).map((m) => m.type).join(''), 'TDCZ');
    wire.send(msg('X'));
  });
});
