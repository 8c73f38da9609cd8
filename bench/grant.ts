// The grant bench, 8 at a time, all on one target (the demo's, fsync on, as shipped), in turns:
//   floor       the very statements that the connector sends for a grant and its revocation (recorded at the start
//               between connector and target: CREATE ROLE with comment, membership and settings in one block, then
//               NOLOGIN + REVOKE committed, pg_terminate_backend, DROP ROLE, absence by OID), on a plain pool of 8
//   connector   registry → open → grant, revoke
//   whole path  POST /api/requests?wait → active, POST /api/grants/:id/done?wait → revoked (the target has said that it
//               is gone), through the real program in its own process, its embedded store with fsync on

import pg from 'pg';
import { z } from 'zod';
import { newId } from '../src/base/ids.ts';
import { DEMO_TARGET } from '../src/demo/demo.ts';
import { DEMO_TASKS } from '../src/demo/tasks.ts';
import { startSallyport } from '../test/harness/sallyport.ts';
import { type Api, openApi } from './api-client.ts';
import { connectorPair, newLogin, openConnector, recordPair } from './floor.ts';
import { plainPool, replay } from './recorded-pair.ts';
import {
  type Bench,
  type BenchOptions,
  interleave,
  median,
  medianRatio,
  perSecond,
  type Row,
  rounded,
} from './rounds.ts';

const LANES = 8;
/** Turns are short and many: what else the machine does then falls on all contenders alike. */
const ROUNDS = { full: 21, quick: 7 };
const ROUND_MS = { full: 1_500, quick: 1_000 };
/** Until the program's own code is compiled. */
const WARM_UP_MS = { full: 4_000, quick: 2_000 };
const WAIT_SECONDS = 20;
const TASK = 'read-orders';
const ENTITLEMENT = DEMO_TASKS.find((task) => task.name === TASK)?.entitlement;

export const grantBench: Bench = {
  measures: 'pairs of grant and revocation a second, against the same statements on a plain pool',
  run: benchGrant,
};

async function benchGrant({ quick, say }: BenchOptions): Promise<Row[]> {
  say('Starting Sallyport with its demo …');
  await using sallyport = await startSallyport();
  const url = sallyport.adminUrl();
  const connector = openConnector(new URL(url), null);
  const pool = plainPool(url, LANES);
  const api = openApi(sallyport, 'engineer');
  try {
    const recorded = await recordPair(url, ENTITLEMENT);
    say(`A pair is ${recorded.grant.length} + ${recorded.revoke.length} trips to the target.`);
    const contenders = {
      floor: () => replay(pool, recorded, newLogin(), newId('grant')),
      connector: () => connectorPair(connector, ENTITLEMENT),
      'whole path': () => wholePath(api),
    };
    for (const act of Object.values(contenders))
      await perSecond(LANES, quick ? WARM_UP_MS.quick : WARM_UP_MS.full, act);
    const forMs = quick ? ROUND_MS.quick : ROUND_MS.full;
    const results = await interleave(
      {
        floor: () => perSecond(LANES, forMs, contenders.floor),
        connector: () => perSecond(LANES, forMs, contenders.connector),
        'whole path': () => perSecond(LANES, forMs, contenders['whole path']),
      },
      quick ? ROUNDS.quick : ROUNDS.full,
      (name, value) => say(`  ${name.padEnd(12)} ${value.toFixed(0)} pairs/s`),
    );
    await mustBeEmpty(url);
    const ratio = (name: keyof typeof results) => rounded(medianRatio(results[name], results.floor));
    const pairs = (name: keyof typeof results): Row => ({
      name: `${name} pairs per s`,
      value: rounded(median(results[name])),
      unit: '1/s',
      goal: null,
      better: 'higher',
    });
    return [
      { name: 'connector / floor', value: ratio('connector'), unit: 'ratio', goal: 0.8, better: 'higher' },
      { name: 'whole path / floor', value: ratio('whole path'), unit: 'ratio', goal: 0.4, better: 'higher' },
      pairs('floor'),
      pairs('connector'),
      pairs('whole path'),
    ];
  } finally {
    api.close();
    await pool.end();
    await connector.close();
  }
}

const asked = z.object({ grant: z.object({ id: z.string(), state: z.literal('active') }) });
const returned = z.object({ state: z.literal('revoked'), absentAt: z.string() });

async function wholePath(api: Api): Promise<void> {
  const { grant } = asked.parse(
    await api.post(`/api/requests?wait=${WAIT_SECONDS}`, {
      target: DEMO_TARGET,
      task: TASK,
      duration: '10m',
      reason: 'measure how fast a privilege comes and goes',
    }),
  );
  returned.parse(await api.post(`/api/grants/${grant.id}/done?wait=${WAIT_SECONDS}`, {}));
}

/** What was said to be gone is gone: no login of a grant is left, by the target's own word. */
async function mustBeEmpty(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      "select rolname from pg_roles where rolname like 'sp\\_%' and rolcanlogin",
    );
    if (rows.length > 0) throw new Error(`${rows.length} logins are left on the target.`);
  } finally {
    await client.end();
  }
}
