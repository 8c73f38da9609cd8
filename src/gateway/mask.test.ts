// Masking, against a real server and a real driver: canaries in masked columns never reach the client, the recording or
// an error, whatever is asked, in both protocols and both formats. Every question is either answered with tokens or
// refused; the target alone would have answered it, which is shown once without the mask.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { dial, startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { skipWithout } from '../../test/harness/services.ts';
import { int, logInByWire, msg, openWire } from '../../test/harness/wire.ts';
import { Secret } from '../base/secret.ts';
import { maskCatalog } from '../connectors/kinds/postgres/catalog.ts';
import { closeClient, createClient } from '../connectors/kinds/postgres/client.ts';
import { readRecording } from '../sessions/read-recording.ts';

const MAIL = 'canary.bird@nest.example';
const PHONE = '+49 170 5550123';
const CARD = '4111 1111 1111 1111';
/** What may never be seen, in whole or as the halves that a computation might leave. */
const CANARIES = [
  MAIL,
  MAIL.toUpperCase(),
  'canary.bird',
  'nest.example',
  '5550123',
  '4111 1111',
  '4111111111111111',
  'elpmaxe.tsen',
];

const TABLES = `
  create table customers (id int primary key, name text, email text unique, phone varchar(40), born date, ssn numeric,
    tags text[], card int);
  insert into customers values (1, 'Ada', '${MAIL}', '${PHONE}', '1985-04-01', 8504011234, null, 1),
    (2, 'Bob', 'bob@home.example', null, '1990-01-02', 9001021234, '{a}', 2);
  create table events (id int, payload text, doc jsonb);
  insert into events values (1, 'paid with ${CARD} by ${MAIL}', '{"mail": "${MAIL}"}'), (2, 'order 1234 5678 9012 3456', '{}');
  alter table customers add loud text generated always as (upper(email)) stored;
  create table people (id int, prénom text);
  insert into people values (1, '${MAIL}');
  create view customer_list as select id, email from customers;
  create table places (id int, email text) partition by range (id);
  create table places_1 partition of places for values from (0) to (10);
  insert into places values (1, '${MAIL}');
  create function mail_of_event(events) returns text language sql security definer as 'select email from customers';
  create function name(int) returns text language sql security definer as 'select email from customers where id = $1';
  create function tell() returns trigger language plpgsql as $$ begin perform pg_notify('news', new.email); return new; end $$;
  create trigger tell after update on customers for each row execute function tell();
  create function mail_of(int) returns text language sql security definer as 'select email from customers where id = $1'`;

const REFUSED: Record<string, string[]> = {
  'computed from it': [
    'select lower(email) from customers',
    'select reverse(loud) from customers',
    'select reverse(email), md5(email), length(email), email::bytea from customers',
    'select min(email) from customers',
    'select coalesce(email, phone) from customers',
    'select array_agg(email) from customers',
    'select row_to_json(c) from customers c',
    'select c from customers c',
    'select c.row_to_json from customers c',
    'select (c).email from customers c',
    "select string_agg(email, ',') from customers",
    'select c.to_json, id as to_json from customers c',
    'select c.concat, concat(1) from customers c',
    'update customers set name = name where id = 1 returning old',
    'update customers set name = name where id = 1 returning new::text',
  ],
  'compared or sorted by it': [
    "select id from customers where email like 'c%'",
    'select id from customers order by email',
    'select * from customers order by 3',
    'select count(*) from customers group by phone',
    'select email, id, count(*) from customers group by (1, 2)',
    'select distinct on (1) email, id from customers',
    'select c.id from customers c join places p using (email)',
    'select c.id from customers c natural join places p',
  ],
  'in set operations, copies and other tables': [
    'select email from customers union all select email from customers',
    'insert into events (id, payload) select id, email from customers',
    'create temp table t as select * from customers',
    'select email into temp t from customers',
    'create temp table events as execute mails',
    'create temp table pg_mine as execute mails',
  ],
  'through views, functions and the server’s own samples': [
    'select email from customer_list',
    'select mail_of(1)',
    'select public.name(1)',
    "select cursor_to_xml('c', 10, false, false, '')",
    // The same call, as PostgreSQL also reads it.
    'select (1).mail_of',
    'select n.mail_of from generate_series(1, 1) n',
    'select e.mail_of_event from events e',
    "select most_common_vals from pg_stats where tablename = 'customers'",
    "select query_to_xml('select email from customers', true, true, '')",
    "do $$ begin raise notice '%', (select email from customers where id = 1); end $$",
  ],
};
const RIGHTS = [
  'grant select, insert, update on customers, events to $',
  'grant select on customer_list, places, places_1, people to $',
];
const UNMASKED = new Set<string>();

