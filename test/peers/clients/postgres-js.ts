// What postgres.js gets to hear, as one JSON line a step. It pipelines by itself, prepares what it runs, and streams
// COPY both ways.

import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import postgres from 'postgres';
import { endedBy, fromEnvironment, step } from './steps.ts';

const { table, tls, user, ...address } = fromEnvironment();
const notices: unknown[] = [];
const statuses: unknown[] = [];
const sql = postgres({
  ...address,
  username: user,
  max: 1,
  ssl: tls === 'off' ? false : { rejectUnauthorized: false },
  ...(tls === 'direct' ? { sslnegotiation: 'direct' } : {}),
  onnotice: ({ severity, code, message, detail, hint }) =>
    notices.push([severity, code, message, detail, hint]),
  onparameter: (key, value) => {
    if (key !== 'application_name' && key !== 'session_authorization') statuses.push([key, value]);
  },
});

async function failureOf(query: PromiseLike<unknown>): Promise<unknown> {
  try {
    await query;
    return 'no error';
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error;
    const { severity, code, message, detail, hint, position, constraint_name: constraint } = error;
    return { severity, code, message, detail, hint, position, constraint };
  }
}

await sql`delete from ${sql(table)}`;
const all = await sql`select * from peer_types order by n`;
step('types', [all, all.columns.map(({ name, type }) => [name, type])]);
const inserted = await Promise.all(
  [1, 2, 3, 4, 5].map(
    (id) => sql`insert into ${sql(table)} values (${id}, ${`note ${id}`}, ${id}) returning *`,
  ),
);
step('pipelined and prepared', inserted);
const { types, columns } = await sql`select ${1}::int as a, ${'x'}::text as b`.describe();
step('described', [types, columns]);
step('raw', await sql`select n, bl, t, "by" from peer_types order by n`.raw());
step('several in one', await sql.unsafe('select 1 as a; select 2 as b').simple());
step(
  'errors amid a pipeline',
  await Promise.all([
    sql`select 1 as before`,
    failureOf(sql`select 1 / ${0}::int`),
    failureOf(sql`insert into ${sql(table)} values (1, 'twice', 1)`),
    failureOf(sql`select nothing from peer_types`),
    sql`select 1 as after`,
  ]),
);
step('transaction', [
  await failureOf(
    sql.begin(async (inside) => {
      await inside`insert into ${inside(table)} values (50, 'gone', 1)`;
      await inside.savepoint((deeper) => deeper`select 1 / 0`).catch(() => undefined);
      await inside`insert into ${inside(table)} values (51, 'less', -1)`;
    }),
  ),
  await sql`select count(*)::int from ${sql(table)}`,
]);
step('notices', [await sql`select peer_notice(3)`, notices]);
const rows: unknown[] = [];
await sql`select generate_series(1, 10) n`.cursor(3, (some) => void rows.push([...some]));
step('cursor', rows);
const into = await sql`copy ${sql(table)} from stdin`.writable();
await pipeline(async function* lines() {
  for (let id = 1_000; id < 4_000; id++) yield `${id}\tcopied ${id}\t${id}\n`;
}, into);
const out = await sql`copy (select * from ${sql(table)} where id >= 1000 order by id) to stdout`.readable();
step('copy', await text(out));
step('large row', await sql`select repeat('x', 6000000) as v`);
step('large parameter', await sql`select length(${'ÿ'.repeat(3_000_000)}::text) as l`);
step('many rows', await sql`select n, md5(n::text) from generate_series(1, 20000) n`);
const heard: string[] = [];
const { promise: both, resolve } = Promise.withResolvers<void>();
const { unlisten } = await sql.listen('peer', (payload) => {
  if (heard.push(payload) === 2) resolve();
});
await sql.notify('peer', 'heard');
await sql.notify('peer', 'x'.repeat(7000));
await both;
await unlisten();
step('notify', heard);
const sleeping = sql`select pg_sleep(60)`;
step('cancel', await endedBy(failureOf(sleeping), () => void sleeping.cancel()));
step('alive', await sql`select 1 as one`);
step('statuses', statuses);
await sql.end();
step('end', null);
