// The expiry bench: thousands of grants on one PostgreSQL end in the same second, 80 of them with a session open
// through the gateway, while people go on working with the API. Then the same again when the second passes while the
// program is dead, and it comes back to all of it.
//   floor   the very statements of a revocation (recorded between connector and target), on a plain pool of 8, against
//           the same server in the same state, right before the deadline and right after the last grant is gone
//   drain   from the deadline (or the start of the program) until the target has said of each that it is gone

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { newId } from '../src/base/ids.ts';
import { openApi } from './api-client.ts';
import { ENTITLEMENT, type ExpiryWorld, startExpiryWorld, until } from './expiry-world.ts';
import { recordPair } from './floor.ts';
import { pace, percentile } from './paced.ts';
import { plainPool, type RecordedPair, replayGrant, replayRevoke } from './recorded-pair.ts';
import { type Bench, type BenchOptions, type Row, rounded } from './rounds.ts';

const GRANTS = { full: 10_000, quick: 1_000 };
const SESSIONS = 80;
const LANES = 8;
const FLOOR_PAIRS = { full: 1_500, quick: 500 };
/** Between the move of all deadlines and the deadline: a poll of the gateway, and a few seconds of calm. */
const LEAD_S = 6;
const DRAIN_LIMIT_MS = 600_000;
const LOOK_MS = 100;
/** What people ask of the API meanwhile, each on its own beat whatever came of the one before. */
const ASKED_PER_SECOND = 20;
const FEWEST_ANSWERS = 100;

export const expiryBench: Bench = {
  measures: 'how many grants end that are due in the same second: cuts, drain, the API meanwhile',
  run: benchExpiry,
};

interface Measured {
  cutP99S: number;
  drainPerS: number;
  floorPerS: number;
  apiP99Ms: number;
  /** The same calls right before, while nothing ends. */
  calmApiP99Ms: number;
}

async function benchExpiry({ quick, say }: BenchOptions): Promise<Row[]> {
  say('Starting Sallyport and a target …');
  await using world = await startExpiryWorld();
  const count = quick ? GRANTS.quick : GRANTS.full;
  const recorded = await recordPair(world.targetUrl, ENTITLEMENT);
  const stage: Stage = { world, recorded, count, pairs: quick ? FLOOR_PAIRS.quick : FLOOR_PAIRS.full, say };
  const running = await measureRunning(stage);
  const restarted = await measureRestarted(stage);
  return [...rowsOf(running, ''), ...rowsOf(restarted, ', after a restart')];
}

function rowsOf(measured: Measured, suffix: string): Row[] {
  const { cutP99S, drainPerS, floorPerS, apiP99Ms, calmApiP99Ms } = measured;
  const row = (
    name: string,
    value: number,
    unit: string,
    goal: number | null,
    better: Row['better'],
  ): Row => ({
    name: `${name}${suffix}`,
    value: rounded(value),
    unit,
    goal,
    better,
  });
  return [
    row('session cut p99 s', cutP99S, 's', 1, 'lower'),
    row('drain / floor', drainPerS / floorPerS, 'ratio', 0.8, 'higher'),
    row('api p99 ms', apiP99Ms, 'ms', 250, 'lower'),
    row('api p99 ms before', calmApiP99Ms, 'ms', null, 'lower'),
    row('drained per s', drainPerS, '1/s', null, 'higher'),
    row('floor per s', floorPerS, '1/s', null, 'higher'),
  ];
}

interface Stage {
  world: ExpiryWorld;
  recorded: RecordedPair;
  count: number;
  pairs: number;
  say: (line: string) => void;
}

async function measureRunning(stage: Stage): Promise<Measured> {
  const { world, say } = stage;
  const sessions = await open(stage);
  const before = await beforeTheEnd(stage);
  const deadlineMs = await world.endAllAt(LEAD_S);
  await delay(deadlineMs - Date.now() - 500);
  const asking = askApi(world);
  await until(DRAIN_LIMIT_MS, world.isOver);
  const drainedMs = Date.now() - deadlineMs;
  const apiP99Ms = await asking.stop(say);
  const cuts = await Promise.all(sessions.map((session) => session.closedAtMs));
  const cutP99S = percentile(
    cuts.map((at) => (at - deadlineMs) / 1000),
    0.99,
  );
  return finish(stage, before, { cutP99S, drainedMs, apiP99Ms });
}

/** The program dies before the deadline and starts after it. */
async function measureRestarted(stage: Stage): Promise<Measured> {
  const { world, say } = stage;
  await open(stage);
  const before = await beforeTheEnd(stage);
  const deadlineMs = await world.endAllAt(LEAD_S);
  await delay(deadlineMs - Date.now() - 2_000);
  await world.sallyport.crash();
  const cutP99S = await lastBackend(world.targetUrl, deadlineMs);
  await world.sallyport.start();
  const startedMs = Date.now();
  const asking = askApi(world);
  await until(DRAIN_LIMIT_MS, world.isOver);
  const drainedMs = Date.now() - startedMs;
  const apiP99Ms = await asking.stop(say);
  return finish(stage, before, { cutP99S, drainedMs, apiP99Ms });
}

/** What the target and the API do while nothing ends. */
async function beforeTheEnd(stage: Stage): Promise<Before> {
  const asking = askApi(stage.world);
  const calmApiP99Ms = await asking.stop(() => undefined);
  return { floorPerS: await floor(stage), calmApiP99Ms };
}

interface Before {
  floorPerS: number;
  calmApiP99Ms: number;
}

