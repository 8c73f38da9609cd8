// The gateway bench: the real program in its own process, recording and guard on, in front of one target with pgbench's
// tables; beside it, in front of the same target, PgBouncer (session pooling), a pipe in Node that looks at nothing, and
// nothing at all. Eight clients of pgbench, simple protocol unless said; contenders in turns.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { MISSING, services } from '../test/harness/services.ts';
import { type BenchWorld, MASKED_COLUMN, startBenchWorld } from './gateway-world.ts';
import { idleSessionKb } from './idle-sessions.ts';
import { type Peer, startBarePipe, startPgbouncer } from './peers.ts';
import { copiesPerSecond, type Load, latencyP50Us, transactionsPerSecond } from './pgbench.ts';
import {
  type Bench,
  type BenchOptions,
  interleave,
  median,
  medianRatio,
  type Row,
  rounded,
} from './rounds.ts';

interface Plan {
  scale: number;
  /** Until the program's own code is compiled. */
  warmUpSeconds: number;
  selectRounds: number;
  otherRounds: number;
  copies: number;
  idleSessions: number;
}

const FULL: Plan = {
  scale: 10,
  warmUpSeconds: 8,
  selectRounds: 11,
  otherRounds: 7,
  copies: 1,
  idleSessions: 1_000,
};
const QUICK: Plan = {
  scale: 5,
  warmUpSeconds: 4,
  selectRounds: 5,
  otherRounds: 3,
  copies: 1,
  idleSessions: 400,
};
/**
 * Turns are short and many: what else the machine does then falls on all contenders alike. Shorter ones would measure
 * how sessions begin and end, which costs the gateway entries in the log and PgBouncer nothing.
 */
const TURN_SECONDS = 2;

export const gatewayBench: Bench = {
  measures: 'what the PostgreSQL gateway costs, against PgBouncer, a bare pipe and no proxy at all',
  run: benchGateway,
};

async function benchGateway({ quick, say }: BenchOptions): Promise<Row[]> {
  const { pgbench, psql, pgbouncer } = services;
  if (pgbench === null) throw new Error(`${MISSING.pgbench}: there is nothing to measure with.`);
  const plan = quick ? QUICK : FULL;
  say('Starting Sallyport and a target with pgbench’s tables …');
  await using world = await startBenchWorld(pgbench, plan.scale);
  const peers = await startPeers(world, pgbouncer, say);
  try {
    const through = (await world.throughGateway()).href;
    const direct = world.direct.href;
    const context: Context = { plan, pgbench, through, direct, say };
    const idle = await idleRow(world, plan, say);
    const rows = [...(await selectOnly(context, peers)), ...(await otherLoads(context, peers))];
    rows.push(...(await masked(context, (await world.throughMask()).href)));
    if (psql === null) say(`${MISSING.psql}: the row "copy out / direct" is left out.`);
    else rows.push(await copyOut(context, psql));
    rows.push(await latency(context));
    return [...rows, ...idle];
  } finally {
    await Promise.all(Object.values(peers).map((peer) => peer.stop()));
  }
}

interface Context {
  plan: Plan;
  pgbench: string;
  through: string;
  direct: string;
  say: BenchOptions['say'];
}

async function startPeers(
  world: BenchWorld,
  pgbouncer: string | null,
  say: BenchOptions['say'],
): Promise<Record<string, Peer>> {
  const pipe = await startBarePipe(Number(world.direct.port));
  if (pgbouncer === null) {
    say(`${MISSING.pgbouncer}: the row "select-only / pgbouncer" is left out.`);
    return { 'bare pipe': pipe };
  }
  return { pgbouncer: await startPgbouncer(pgbouncer, world.direct), 'bare pipe': pipe };
}

const SELECT_GOALS: Readonly<Record<string, number | null>> = {
  pgbouncer: 1,
  'bare pipe': 0.9,
  direct: null,
};

async function selectOnly(context: Context, peers: Record<string, Peer>): Promise<Row[]> {
  const { plan, pgbench, through, direct, say } = context;
  const load: Load = { script: 'select-only', protocol: 'simple', seconds: TURN_SECONDS };
  const urls = {
    gateway: through,
    ...Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, atPort(direct, peer.port)])),
    direct,
  };
  await transactionsPerSecond(pgbench, through, { ...load, seconds: plan.warmUpSeconds });
  const results = await interleave(
    Object.fromEntries(
      Object.entries(urls).map(([name, url]) => [name, () => transactionsPerSecond(pgbench, url, load)]),
    ),
    plan.selectRounds,
    (name, value) => say(`  select-only, ${name.padEnd(9)} ${value.toFixed(0)} tps`),
  );
  const { gateway = [], ...others } = results;
  const rows = Object.entries(others).map(([name, values]) =>
    ratioRow(`select-only / ${name}`, gateway, values, SELECT_GOALS[name] ?? null),
  );
  const { 'bare pipe': pipe, pgbouncer } = others;
  // What any proxy in Node could reach in this run: it says how much of the first row is Node's and how much is ours.
  if (pipe !== undefined && pgbouncer !== undefined)
    rows.push(ratioRow('bare pipe / pgbouncer', pipe, pgbouncer, null));
  return rows;
}

