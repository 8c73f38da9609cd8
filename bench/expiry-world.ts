// The stage of the expiry bench: the real program in its own process, a target on a server of its own with everything
// durable, and thousands of grants that the program itself brings up there; their intents are written as `submit`
// writes them, only many in a transaction.

import { sql } from 'kysely';
import pg from 'pg';
import { z } from 'zod';
import { issuedCredential } from '../src/api/grants.ts';
import { submitted } from '../src/api/requests.ts';
import { appendFor, SYSTEM_ACTOR } from '../src/audit/append.ts';
import { newId } from '../src/base/ids.ts';
import { type Db, openStore } from '../src/db/client.ts';
import { loadAsked } from '../src/grants/facts.ts';
import { intentOf } from '../src/grants/intend.ts';
import { startPostgres, type TestPostgres } from '../test/harness/postgres.ts';
import {
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../test/harness/sallyport.ts';

const DATABASE = 'bench';
const SEGMENT = 'bench';
const TARGET = 'bench-db';
const TASK = 'read-bench';
const SERVER_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_connections: '200',
};
export const ENTITLEMENT = {
  schemas: ['public'],
  tables: [{ name: 'public.items', privileges: ['SELECT'] }],
};
const LIFETIME_S = 3_600;
/** Nobody holds thousands by himself: a question about the engineer must not be one about all of them. */
const HOLDERS = 10;
const COLLEAGUE_ID = 'prn_00000000000000000000beef';
/** Intents in one transaction; few enough that all of them are brought up long before they would be given up. */
const BATCH = 2_000;
const BRING_UP_LIMIT_MS = 300_000;
const LOOK_MS = 200;

const POLICY = `
@id("bench")
@description("Engineers read what is measured with.")
@owner("bench")
@maxDuration("8h")
@record("required")
permit (
  principal in Group::"engineering",
  action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"${SEGMENT}"
)
when { context.task == Task::"${TASK}" };
`;

export interface ExpiryWorld extends AsyncDisposable {
  sallyport: Sallyport;
  /** The target's superuser, in the database of the grants. */
  targetUrl: string;
  /** Brings up that many, of the engineer and colleagues in turn; gives the ids of the engineer's own. */
  bringUp(count: number): Promise<string[]>;
  /** A secret for a grant; gives the connection string through the gateway. */
  credential(grantId: string): Promise<string>;
  /** Moves the end of all that live; gives it in ms of this machine's clock, which is the store's too. */
  endAllAt(inSeconds: number): Promise<number>;
  /** Every grant is verified absent. */
  isOver(): Promise<boolean>;
}

/** `env` is added to the program's environment. */
export async function startExpiryWorld(env: Record<string, string> = {}): Promise<ExpiryWorld> {
  const target = await startPostgres({ version: 18, settings: SERVER_SETTINGS });
  let sallyport: Sallyport | null = null;
  try {
    await ask(target.adminUrl, `create database ${DATABASE}`);
    await ask(target.url(DATABASE), 'create table items as select n as id from generate_series(1, 100000) n');
    sallyport = await startSallyport(env);
    await protect(sallyport, target);
    return worldOf(sallyport, target);
  } catch (error) {
    await sallyport?.[Symbol.asyncDispose]();
    await target.stop();
    throw error;
  }
}

function worldOf(sallyport: Sallyport, target: TestPostgres): ExpiryWorld {
  // The store's port may be another one after each start of the program.
  const withStore = async <T>(act: (db: Db) => Promise<T>): Promise<T> => {
    const db = openStore({
      connectionString: sallyport.storeUrl(),
      poolSize: 1,
      onError: () => undefined,
    });
    try {
      return await act(db);
    } finally {
      await db.destroy();
    }
  };
  return {
    sallyport,
    targetUrl: target.url(DATABASE),
    async bringUp(count) {
      const example = await exampleRequest(sallyport);
      const holders = await withStore((db) => holdersLike(db, example.grantId));
      const own = [example.grantId];
      for (let made = 1; made < count; ) {
        const now = Math.min(BATCH, count - made);
        own.push(...(await withStore((db) => intendMany(db, example, now, holders))));
        made += now;
        await until(BRING_UP_LIMIT_MS, async () => (await withStore(activeOf)) === made);
      }
      return own;
    },
    async credential(grantId) {
      const { dsn } = await sallyport.ask(
        'engineer',
        'POST',
        `/api/grants/${grantId}/credentials`,
        issuedCredential,
        {},
      );
      return `${dsn}?sslmode=disable`;
    },
    endAllAt: (inSeconds) =>
      withStore(async (db) => {
        const { rows } = await sql<{ at: Date }>`
          with due as (select date_trunc('second', now()) + make_interval(secs => ${inSeconds}) as at)
          update grants set expires_at = due.at, native_expires_at = due.at + interval '5 min', version = version + 1
          from due where wanted = 'present' and observed = 'present' returning due.at`.execute(db);
        return z.object({ at: z.date() }).parse(rows[0]).at.getTime();
      }),
    isOver: () =>
      withStore(async (db) => {
        // Not counted: the store would spend a good part of the drain on it.
        const { rows } = await sql<{ over: boolean }>`
          select not exists (select from grants where wanted = 'present')
            and not exists (select from grants where wanted = 'absent' and observed <> 'absent') as over`.execute(
          db,
        );
        return z.object({ over: z.boolean() }).parse(rows[0]).over;
      }),
    async [Symbol.asyncDispose]() {
      await sallyport[Symbol.asyncDispose]();
      await target.stop();
    },
  };
}

