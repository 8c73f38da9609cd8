// Letting a session in: the login's verifiers first (an unknown login looks like a known one), and after the proof
// one transaction that looks at the grant under a lock, decides `connect` with the socket's address, and writes the
// session and its entry. What it gives the gateway is all that the gateway ever learns of a grant.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { SCRAM_ITERATIONS } from '../base/scram.ts';
import { Secret } from '../base/secret.ts';
import { publish } from '../events/events.ts';
import { actorOf, principalById } from '../identity/principals.ts';
import type { Obligations } from '../policy/engine/facts.ts';
import { mergeSessionControls, type SessionControls } from '../policy/engine/session-controls.ts';
import { storeDecision } from '../policy/publish.ts';
import { storeGraceSeconds } from '../targets/segments.ts';
import type { GrantsContext } from './context.ts';
import { decisionFacts, loadAsked } from './facts.ts';
import { hostTicket } from './host-certificate.ts';
import { refuseWhileKilled } from './kill-scope.ts';
import { letIn } from './let-in.ts';
import { gatewaySalt, targetPassword } from './plan.ts';
import { ticketMask } from './session-mask.ts';
import { refuseSecondSession, startClock } from './session-terms.ts';
import type { LiveVerdict, LoginChallenge, OpenInput, SessionTicket } from './session-ticket.ts';
import { isFresh } from './step-up.ts';
import { nextGrantTruth } from './transitions.ts';

/** Sessions that one grant may have open at a time. */
export const MOST_SESSIONS_PER_GRANT = 100;

const DIAL_TIMEOUT_MS = 5_000;

/** The SCRAM parameters of a login. For an unknown one they are stable too, and no proof ever fits. */
export async function challengeFor(ctx: GrantsContext, login: string): Promise<LoginChallenge> {
  const rows = await ctx.db
    .selectFrom('credentials as c')
    .innerJoin('grants as g', 'g.id', 'c.grant_id')
    .select(['c.id', 'c.stored_key', 'c.server_key', 'g.password_key'])
    .where('g.login', '=', login)
    .where('g.wanted', '=', 'present')
    .execute();
  return {
    salt: gatewaySalt(ctx.masterKey, login, rows[0]?.password_key),
    iterations: SCRAM_ITERATIONS,
    candidates: rows.map((row) => ({
      credentialId: row.id,
      storedKey: row.stored_key,
      serverKey: row.server_key,
    })),
  };
}