async function finish(
  stage: Stage,
  before: Before,
  { cutP99S, drainedMs, apiP99Ms }: { cutP99S: number; drainedMs: number; apiP99Ms: number },
): Promise<Measured> {
  await mustBeEmpty(stage.world.targetUrl);
  const floorPerS = (before.floorPerS + (await floor(stage))) / 2;
  const drainPerS = (stage.count * 1000) / drainedMs;
  stage.say(
    `  drained ${drainPerS.toFixed(0)}/s, floor ${floorPerS.toFixed(0)}/s; cut p99 ${cutP99S.toFixed(2)} s; API p99 ${apiP99Ms.toFixed(0)} ms, ${before.calmApiP99Ms.toFixed(0)} ms before`,
  );
  return { cutP99S, drainPerS, floorPerS, apiP99Ms, calmApiP99Ms: before.calmApiP99Ms };
}

interface OpenSession {
  closedAtMs: Promise<number>;
}

/** All grants, and sessions that hold a cursor, sleep, or idle. */
async function open({ world, count, say }: Stage): Promise<OpenSession[]> {
  const startedAt = performance.now();
  const own = await world.bringUp(count);
  say(`${count} grants are active after ${((performance.now() - startedAt) / 1000).toFixed(0)} s.`);
  const sessions: OpenSession[] = [];
  for (const [at, id] of own.slice(-SESSIONS).entries())
    sessions.push(await openSession(await world.credential(id), at));
  return sessions;
}

const WORK = ['', 'begin; declare c cursor for select * from items; fetch 10 from c', 'select pg_sleep(600)'];

async function openSession(dsn: string, at: number): Promise<OpenSession> {
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  const closedAtMs = new Promise<number>((resolve) => client.once('end', () => resolve(Date.now())));
  await client.connect();
  await client.query('select 1');
  const work = WORK[at % WORK.length] ?? '';
  // The last one never answers; whichever it is, its end is seen by the socket.
  if (work !== '') client.query(work).catch(() => undefined);
  return { closedAtMs };
}

/** Revocations a second on a plain pool; their logins are made first, untimed. */
async function floor({ world, recorded, pairs, say }: Stage): Promise<number> {
  const pool = plainPool(world.targetUrl, LANES);
  try {
    const made: { login: string; grantId: string; oid: number }[] = [];
    await onLanes(pairs, async () => {
      const login = `sp_${randomBytes(13).toString('hex')}`;
      const grantId = newId('grant');
      made.push({ login, grantId, oid: await replayGrant(pool, recorded, login, grantId) });
    });
    const startedAt = performance.now();
    await onLanes(pairs, async () => {
      const one = made.pop();
      if (one !== undefined) await replayRevoke(pool, recorded, one);
    });
    const perSecond = (pairs * 1000) / (performance.now() - startedAt);
    say(`  floor ${perSecond.toFixed(0)} revocations/s`);
    return perSecond;
  } finally {
    await pool.end();
  }
}

async function onLanes(times: number, act: () => Promise<void>): Promise<void> {
  let left = times;
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      while (left-- > 0) await act();
    }),
  );
}

/** Everyday calls, and how long they took from the moment when they were due. */
function askApi(world: ExpiryWorld): { stop(say: (line: string) => void): Promise<number> } {
  const api = openApi(world.sallyport, 'engineer');
  let grantId = '';
  const waiting: string[] = [];
  const calls: (() => Promise<unknown>)[] = [
    () => api.get('/api/me'),
    async () => {
      const page = listed.parse(await api.get('/api/grants?view=mine&limit=20'));
      grantId = page.items[0]?.id ?? grantId;
    },
    () => (grantId === '' ? api.get('/api/targets') : api.get(`/api/grants/${grantId}`)),
    async () => {
      waiting.push(asked.parse(await api.post('/api/requests', ASKED)).request.id);
    },
    () => {
      const id = waiting.shift();
      return id === undefined ? api.get('/api/targets') : api.post(`/api/requests/${id}/cancel`, {});
    },
  ];
  const pacing = pace(ASKED_PER_SECOND, calls);
  return {
    async stop(say) {
      // A short drain still wants enough answers for a 99th percentile.
      while (pacing.count() < FEWEST_ANSWERS) await delay(LOOK_MS);
      const took = await pacing.stop();
      api.close();
      for (const [at, name] of ['me', 'grants', 'grant', 'request', 'cancel'].entries()) {
        const own = took.filter((_, index) => index % calls.length === at);
        say(
          `  ${name.padEnd(8)} p50 ${percentile(own, 0.5).toFixed(0)} ms, worst ${Math.max(...own).toFixed(0)} ms`,
        );
      }
      return percentile(took, 0.99);
    },
  };
}

const listed = z.object({ items: z.array(z.object({ id: z.string() })) });
const asked = z.object({ request: z.object({ id: z.string() }) });
/** Waits for an approval, so that it stays out of what is counted. */
const ASKED = { target: 'orders-db', task: 'fix-orders', duration: '30m', reason: 'work goes on meanwhile' };

/** Seconds after the deadline at which the target still had a backend of a grant; 0: none was left by then. */
async function lastBackend(url: string, deadlineMs: number): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let lastMs = deadlineMs;
  try {
    while (Date.now() < deadlineMs + 3_000) {
      const { rows } = await client.query(
        "select count(*)::int as n from pg_stat_activity where usename like 'sp\\_0%'",
      );
      if (z.object({ n: z.number() }).parse(rows[0]).n > 0) lastMs = Date.now();
      await delay(LOOK_MS);
    }
  } finally {
    await client.end();
  }
  return Math.max(0, lastMs - deadlineMs) / 1000;
}

/** What was said to be gone is gone: no login of a grant is left, by the target's own word. */
async function mustBeEmpty(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      "select count(*)::int as n from pg_roles where rolname like 'sp\\_0%' and rolcanlogin",
    );
    if (z.object({ n: z.number() }).parse(rows[0]).n > 0) throw new Error('Logins are left on the target.');
  } finally {
    await client.end();
  }
}
