// Secrets for the gateway: each call issues one more, at most five a grant, kept as a SCRAM verifier only. They work
// for this grant and nowhere else, and only through the gateway.

import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { IssuedCredential } from '../api/grants.ts';
import { append } from '../audit/append.ts';
import { Failure, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { SCRAM_ITERATIONS, scramKeys } from '../base/scram.ts';
import { actorOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import { gatewaySalt } from './plan.ts';
import type { Caller } from './submit.ts';
import { nextGrantTruth } from './transitions.ts';

export const MOST_CREDENTIALS = 5;
const SECRET_BYTES = 24;

/** Only the grant's own principal. Errors: `unknown-grant`, `grant-<state>`, `too-many-credentials`. */
export async function issueCredential(
  ctx: GrantsContext,
  caller: Caller,
  grantId: string,
): Promise<IssuedCredential> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const grant = await ctx.db
    .selectFrom('grants')
    .innerJoin('tasks', 'tasks.id', 'grants.task_id')
    .select(['grants.id', 'login', 'password_key', 'target_id', 'tasks.kind', 'tasks.entitlement'])
    .where('grants.id', '=', grantId)
    .where('principal_id', '=', caller.principal.id)
    .executeTakeFirst();
  if (grant === undefined) throw notFound('grant', grantId);
  const keys = await scramKeys(
    secret,
    gatewaySalt(ctx.masterKey, grant.login, grant.password_key),
    SCRAM_ITERATIONS,
  );
  const terms = ctx.tasks.session(grant);
  const database = terms.database ?? (await ctx.targets.endpoint(grant.target_id)).database;
  const expiresAt = await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('grants')
      .select(['id', 'request_id', 'wanted', 'observed', 'expires_at', 'target_id'])
      .select(['bundled', 'activated_at'])
      .where('id', '=', grantId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    nextGrantTruth(row, 'issue-credential');
    const { count } = await trx
      .selectFrom('credentials')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('grant_id', '=', grantId)
      .executeTakeFirstOrThrow();
    if (count >= MOST_CREDENTIALS) {
      throw new Failure(
        'limit',
        'too-many-credentials',
        `This grant has its ${MOST_CREDENTIALS} secrets already.`,
        {
          hint: 'Use one of those, or return the grant and ask again.',
        },
      );
    }
    const id = newId('credential');
    await trx
      .insertInto('credentials')
      .values({
        id,
        grant_id: grantId,
        stored_key: keys.storedKey,
        server_key: keys.serverKey,
        issued_to: caller.principal.id,
        mfa_at:
          caller.mfaAgeSeconds === null
            ? null
            : sql<Date>`now() - make_interval(secs => ${caller.mfaAgeSeconds})`,
      })
      .execute();
    await append(trx, {
      kind: 'credential.issued',
      actor: actorOf(caller.principal),
      requestId: row.request_id,
      grantId,
      targetId: row.target_id,
      sourceAddress: caller.sourceAddress,
      detail: { credentialId: id, number: count + 1 },
    });
    if (row.expires_at === null)
      throw new Failure('conflict', 'grant-granting', 'This grant is not active yet.');
    return row.expires_at;
  });
  const { host, port } = terms.host === undefined ? ctx.gatewayAddress : ctx.sshAddress;
  const address = `${grant.login}:${secret}@${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (terms.host === undefined)
    return {
      dsn: `postgres://${address}/${encodeURIComponent(database)}`,
      expiresAt: expiresAt.toISOString(),
    };
  return { dsn: `ssh://${address}`, expiresAt: expiresAt.toISOString(), hostKey: ctx.sshAddress.hostKey };
}