/** Errors: `grant-<state>`, `expired`, `wrong-database`, `connect-denied`, `step-up-required`, `too-many-sessions`, `grant-used`, `killed`, `wrong-protocol`; each is in the log too. */
export async function openSession(ctx: GrantsContext, input: OpenInput): Promise<SessionTicket> {
  const found = await ctx.db
    .selectFrom('credentials as c')
    .innerJoin('grants as g', 'g.id', 'c.grant_id')
    .select([
      'g.id',
      'g.principal_id',
      'g.target_id',
      'g.task_id',
      'g.request_id',
      'g.login',
      'g.duration_s',
      'g.password_key',
    ])
    .select(sql<boolean>`exists (select from reviews v where v.grant_id = g.id)`.as('break_glass'))
    .select(['g.session_use', 'g.claim_s'])
    .select([
      sql<number | null>`floor(extract(epoch from now() - c.mfa_at))::float8`.as('mfa_age_s'),
      sql<number | null>`floor(extract(epoch from c.issued_at - c.mfa_at))::float8`.as('mfa_age_at_issue_s'),
    ])
    .where('c.id', '=', input.credentialId)
    .where('g.login', '=', input.login)
    .executeTakeFirst();
  if (found === undefined)
    throw new Failure('denied', 'unknown-credential', 'This credential belongs to no grant.');
  const [principal, asked, endpoint, request] = await Promise.all([
    principalById(ctx.db, found.principal_id),
    loadAsked(ctx.db, { targetId: found.target_id, taskId: found.task_id }),
    ctx.targets.endpoint(found.target_id),
    ctx.db
      .selectFrom('requests')
      .select(['reason', 'ticket', 'obligations'])
      .where('id', '=', found.request_id)
      .executeTakeFirstOrThrow(),
  ]);
  const rules = ctx.tasks.session(asked.task);
  const database = rules.database ?? endpoint.database;
  const refuse = async (code: string, message: string): Promise<never> => {
    await ctx.db.transaction().execute((trx) =>
      append(trx, {
        kind: 'session.refused',
        actor: actorOf(principal),
        requestId: found.request_id,
        grantId: found.id,
        targetId: found.target_id,
        sourceAddress: input.clientAddress,
        detail: { code, database: input.database, application: input.application },
      }),
    );
    throw new Failure('denied', code, message);
  };
  if ((rules.host === undefined) !== (input.protocol === undefined))
    return refuse('wrong-protocol', `${asked.target.name} is reached by another protocol than this.`);
  if (input.database !== database) {
    return refuse('wrong-database', `This grant is for the database "${database}" only.`);
  }
  if (principal.disabled) return refuse('principal-disabled', 'This account is disabled.');
  await refuseWhileKilled(ctx.db, principal, asked.target).catch((error: unknown) =>
    error instanceof Failure && error.code === 'killed'
      ? refuse(error.code, error.message)
      : Promise.reject(error),
  );
  const policies = ctx.policies.current();
  const facts = decisionFacts(principal, asked, {
    sourceAddress: input.clientAddress,
    durationSeconds: found.duration_s,
    reason: request.reason,
    ticket: request.ticket,
    mfaAgeSeconds: found.mfa_age_s === null ? null : Math.max(0, found.mfa_age_s),
  });
  const { action, verdict } = letIn(policies, facts, found.break_glass);
  if (!verdict.allowed) {
    const why = verdict.reasons.map((item) => item.text).join(' ');
    return refuse('connect-denied', `Policy does not let this session in: ${why}`);
  }
  if (verdict.obligations.stepUp === 'passkey' && !isFresh(found.mfa_age_at_issue_s)) {
    return refuse(
      'step-up-required',
      `Policy wants a passkey for sessions here: use yours on the portal, ${ctx.publicUrl()}, and take a new secret there.`,
    );
  }

  const classes = new Set([...verdict.obligations.mask, ...(request.obligations as Obligations).mask]);
  const on = { targetId: found.target_id, kind: asked.target.kind, database };
  const mask = await ticketMask(ctx, on, [...classes]).catch(async (error: unknown) => {
    if (error instanceof Failure && error.kind === 'denied') return refuse(error.code, error.message);
    throw error;
  });

  const recorded = [verdict.obligations, request.obligations as Obligations];
  const controls = mergeSessionControls([verdict.obligations, request.obligations as Obligations]);
  const graceSeconds = await storeGraceSeconds(ctx.db, asked.target.segment);
  const sessionId = newId('session');
  const opened = await ctx.db.transaction().execute(async (trx) => {
    const grant = await trx
      .selectFrom('grants')
      .select([
        'wanted',
        'observed',
        'expires_at',
        'activated_at',
        'bundled',
        'landing_s',
        sql<number>`(extract(epoch from expires_at - clock_timestamp()) * 1000)::float8`.as('ms'),
      ])
      .where('id', '=', found.id)
      // Of several at once that would start its clock or be its only session, one is the first.
      .$if(found.session_use === 'once' || found.claim_s !== null, (q) => q.forUpdate())
      .$if(found.session_use !== 'once' && found.claim_s === null, (q) => q.forShare())
      .executeTakeFirstOrThrow();
    nextGrantTruth(grant, 'open-session');
    if (grant.ms <= 0 || grant.expires_at === null) {
      throw new Failure('denied', 'expired', 'This grant has expired.');
    }
    if (found.session_use === 'once') await refuseSecondSession(trx, found.id);
    const { count } = await trx
      .selectFrom('sessions')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('grant_id', '=', found.id)
      .where('ended_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (count >= MOST_SESSIONS_PER_GRANT) {
      throw new Failure(
        'limit',
        'too-many-sessions',
        `This grant has ${MOST_SESSIONS_PER_GRANT} sessions open already.`,
      );
    }
    await trx
      .insertInto('sessions')
      .values({
        id: sessionId,
        grant_id: found.id,
        principal_id: principal.id,
        target_id: found.target_id,
        task_id: found.task_id,
        gateway: input.gateway,
        client_address: input.clientAddress,
        application: input.application,
        masked: mask?.classes ?? [],
        label_version: mask?.labelVersion ?? null,
        controls: JSON.stringify(controls),
        keep_s: keepSeconds(ctx.recordings, controls.keepRecordingSeconds),
      })
      .execute();
    await storeDecision(trx, {
      requestId: found.request_id,
      grantId: found.id,
      action,
      policyDigest: policies.digest,
      facts,
      decided: verdict,
    });
    await append(trx, {
      kind: 'session.opened',
      actor: actorOf(principal),
      requestId: found.request_id,
      grantId: found.id,
      sessionId,
      targetId: found.target_id,
      sourceAddress: input.clientAddress,
      policyDigest: policies.digest,
      detail: { target: asked.target.name, task: asked.task.name, database, application: input.application },
    });
    await publish(trx, { topic: 'sessions', id: sessionId });
    const claimed =
      found.claim_s === null
        ? null
        : await startClock(trx, {
            grantId: found.id,
            sessionId,
            holder: principal,
            from: input.clientAddress,
          });
    const host =
      rules.host === undefined
        ? null
        : await hostTicket(ctx, trx, {
            ...{ grantId: found.id, login: found.login, terms: rules.host, endpoint, recorded },
            target: asked.target.name,
            entry: {
              actor: actorOf(principal),
              requestId: found.request_id,
              sessionId,
              targetId: found.target_id,
              sourceAddress: input.clientAddress,
              policyDigest: policies.digest,
            },
          });
    return {
      host,
      remainingMs: claimed?.ms ?? grant.ms,
      expiresAtMs: (claimed?.expiresAt ?? grant.expires_at).getTime(),
      landingMs: grant.landing_s * 1_000,
    };
  });

  return {
    sessionId,
    grantId: found.id,
    principal: { id: principal.id, name: principal.name },
    target: asked.target.name,
    targetId: found.target_id,
    task: asked.task.name,
    database,
    ...opened,
    storeGraceMs: graceSeconds * 1000,
    guard: rules.guard,
    mask,
    budget: budgetOf(controls),
    approveStatements: controls.approveStatements?.kinds ?? null,
    literals: literalsOf(ctx, controls),
    label: `${principal.name} ${found.id}`,
    upstream: {
      user: found.login,
      password: targetPassword(ctx.masterKey, found),
      database,
      tls: endpoint.tls,
      host: endpoint.host,
      ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
      dial: () => ctx.targets.dial({ host: endpoint.host, port: endpoint.port, timeoutMs: DIAL_TIMEOUT_MS }),
    },
  };
}