async function otherLoads(context: Context, peers: Record<string, Peer>): Promise<Row[]> {
  const { plan, pgbench, through, direct, say } = context;
  const loads: [name: string, goal: number | null, load: Omit<Load, 'seconds'>][] = [
    ['prepared', null, { script: 'select-only', protocol: 'prepared' }],
    ['tpcb-like', 0.85, { script: 'tpcb-like', protocol: 'simple' }],
  ];
  const rows: Row[] = [];
  for (const [name, goal, kind] of loads) {
    const load = { ...kind, seconds: TURN_SECONDS };
    const at = (url: string) => () => transactionsPerSecond(pgbench, url, load);
    const { pgbouncer } = peers;
    const contenders: Record<string, () => Promise<number>> = { gateway: at(through), direct: at(direct) };
    if (pgbouncer !== undefined) contenders.pgbouncer = at(atPort(direct, pgbouncer.port));
    const results = await interleave(contenders, plan.otherRounds, (who, value) =>
      say(`  ${name}, ${who.padEnd(9)} ${value.toFixed(0)} tps`),
    );
    const { gateway = [], direct: floor = [], pgbouncer: peer } = results;
    rows.push(ratioRow(`${name} / direct`, gateway, floor, goal));
    // Every proxy takes its time from the same processors; this is what PgBouncer takes.
    if (peer !== undefined) rows.push(ratioRow(`${name}, pgbouncer / direct`, peer, floor, null));
  }
  return rows;
}

/** A select that gives one column masked and one plain, where a mask is in force, where none is, and direct. */
async function masked({ plan, pgbench, through, direct, say }: Context, masking: string): Promise<Row[]> {
  await mustMask(masking);
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-masked-'));
  try {
    const script = join(folder, 'select.sql');
    writeFileSync(script, SELECT_BOTH);
    const load: Load = { script, protocol: 'simple', seconds: TURN_SECONDS };
    const results = await interleave(
      {
        masked: () => transactionsPerSecond(pgbench, masking, load),
        plain: () => transactionsPerSecond(pgbench, through, load),
        direct: () => transactionsPerSecond(pgbench, direct, load),
      },
      plan.otherRounds,
      (who, value) => say(`  select with a masked column, ${who.padEnd(9)} ${value.toFixed(0)} tps`),
    );
    return [
      ratioRow('masked select / direct', results.masked, results.direct, null),
      ratioRow('masked select / not masked', results.masked, results.plain, null),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function mustMask(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(SELECT_BOTH.replace(/^.*\n/, '').replace(':aid', '1'));
    const seen = String(Object.values(rows[0] ?? {})[1]);
    if (!seen.startsWith('masked_')) throw new Error(`No mask is in force: ${seen}`);
  } finally {
    await client.end();
  }
}

const SELECT_BOTH = `\\set aid random(1, 100000 * :scale)
SELECT aid, ${MASKED_COLUMN.split('.').at(-1)} FROM pgbench_accounts WHERE aid = :aid;
`;

async function copyOut({ plan, through, direct, say }: Context, psql: string): Promise<Row> {
  const results = await interleave(
    {
      gateway: () => copiesPerSecond(psql, through, plan.copies),
      direct: () => copiesPerSecond(psql, direct, plan.copies),
    },
    plan.otherRounds,
    (who, value) => say(`  copy out, ${who.padEnd(9)} ${value.toFixed(2)} tables/s`),
  );
  return ratioRow('copy out / direct', results.gateway, results.direct, 0.8);
}

async function latency({ plan, pgbench, through, direct, say }: Context): Promise<Row> {
  const results = await interleave(
    {
      gateway: () => latencyP50Us(pgbench, through, TURN_SECONDS),
      direct: () => latencyP50Us(pgbench, direct, TURN_SECONDS),
    },
    plan.otherRounds,
    (who, value) => say(`  latency p50, ${who.padEnd(9)} ${value.toFixed(0)} us`),
  );
  const added = results.gateway.map((value, round) => value - (results.direct[round] ?? Number.NaN));
  return {
    name: 'latency added p50 us',
    value: rounded(median(added)),
    unit: 'us',
    goal: 80,
    better: 'lower',
  };
}

async function idleRow(world: BenchWorld, plan: Plan, say: BenchOptions['say']): Promise<Row[]> {
  say(`Opening ${plan.idleSessions} sessions …`);
  const kb = await idleSessionKb(world.sallyport.pid(), plan.idleSessions, world.throughGateway);
  if (kb === null) {
    say('This system does not tell how large a process is: the row "idle session kB" is left out.');
    return [];
  }
  return [{ name: 'idle session kB', value: rounded(kb), unit: 'kB', goal: 100, better: 'lower' }];
}

function atPort(url: string, port: number): string {
  const moved = new URL(url);
  moved.port = String(port);
  return moved.href;
}

function ratioRow(name: string, values: number[], floors: number[], goal: number | null): Row {
  return { name, value: rounded(medianRatio(values, floors)), unit: 'ratio', goal, better: 'higher' };
}
