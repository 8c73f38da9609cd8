// Connections: TLS as the settings say, an abort that stops the server too, and waits that end.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type PostgresTarget, startPostgresTarget } from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import { Secret } from '../../../base/secret.ts';
import { closeClient, createClient, POOL_SIZE, withConnection, withDatabase } from './client.ts';
import type { TargetSettings } from './settings.ts';
import { Slots } from './slots.ts';

const limit = () => AbortSignal.timeout(10_000);

describe('connections to PostgreSQL', { skip: skipWithout('postgres15') }, () => {
  let target: PostgresTarget;
  let authority: string;
  // Debian's, because it is built with OpenSSL for certain.
  before(async () => {
    target = await startPostgresTarget(15, 'superuser');
  });
  after(() => target.stop());

  async function ask(change: Partial<TargetSettings>): Promise<boolean> {
    const client = createClient({ ...target.access, settings: { ...target.access.settings, ...change } });
    try {
      const [row] = await withConnection(client, limit(), (connection) =>
        connection.rows('SELECT coalesce(ssl, false) AS ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'),
      );
      return row?.ssl === true;
    } finally {
      await closeClient(client);
    }
  }

  it('goes on in plain where TLS is preferred and not offered, and not where it is required', async () => {
    assert.equal(await ask({ tls: 'off' }), false);
    assert.equal(await ask({ tls: 'prefer' }), false);
    await assert.rejects(ask({ tls: 'require' }), { code: 'target-tls-refused' });
  });

  it('uses TLS where it is offered, and verifies the server when it has an authority', async () => {
    authority = await switchTlsOn(target);
    assert.equal(await ask({ tls: 'off' }), false);
    assert.equal(await ask({ tls: 'prefer' }), true);
    assert.equal(await ask({ tls: 'require' }), true);
    assert.equal(await ask({ tls: 'require', ca: authority, host: 'localhost' }), true);
    const other = await certificate('localhost');
    await assert.rejects(ask({ tls: 'require', ca: other.pem, host: 'localhost' }), {
      code: 'target-tls-failed',
    });
    await assert.rejects(ask({ tls: 'require', ca: authority, host: '127.0.0.1' }), {
      code: 'target-tls-failed',
    });
  });

  it('stops what the server is doing when the caller gives up, and the pool stays whole', async () => {
    for (const tls of ['off', 'prefer'] as const) {
      const client = createClient({ ...target.access, settings: { ...target.access.settings, tls } });
      const startedAt = performance.now();
      const asleep = withConnection(client, AbortSignal.timeout(200), (connection) =>
        connection.rows(`SELECT pg_sleep(30) AS "slept-${tls}"`),
      );
      await assert.rejects(asleep, { code: 'target-aborted' });
      assert.ok(performance.now() - startedAt < 2_000);
      const sleepers = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%slept-${tls}%' AND state = 'active' AND pid <> pg_backend_pid()`;
      const deadline = performance.now() + 3_000;
      while ((await target.superuser.query(sleepers)).rows[0].n > 0 && performance.now() < deadline)
        await pause(50);
      assert.equal((await target.superuser.query(sleepers)).rows[0].n, 0);
      const rows = await withConnection(client, limit(), (connection) => connection.rows('SELECT 1 AS one'));
      assert.deepEqual(rows, [{ one: 1 }]);
      await closeClient(client);
    }
  });

  it('keeps to its bound of connections, and a wait for one can be given up', async () => {
    const client = createClient(target.access);
    const held = Array.from({ length: POOL_SIZE }, () =>
      withConnection(client, limit(), (connection) => connection.rows('SELECT pg_sleep(1)')),
    );
    const waiting = withConnection(client, AbortSignal.timeout(100), (connection) =>
      connection.rows('SELECT 1'),
    );
    await assert.rejects(waiting, { code: 'target-aborted' });
    await Promise.all(held);
    assert.equal(client.pool.totalCount, POOL_SIZE);
    await closeClient(client);
  });

  it('rolls back what failed and uses the connection again', async () => {
    const client = createClient(target.access);
    const failing = withConnection(client, limit(), (connection) => connection.rows('BEGIN; SELECT 1/0'));
    await assert.rejects(failing, { code: 'target-error' });
    const [row] = await withConnection(client, limit(), (connection) =>
      connection.rows(
        `SELECT current_setting('search_path') AS path, pg_current_xact_id_if_assigned() AS open`,
      ),
    );
    assert.deepEqual(row, { path: 'pg_catalog', open: null });
    assert.equal(client.pool.totalCount, 1);
    await closeClient(client);
  });

  it('goes on after the server was restarted under it', async () => {
    const client = createClient({ ...target.access });
    const alive = () => withDatabase(client, 'app', limit(), (connection) => connection.rows('SELECT 1'));
    await alive();
    await target.superuser.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sallyport'`,
    );
    await pause(200);
    await alive();
    await closeClient(client);
  });

  it('gives up on a server that accepts and says nothing', async () => {
    const silent = createClient({
      ...target.access,
      admin: { user: 'x', password: new Secret('x') },
      dial: async (endpoint) => {
        const socket = await target.access.dial(endpoint);
        socket.write = () => true;
        return socket;
      },
    });
    const asked = withConnection(silent, AbortSignal.timeout(500), (connection) =>
      connection.rows('SELECT 1'),
    );
    await assert.rejects(asked, { code: 'target-aborted' });
    await closeClient(silent);
  });
});

describe('slots', () => {
  it('serves in order, and forgets who gave up', async () => {
    const slots = new Slots(1);
    await slots.take(limit());
    const order: number[] = [];
    const leave = new AbortController();
    const first = slots.take(leave.signal);
    const second = slots.take(limit()).then(() => order.push(2));
    const third = slots.take(limit()).then(() => order.push(3));
    leave.abort();
    await assert.rejects(first, { code: 'target-aborted' });
    slots.give();
    await second;
    slots.give();
    await third;
    assert.deepEqual(order, [2, 3]);
    slots.give();
    await slots.take(limit());
  });
});

async function certificate(name: string): Promise<{ pem: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  // It looks for the polyfill when it is loaded, so the order counts.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    pem: made.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Gives the certificate, which is its own authority. */
async function switchTlsOn(target: PostgresTarget): Promise<string> {
  const { pem, key } = await certificate('localhost');
  const data = join(target.server.folder, 'data');
  const owner = statSync(data);
  for (const [file, content] of [
    ['server.crt', pem],
    ['server.key', key],
  ] as const) {
    writeFileSync(join(data, file), content, { mode: 0o600 });
    chownSync(join(data, file), owner.uid, owner.gid);
  }
  await target.superuser.query(`ALTER SYSTEM SET ssl = 'on'`);
  await target.superuser.query('SELECT pg_reload_conf()');
  await pause(500);
  return pem;
}