/** Fixed here, for good: null is for ever. */
function keepSeconds(
  { keepSeconds: usual, keepAtLeastSeconds: floor }: GrantsContext['recordings'],
  named: number | null | undefined,
): number | null {
  const seconds = named === undefined ? usual : named;
  return seconds === null ? null : Math.max(seconds, floor ?? 0);
}

const LITERALS_KEY_BYTES = 32;

/** One key for the installation: the same value has the same hash in all recordings. */
function literalsOf(ctx: GrantsContext, { literals: mode }: SessionControls): SessionTicket['literals'] {
  if (mode === undefined) return null;
  const key = ctx.masterKey.derive('literals', 'installation', LITERALS_KEY_BYTES).toString('base64');
  return { mode, key: new Secret(key) };
}

function budgetOf({ maxRows, maxBytes }: SessionControls): SessionTicket['budget'] {
  if (maxRows === undefined && maxBytes === undefined) return null;
  return { rows: maxRows ?? null, bytes: maxBytes ?? null };
}

/** How long each of these grants still lives by the store's clock, for sessions that are open; one query. */
export async function liveVerdicts(
  ctx: GrantsContext,
  grantIds: string[],
): Promise<Map<string, LiveVerdict>> {
  const verdicts = new Map<string, LiveVerdict>(grantIds.map((id) => [id, 'over']));
  if (grantIds.length === 0) return verdicts;
  const rows = await ctx.db
    .selectFrom('grants')
    .select([
      'id',
      'expires_at',
      'landing_s',
      sql<number>`(extract(epoch from expires_at - clock_timestamp()) * 1000)::float8`.as('ms'),
    ])
    .where('id', 'in', grantIds)
    .where('wanted', '=', 'present')
    .where('observed', '=', 'present')
    .execute();
  for (const { id, ms, expires_at: end, landing_s: landing } of rows) {
    if (ms + landing * 1_000 > 0 && end !== null)
      verdicts.set(id, { remainingMs: ms, expiresAtMs: end.getTime() });
  }
  return verdicts;
}
