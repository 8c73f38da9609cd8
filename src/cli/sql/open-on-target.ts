// The opening of an emergency kit on one target: its function is called in two transactions, so that what is let in
// has been written down and committed before.

import pg from 'pg';
import { codeOf, Failure, messageOf } from '../../base/errors.ts';
import type { KitTarget } from '../../break-glass/kit-file/kit-file.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 20_000;
const WRONG_PASSWORD = '28P01';

export interface Opened {
  /** The target's own word on how long. */
  until: Date;
}

/** Errors: `kit-refused` with the target's own words and what they mean, `cannot-connect`. */
export async function openOnTarget(target: KitTarget, holders: string, reason: string): Promise<Opened> {
  const client = await connect(target);
  try {
    let answer = await call(client, target, holders, reason);
    if (answer.act === 'recorded') answer = await call(client, target, holders, reason);
    if (answer.act === 'let-in') return { until: answer.until };
    throw new Failure(
      'denied',
      'kit-expired',
      `The opening on ${target.name} ended at ${answer.until.toISOString()}; this kit is spent.`,
      {
        hint: 'Once Sallyport is back, the next generation of the kit is made.',
      },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function connect(target: KitTarget): Promise<pg.Client> {
  const ways = target.tls === 'off' ? [false] : target.tls === 'prefer' ? [true, false] : [true];
  let last: unknown;
  for (const tls of ways) {
    const client = new pg.Client({
      host: target.host,
      port: target.port,
      database: target.database,
      user: target.login,
      password: target.password,
      ssl: tls
        ? {
            rejectUnauthorized: target.ca !== undefined,
            ...(target.ca === undefined ? {} : { ca: target.ca }),
          }
        : false,
      application_name: 'sally break-glass open',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      last = error;
      await client.end().catch(() => undefined);
      // The server has spoken: without TLS it would say the same, to everybody on the way.
      if (error instanceof pg.DatabaseError) break;
    }
  }
  throw notLetIn(target, last);
}

function notLetIn(target: KitTarget, cause: unknown): Failure {
  const where = `${target.name} (${target.host}:${target.port})`;
  if (codeOf(cause) === WRONG_PASSWORD) {
    return new Failure(
      'denied',
      'kit-refused',
      `${where} does not let this kit in: its password is not the one any more, or it has expired.`,
      {
        hint: 'The kit is stale or spent. Is there a newer file? Otherwise the target’s own administrators have to help.',
        cause,
      },
    );
  }
  const code = cause instanceof pg.DatabaseError ? 'kit-refused' : 'cannot-connect';
  return new Failure('unavailable', code, `${where} cannot be used: ${messageOf(cause)}.`, {
    hint: 'Can this machine reach it, and does its pg_hba.conf admit logins that begin with sallykit_ from here?',
    cause,
  });
}

async function call(
  client: pg.Client,
  target: KitTarget,
  holders: string,
  reason: string,
): Promise<{ act: string; until: Date }> {
  try {
    const { rows } = await client.query(target.openSql, [holders, reason]);
    const row: { act?: unknown; until?: unknown } = rows[0] ?? {};
    if (typeof row.act === 'string' && row.until instanceof Date) return { act: row.act, until: row.until };
    throw new Error('an unknown answer');
  } catch (cause) {
    throw new Failure('unavailable', 'kit-refused', `${target.name} did not open: ${messageOf(cause)}.`, {
      cause,
    });
  }
}