for (const version of [15, 18] as const) {
  describe(`masking on PostgreSQL ${version}`, { skip: version === 15 && skipWithout('postgres15') }, () => {
    let world: World;
    let masked: WorldGrant;

    before(async () => {
      world = await startWorld({ version });
      await world.admin.query(TABLES);
      masked = await world.grant({ mask: await ticketMask(world), rights: RIGHTS });
    });
    after(async () => {
      await noCanaryIn(world.dataFolder);
      await world.stop();
    });

    test('a column comes out as tokens: the same for the same value, of its own type', async () => {
      await using client = await connected(world, masked);
      const { rows } = await client.query('select * from customers order by id');
      const [ada, bob] = rows;
      assert.match(ada.email, /^masked_/);
      assert.match(ada.phone, /^masked_/);
      assert.match(ada.loud, /^masked_/);
      assert.deepEqual([ada.name, bob.name, bob.phone], ['Ada', 'Bob', null]);
      assert.ok(ada.born instanceof Date && ada.born.getFullYear() !== 1985);
      assert.notEqual(ada.email, bob.email);
      const again = await client.query({
        text: 'select c.email as contact, p.email from customers c join places p using (id) where c.id = $1',
        values: [1],
      });
      assert.deepEqual(again.rows, [{ contact: ada.email, email: ada.email }]);
      assert.deepEqual(client.seen(), []);
    });

    test('in every form of the protocol that gives rows', async () => {
      await using client = await connected(world, masked);
      const token = (await client.query('select email from customers where id = 1')).rows[0].email;
      const first = async (text: string, values: unknown[] = []) => {
        const { rows } = await client.query<Record<string, unknown>>(text, values);
        return Object.values(rows[0] ?? {})[0];
      };
      assert.equal(await first('select email from customers where id = $1', [1]), token);
      const named = { name: 'by-id', text: 'select email from customers where id = $1', values: [1] };
      for (let turn = 0; turn < 2; turn++) assert.equal((await client.query(named)).rows[0].email, token);
      await client.query('begin');
      await client.query('declare c cursor for select id, email from customers order by id');
      assert.equal((await client.query('fetch 1 from c')).rows[0].email, token);
      await client.query('commit');
      await client.query('prepare p as select email from customers where id = $1');
      assert.equal(await first('execute p(1)'), token);
      assert.equal(
        await first('with c as (select email, id from customers) select email from c where id = 1'),
        token,
      );
      assert.equal(await first('select x.email from (select * from customers) x where x.id = 1'), token);
      assert.equal(await first('update customers set name = name where id = 1 returning email'), token);
      assert.equal(await first('select email from places_1'), token);
      assert.equal(await first('table places').then(() => first('select email from places')), token);
      assert.deepEqual(client.seen(), []);
    });

    test('a client that never asks what its rows are gets tokens too, and no answer that it did not ask for', async () => {
      const wire = await openWire(world.gateway.port);
      await logInByWire(wire, masked.login, masked.secret);
      const bind = msg('B', '', '', int(0, 2), int(0, 2), int(1, 2), int(1, 2));
      const pipeline = [
        msg('P', '', 'select email from customers order by id', int(0, 2)),
        bind,
        msg('E', '', int(1)),
        msg('E', '', int(0)),
        msg('S'),
        msg('P', 's', 'select phone from customers where id = 1', int(0, 2)),
        msg('D', 'Ss'),
        msg('B', '', 's', int(0, 2), int(0, 2), int(0, 2)),
        msg('D', 'P'),
        msg('E', '', int(0)),
        msg('S'),
        msg('Q', 'select email from customers where id = 1; select 1'),
        msg('P', '', 'select 1 / (id - id) from customers', int(0, 2)),
        msg('B', '', '', int(0, 2), int(0, 2), int(0, 2)),
        msg('E', '', int(0)),
        msg('S'),
        msg('P', '', '', int(0, 2)),
        msg('B', '', '', int(0, 2), int(0, 2), int(0, 2)),
        msg('E', '', int(0)),
        msg('S'),
      ];
      wire.send(...pipeline);
      const types: string[] = [];
      let bytes = '';
      for (let i = 0; i < 5; i++) {
        const answers = await wire.until('Z');
        types.push(answers.map((one) => one.type).join(''));
        bytes += answers.map((one) => one.body.toString('latin1')).join('|');
      }
      assert.deepEqual(types, ['12DsDCZ', '1tT2TDCZ', 'TDCTDCZ', '12EZ', '12IZ']);
      assert.equal(bytes.match(/masked_/g)?.length, 4);
      for (const canary of CANARIES) assert.ok(!bytes.includes(canary), canary);
      wire.send(msg('X'));
      await wire.closed;
    });

    for (const [what, texts] of Object.entries(REFUSED)) {
      test(`refused: ${what}`, async () => {
        await using client = await connected(world, masked);
        for (const text of texts) {
          for (const values of [undefined, []]) {
            await assert.rejects(
              client.query({ text, ...(values === undefined ? {} : { values }) }),
              (error: unknown) => {
                assert.ok(error instanceof pg.DatabaseError, text);
                assert.equal(error.code, '42501', `${text}: ${error.message}`);
                assert.ok((error.hint ?? '').length > 0, text);
                return true;
              },
            );
          }
        }
        assert.deepEqual(client.seen(), []);
      });
    }

    test('errors and notices that quote values are redacted, to the client and in the recording', async () => {
      await using client = await connected(world, masked);
      const notices: string[] = [];
      client.on('notice', (notice) => notices.push(`${notice.message} ${notice.detail}`));
      await assert.rejects(
        client.query(`insert into customers (id, email) values (3, $1)`, [MAIL]),
        (error: unknown) => {
          assert.ok(error instanceof pg.DatabaseError);
          assert.deepEqual(
            [error.code, error.constraint, error.detail],
            ['23505', 'customers_email_key', undefined],
          );
          assert.match(error.message, /details are withheld/);
          return true;
        },
      );
      await assert.rejects(client.query('select payload::int from events'), {
        code: '22P02',
        message: /withheld/,
      });
      await assert.rejects(client.query('select * from no_such_table'), {
        code: '42501',
        message: /was not there/,
      });
      assert.deepEqual(client.seen(), []);
    });

    test('a notification comes without its payload', async () => {
      await using client = await connected(world, masked);
      const told = new Promise<pg.Notification>((resolve) => client.once('notification', resolve));
      await client.query('listen news');
      await client.query('update customers set name = name where id = 1');
      const { channel, payload } = await told;
      assert.deepEqual([channel, payload], ['news', '']);
      assert.deepEqual(client.seen(), []);
    });

    test('a column is masked under its name in another encoding too', async () => {
      const wire = await openWire(world.gateway.port);
      await logInByWire(wire, masked.login, masked.secret);
      const upper = Buffer.from('select upper(pr\xe9nom) from people\0', 'latin1');
      wire.send(msg('Q', "set client_encoding = 'LATIN1'"), msg('Q', upper));
      await wire.until('Z');
      const answers = await wire.until('Z');
      assert.deepEqual(
        answers.map((one) => one.type),
        ['E', 'Z'],
      );
      assert.match(answers[0]?.body.toString('latin1') ?? '', /is masked/);
      wire.send(msg('X'));
      await wire.closed;
    });

    test('what looks like a card or an address is replaced wherever it was computed', async () => {
      await using client = await connected(world, masked);
      const { rows } = await client.query(
        'select payload, upper(payload) as loud, doc, doc::text as t from events order by id',
      );
      assert.match(rows[0].payload, /^paid with masked_\w+ by masked_\w+$/);
      assert.equal(rows[1].payload, 'order 1234 5678 9012 3456', 'no checksum, no card');
      assert.match(JSON.stringify(rows[0].doc), /masked_/);
      const copied = await copyOut(client, 'copy (select id, payload from events) to stdout');
      assert.match(copied, /masked_/);
      assert.deepEqual(client.seen(), []);
    });

    test('a table that came later is not read before the next session', async () => {
      await using client = await connected(world, masked);
      await world.admin.query(
        'create table if not exists copied as select * from customers; grant select on copied to public',
      );
      await assert.rejects(client.query('select email from copied'), { message: /copied was not there/ });
      assert.deepEqual(client.seen(), []);
    });

    test('a row too large to be masked ends the session; nothing of it goes out', async () => {
      await using client = await connected(world, masked);
      await assert.rejects(client.query("select email, repeat('x', 20000000) from customers where id = 1"));
      assert.deepEqual(client.seen(), []);
    });

    test('without the mask the target answers all of it', async () => {
      const open = await world.grant({ rights: RIGHTS });
      await using client = await connected(world, open);
      const { rows } = await client.query('select lower(email) as e from customers where id = 1');
      assert.equal(rows[0].e, MAIL);
      assert.notDeepEqual(client.seen(), []);
      UNMASKED.add(open.id);
    });
  });
}

