// What node-postgres gets to hear, as one JSON line a step: run against a server and through the gateway, it must say
// the same. The driver has no COPY and no pipelining of its own.

import pg from 'pg';
import { endedBy, fromEnvironment, step } from './steps.ts';

const { table, tls, ...address } = fromEnvironment();
const ssl = tls === 'off' ? false : { rejectUnauthorized: false };
const config: pg.ClientConfig = {
  ...address,
  ssl,
  ...(tls === 'direct' ? { sslnegotiation: 'direct' as const } : {}),
};

const client = new pg.Client(config);
const notices: unknown[] = [];
const notifications: unknown[] = [];
client.on('notice', ({ severity, code, message, detail, hint }) =>
  notices.push([severity, code, message, detail, hint]),
);
client.on('notification', ({ channel, payload }) => notifications.push([channel, payload]));
await client.connect();

const rowsOf = async (text: string, values?: unknown[]) => (await client.query(text, values)).rows;
async function failureOf(text: string, values?: unknown[]): Promise<unknown> {
  try {
    await client.query(text, values);
    return 'no error';
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { severity, code, message, detail, hint, position, table, column, constraint } = error;
    return { severity, code, message, detail, hint, position, table, column, constraint };
  }
}

await client.query(`delete from ${table}`);
step('types', await rowsOf('select * from peer_types order by n'));
step('fields', (await client.query('select * from peer_types limit 0')).fields);
const binary: pg.QueryArrayConfig & { binary: boolean } = {
  text: 'select n, b, bl, t, "by", nothing from peer_types order by n',
  binary: true,
  rowMode: 'array',
};
step('binary', (await client.query(binary)).rows);
const prepared = [];
for (let id = 1; id <= 5; id++) {
  const values = [id, `note ${id}`, id * 1.5];
  const query = { name: 'keep', text: `insert into ${table} values ($1, $2, $3) returning *`, values };
  const { command, rowCount, rows } = await client.query(query);
  prepared.push([command, rowCount, rows]);
}
step('prepared', prepared);
step('several in one', (await client.query('select 1 as a; select 2 as b; ;')) satisfies unknown);
step('empty', await client.query(''));
step('errors', [
  await failureOf('select 1/0'),
  await failureOf('select nothing from peer_types'),
  await failureOf('selct 1'),
  await failureOf(`insert into ${table} values ($1, 'twice', 1)`, [1]),
  await failureOf(`insert into ${table} values ($1, 'less', -1)`, [99]),
  await failureOf('select $1::int', ['no number']),
]);
await client.query('begin');
step('transaction', [
  await failureOf('select 1/0'),
  await failureOf('select 1'),
  (await client.query('commit')).command,
  await rowsOf('select 1 as after'),
]);
step('notices', [await rowsOf('select peer_notice(3)'), notices]);
await client.query('listen peer');
await client.query("notify peer, 'heard'; select pg_notify('peer', repeat('x', 7000))");
await rowsOf('select 1');
step('notify', notifications);
await client.query('begin; declare c cursor for select generate_series(1, 10) n');
step('cursor', [await rowsOf('fetch 3 from c'), await rowsOf('fetch 20 from c')]);
await client.query('rollback');
step('large row', [
  (
    await rowsOf("select length(repeat('x', 6000000)) l, md5(repeat('x', 6000000)) m, repeat('x', 6000000) v")
  )[0],
]);
step('large parameter', await rowsOf('select length($1::text), md5($1::text)', ['ÿ'.repeat(3_000_000)]));
step('many rows', await rowsOf('select n, md5(n::text) from generate_series(1, 20000) n'));
step(
  'cancel',
  await endedBy(failureOf('select pg_sleep(60)'), () => {
    // The driver's own way, which its types do not tell: a connection of its own that sends the key. TLS is not for it.
    const canceller = new pg.Client({ ...config, ssl: false, sslnegotiation: 'postgres' });
    if (!('cancel' in canceller) || typeof canceller.cancel !== 'function') throw new Error('no cancel');
    canceller.cancel(client, Reflect.get(client, '_activeQuery') ?? Reflect.get(client, 'activeQuery'));
  }),
);
await client.query("set timezone = 'Asia/Tokyo'");
step('settings', await rowsOf("select current_setting('timezone'), current_user = session_user as same"));
await client.end();
step('end', null);
