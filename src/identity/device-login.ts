// The command line's login where no browser is (RFC 8628): the program shows a short code, its person enters it in the
// portal and sees which machine waits, the program asks at its pace and gets a token, once. Wrong codes are counted by
// person, so that nobody finds another's by trying.

import { createHash, randomBytes, randomInt } from 'node:crypto';
import { sql } from 'kysely';
import type { IssuedToken } from '../api/people.ts';
import type { DeviceLogin, StartedDevice } from '../api/sign-in.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure } from '../base/errors.ts';
import { issueCliToken } from './cli-login.ts';
import { actorOf } from './principals.ts';
import { type BrowserCaller, requireBrowser, type SignInContext } from './sign-in-context.ts';

/** Without vowels, so that no code is a word, and without what looks alike (RFC 8628, 6.1). */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const CODE_LETTERS = 8;
const LIFETIME_SECONDS = 600;
const INTERVAL_SECONDS = 5;
/** What asking too fast adds (RFC 8628, 3.5). */
const SLOWER_SECONDS = 5;
const MOST_FROM_ADDRESS = 100;
const MOST_OPEN = 5_000;
export const MOST_WRONG_CODES = 10;
export const WRONG_CODES_WINDOW_MS = 10 * 60_000;

/** Errors: `too-many-logins`. */
export async function startDeviceLogin(
  ctx: SignInContext,
  machine: string,
  address: string,
): Promise<StartedDevice> {
  const deviceCode = randomBytes(32).toString('base64url');
  const letters = Array.from({ length: CODE_LETTERS }, () => ALPHABET.charAt(randomInt(ALPHABET.length)));
  const code = letters.join('');
  await ctx.db.deleteFrom('device_logins').where('expires_at', '<=', sql<Date>`now()`).execute();
  const { numAffectedRows } = await sql`
    insert into device_logins (device_hash, user_code_hash, machine, source_address, interval_s, expires_at)
    select ${hashOf(deviceCode)}, ${hashOf(code)}, ${machine}, ${address}, ${INTERVAL_SECONDS},
      now() + make_interval(secs => ${LIFETIME_SECONDS})
    where (select count(*) from device_logins where source_address = ${address}) < ${MOST_FROM_ADDRESS}
      and (select count(*) from device_logins) < ${MOST_OPEN}
    on conflict do nothing`.execute(ctx.db);
  if (numAffectedRows !== 1n) {
    throw new Failure('limit', 'too-many-logins', 'Too many logins are under way.', {
      hint: 'Wait a few minutes and try again.',
    });
  }
  return {
    deviceCode,
    userCode: `${code.slice(0, CODE_LETTERS / 2)}-${code.slice(CODE_LETTERS / 2)}`,
    url: `${ctx.publicUrl()}/login/device`,
    intervalSeconds: INTERVAL_SECONDS,
    lifetimeSeconds: LIFETIME_SECONDS,
  };
}

/**
 * Errors: `authorization-pending`; `slow-down`, whose facts name the new interval; `login-refused`; `login-expired`
 * for one that is over, used or nobody's; `account-disabled`.
 */
export async function redeemDeviceLogin(
  ctx: SignInContext,
  deviceCode: string,
  address: string,
): Promise<IssuedToken> {
  const hash = hashOf(deviceCode);
  const { rows } = await sql<{ state: string; interval_s: number; too_fast: boolean }>`
    with before as (select *, coalesce(polled_at > now() - make_interval(secs => interval_s), false) as too_fast
      from device_logins where device_hash = ${hash} and expires_at > now() for update)
    update device_logins d set polled_at = now(),
      interval_s = b.interval_s + case when b.too_fast then ${SLOWER_SECONDS}::int else 0 end
    from before b where d.device_hash = b.device_hash
    returning d.state, d.interval_s, b.too_fast`.execute(ctx.db);
  const [row] = rows;
  if (row === undefined) throw expired();
  if (row.too_fast) {
    throw new Failure('limit', 'slow-down', `Ask every ${row.interval_s} seconds.`, {
      facts: { intervalSeconds: row.interval_s },
    });
  }
  if (row.state === 'pending') throw conflict('authorization-pending', 'Nobody has entered the code yet.');
  // Of two that ask at once, one gets it.
  const taken = await ctx.db
    .deleteFrom('device_logins')
    .where('device_hash', '=', hash)
    .returning(['state', 'principal_id', 'machine', 'mfa_at', 'handed_by'])
    .executeTakeFirst();
  if (taken === undefined || taken.principal_id === null) throw expired();
  if (taken.state === 'denied') throw new Failure('denied', 'login-refused', 'This login was refused.');
  const { machine, mfa_at: mfaAt, handed_by: handedBy } = taken;
  const given = { machine, mfaAt, handedBy, how: 'code' } as const;
  return issueCliToken(ctx, taken.principal_id, given, address);
}

/** Who waits behind the code. Errors: `unknown-code`, noted; `too-many-attempts`, `browser-only`. */
export async function lookAtDeviceLogin(
  ctx: SignInContext,
  caller: BrowserCaller,
  userCode: string,
): Promise<DeviceLogin> {
  requireBrowser(caller);
  await ctx.userCodes.check(caller.principal.id);
  const row = await ctx.db
    .selectFrom('device_logins')
    .select(['machine', 'source_address', 'created_at'])
    .where('user_code_hash', '=', hashOf(lettersOf(userCode)))
    .where('state', '=', 'pending')
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
  if (row === undefined) throw await wrongCode(ctx, caller);
  return { machine: row.machine, address: row.source_address, askedAt: row.created_at.toISOString() };
}

/** Errors: as `lookAtDeviceLogin`. */
export async function decideDeviceLogin(
  ctx: SignInContext,
  caller: BrowserCaller,
  userCode: string,
  allow: boolean,
): Promise<void> {
  requireBrowser(caller);
  await ctx.userCodes.check(caller.principal.id);
  const decided = await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .updateTable('device_logins')
      .set({
        state: allow ? 'allowed' : 'denied',
        principal_id: caller.principal.id,
        mfa_at: sql<Date | null>`(select mfa_at from tokens where id = ${caller.tokenId})`,
        handed_by: [...caller.handedBy],
      })
      .where('user_code_hash', '=', hashOf(lettersOf(userCode)))
      .where('state', '=', 'pending')
      .where('expires_at', '>', sql<Date>`now()`)
      .returning(['machine', 'source_address'])
      .executeTakeFirst();
    if (row === undefined) return false;
    await append(trx, {
      kind: allow ? 'device-login.allowed' : 'device-login.denied',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { machine: row.machine, from: row.source_address },
    });
    return true;
  });
  if (!decided) throw await wrongCode(ctx, caller);
}

async function wrongCode(ctx: SignInContext, caller: BrowserCaller): Promise<Failure> {
  await ctx.userCodes.wrong(caller.principal.id);
  await ctx.failures.note({
    how: 'login',
    code: 'unknown-code',
    address: caller.sourceAddress,
    actor: actorOf(caller.principal),
  });
  return new Failure('not-found', 'unknown-code', 'No login waits behind this code.', {
    hint: 'Codes work for ten minutes, once. Look at the program that shows it.',
  });
}

function expired(): Failure {
  return new Failure('denied', 'login-expired', 'This login is over: too old, or used.', {
    hint: 'Begin again: `sally login --device`.',
  });
}

/** Typed in any case, with or without the dash. */
function lettersOf(userCode: string): string {
  return userCode.toUpperCase().replaceAll(/[^A-Z]/g, '');
}

function hashOf(code: string): Buffer {
  return createHash('sha256').update(code).digest();
}