type Watched = pg.Client & AsyncDisposable & { seen(): string[] };

/** A client whose every byte from the gateway is looked through. */
async function connected(world: World, grant: WorldGrant): Promise<Watched> {
  const client = new pg.Client({ connectionString: world.url(grant) });
  client.on('error', () => undefined);
  await client.connect();
  const chunks: Buffer[] = [];
  Reflect.get(client, 'connection').stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return Object.assign(client, {
    seen: () => found(Buffer.concat(chunks)),
    [Symbol.asyncDispose]: () => client.end(),
  });
}

function found(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  return CANARIES.filter((canary) => text.includes(canary));
}

function copyOut(client: pg.Client, text: string): Promise<string> {
  const parts: Buffer[] = [];
  Reflect.get(client, 'connection').on('copyData', ({ chunk }: { chunk: Buffer }) => parts.push(chunk));
  return client.query(text).then(() => Buffer.concat(parts).toString());
}

/** What grants would have put into the ticket. */
async function ticketMask(world: World) {
  const client = createClient({
    id: 'tgt_1',
    name: 'orders-db',
    settings: { host: '127.0.0.1', port: world.target.port, database: 'orders', tls: 'off' },
    admin: {
      user: new URL(world.target.adminUrl).username,
      password: new Secret(new URL(world.target.adminUrl).password),
    },
    mark: { installation: 'ins_1', epoch: 1 },
    dial: ({ port }) => dial(port),
  });
  try {
    const labelled = [
      'customers.email',
      'customers.phone',
      'customers.born',
      'customers.ssn',
      'places.email',
      'people.prénom',
    ].map((one) => {
      const [table = '', column = ''] = one.split('.');
      return { schema: 'public', table, column };
    });
    const catalog = await maskCatalog(client, 'orders', labelled, AbortSignal.timeout(10_000));
    return {
      classes: ['pii', 'cards', 'mail'],
      labelVersion: 0,
      key: new Secret(Buffer.alloc(32, 9).toString('base64')),
      ...catalog,
    };
  } finally {
    await closeClient(client);
  }
}

/** Recordings of masked sessions hold what was sent, and of what came back nothing that is masked. */
async function noCanaryIn(folder: string): Promise<void> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sprec'),
  );
  assert.ok(files.length > 3);
  for (const name of files) {
    const { header, statements } = await readRecording(join(folder, name), { from: 0, limit: 10_000 });
    if (header === null || UNMASKED.has(header.grantId)) continue;
    const told = JSON.stringify(statements.map(({ error, ...rest }) => [error, rest.rows]));
    assert.deepEqual(found(Buffer.from(told)), [], name);
  }
}