interface Example {
  requestId: string;
  grantId: string;
}

async function exampleRequest(sallyport: Sallyport): Promise<Example> {
  const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    target: TARGET,
    task: TASK,
    duration: `${LIFETIME_S}s`,
    reason: 'measure how thousands of grants end',
  });
  const grant = z.object({ id: z.string(), state: z.literal('active') }).parse(got.grant);
  return { requestId: got.request.id, grantId: grant.id };
}

/** Whoever holds the example, and colleagues in the same groups, made here the first time. */
async function holdersLike(db: Db, grantId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with own as (
      select p.* from principals p join grants g on g.principal_id = p.id where g.id = ${grantId}),
    made as (
      insert into principals (id, kind, name, display_name, account_type)
      select ${COLLEAGUE_ID} || lpad(n::text, 2, '0'), kind, name || '-' || n, display_name || ' ' || n, account_type
      from own, generate_series(1, ${HOLDERS - 1}::int) n on conflict do nothing returning id),
    joined as (
      insert into memberships (group_id, principal_id)
      select m.group_id, made.id from memberships m join own on m.principal_id = own.id, made returning principal_id)
    select id from own union all select id from made
    union all select id from principals where id like ${COLLEAGUE_ID} || '%' order by id desc`.execute(db);
  return [...new Set(rows.map(({ id }) => id))].sort(
    (a, b) => Number(isColleague(a)) - Number(isColleague(b)),
  );
}

const isColleague = (id: string) => id.startsWith(COLLEAGUE_ID);

/**
 * As many as asked for, each with a request, its decision and its entry, like the one that policy has decided; `holders`
 * in turn. Gives the ids of those of the first holder.
 */
async function intendMany(db: Db, example: Example, count: number, holders: string[]): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    const like = await trx
      .selectFrom('grants as g')
      .innerJoin('decisions as d', 'd.request_id', 'g.request_id')
      .select(['g.principal_id', 'g.target_id', 'g.task_id', 'd.policy_digest'])
      .where('g.id', '=', example.grantId)
      .executeTakeFirstOrThrow();
    const asked = await loadAsked(trx, { targetId: like.target_id, taskId: like.task_id });
    const requestIds = Array.from({ length: count }, () => newId('request'));
    await copyRows(trx, 'requests', example.requestId, requestIds);
    await copyRows(trx, 'decisions', example.requestId, requestIds);
    const ids: string[] = [];
    for (const [at, requestId] of requestIds.entries()) {
      const principalId = holders[at % holders.length] ?? like.principal_id;
      const intent = intentOf({
        requestId,
        principalId,
        asked,
        durationSeconds: LIFETIME_S,
        actor: SYSTEM_ACTOR,
        policyDigest: like.policy_digest,
        startsAt: null,
      });
      await sql`with intended as (${intent.insert} returning id) ${appendFor('intended', [intent.entry])}`.execute(
        trx,
      );
      if (principalId === like.principal_id) ids.push(intent.id);
    }
    await sql`update requests r set requester_id = g.principal_id from grants g
      where g.request_id = r.id and r.id = any(${requestIds}::text[])`.execute(trx);
    return ids;
  });
}

async function copyRows(
  trx: Db,
  table: 'requests' | 'decisions',
  likeRequest: string,
  requestIds: string[],
): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select attname as name from pg_attribute where attrelid = ${table}::regclass and attnum > 0 and not attisdropped
    order by attnum`.execute(trx);
  const key = table === 'requests' ? 'id' : 'request_id';
  const own: Record<string, ReturnType<typeof sql>> = {
    [key]: sql`n.id`,
    ...(table === 'decisions' ? { id: sql`replace(n.id, 'req_', 'dec_')` } : {}),
  };
  const columns = rows.map(({ name }) => own[name] ?? sql`${sql.ref(`o.${name}`)}`);
  await sql`insert into ${sql.table(table)} (${sql.join(rows.map(({ name }) => sql.ref(name)))})
    select ${sql.join(columns)} from ${sql.table(table)} o, unnest(${requestIds}::text[]) n(id)
    where ${sql.ref(`o.${key}`)} = ${likeRequest}`.execute(trx);
}

async function activeOf(db: Db): Promise<number> {
  const { rows } = await sql<{ active: number }>`
    select count(*)::int as active from grants where wanted = 'present' and observed = 'present'`.execute(db);
  return z.object({ active: z.number() }).parse(rows[0]).active;
}

/** What an administrator would do: the target, its task, the policy. */
async function protect(sallyport: Sallyport, target: TestPostgres): Promise<void> {
  const admin = new URL(target.adminUrl);
  await sallyport.ask('admin', 'POST', '/api/targets', z.unknown(), {
    name: TARGET,
    kind: 'postgres',
    segment: SEGMENT,
    environment: 'bench',
    settings: { host: admin.hostname, port: Number(admin.port), database: DATABASE, tls: 'off' },
    admin: { user: admin.username, password: decodeURIComponent(admin.password) },
  });
  await sallyport.ask('admin', 'POST', '/api/tasks', z.unknown(), {
    name: TASK,
    kind: 'postgres',
    description: 'Read what is measured with.',
    segment: SEGMENT,
    entitlement: ENTITLEMENT,
  });
  await publishPolicies(sallyport, { ...(await policiesInForce(sallyport)), 'bench.cedar': POLICY });
}

async function ask(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Errors: an Error when `met` does not come true in time. */
export async function until(limitMs: number, met: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + limitMs;
  while (!(await met())) {
    if (performance.now() > endsAt) throw new Error(`It did not come true within ${limitMs / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
