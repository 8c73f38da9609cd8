// Tokens: read back by PostgreSQL itself, in text and in binary, so that a driver that knows a type can read its token.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { startPostgres, type TestPostgres } from '../../../../test/harness/postgres.ts';
import { createMasker } from './token.ts';

const TYPES: [name: string, send: string, oid: number, value: string][] = [
  ['boolean', 'boolsend', 16, 't'],
  ['bytea', 'byteasend', 17, '\\x00ff'],
  ['name', 'namesend', 19, 'somebody'],
  ['bigint', 'int8send', 20, '9007199254740993'],
  ['smallint', 'int2send', 21, '-7'],
  ['integer', 'int4send', 23, '1985'],
  ['text', 'textsend', 25, 'bob@example.org'],
  ['json', 'json_send', 114, '{"a":1}'],
  ['real', 'float4send', 700, '1.5'],
  ['double precision', 'float8send', 701, '1e300'],
  ['char(20)', 'bpcharsend', 1042, 'bob'],
  ['varchar(40)', 'varcharsend', 1043, 'bob'],
  ['date', 'date_send', 1082, '1985-04-01'],
  ['timestamp', 'timestamp_send', 1114, '1985-04-01 12:00:00'],
  ['timestamptz', 'timestamptz_send', 1184, '1985-04-01 12:00:00+00'],
  ['numeric', 'numeric_send', 1700, '123456.789'],
  ['uuid', 'uuid_send', 2950, '6f1f3c6e-0000-4000-8000-000000000000'],
  ['jsonb', 'jsonb_send', 3802, '["x"]'],
];

describe('tokens', () => {
  let server: TestPostgres;
  let client: pg.Client;
  before(async () => {
    server = await startPostgres({ version: 18 });
    client = new pg.Client({ connectionString: server.adminUrl });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await server.stop();
  });

  for (const [name, send, oid, value] of TYPES) {
    test(`of ${name} are values of ${name}, and never the value`, async () => {
      const masker = createMasker(Buffer.alloc(32, 7));
      // As the server sends it, and as it reads what we made: in hex, because the driver takes results for text.
      const asSent = async (given: string | Buffer): Promise<Buffer> => {
        const { rows } = await client.query(`select encode(${send}($1::${name}), 'hex') as v`, [given]);
        return Buffer.from(String(rows[0].v), 'hex');
      };
      const text = masker.mask(Buffer.from(value), oid, 0);
      assert.ok(text !== null && text.toString() !== value);
      await asSent(text.toString());
      const original = await asSent(value);
      const binary = masker.mask(original, oid, 1);
      assert.ok(binary !== null && !binary.equals(original));
      assert.deepEqual((await asSent(binary)).subarray(0, binary.length), binary);
    });
  }

  test('are the same for the same value and key, and for no other', () => {
    const [one, other] = [createMasker(Buffer.alloc(32, 1)), createMasker(Buffer.alloc(32, 2))];
    const made = (value: string, masker = one) => masker.mask(Buffer.from(value), 25, 0)?.toString() ?? '';
    assert.match(made('bob@example.org'), /^masked_[a-z2-9]{12}$/);
    assert.equal(
      made('bob@example.org'),
      createMasker(Buffer.alloc(32, 1)).mask(Buffer.from('bob@example.org'), 25, 1)?.toString(),
    );
    assert.notEqual(made('bob@example.org'), made('rob@example.org'));
    assert.notEqual(made('bob@example.org'), made('bob@example.org', other));
  });

  test('of a type that is not known are a text, or NULL in binary', () => {
    const masker = createMasker(randomBytes(32));
    assert.match(masker.mask(Buffer.from('(1,2)'), 600, 0)?.toString() ?? '', /^masked_/);
    assert.equal(masker.mask(Buffer.alloc(16), 600, 1), null);
  });
});
