// A certificate for a person's own key, for use without the gateway: asked as a session is asked, because it is one as
// far as Sallyport can see. Where policy wants more than a host can do by itself (a recording, one session only), there
// is none, and the answer says where to go.

import type { IssuedCertificate } from '../api/hosts.ts';
import { Failure, notFound } from '../base/errors.ts';
import { actorOf } from '../identity/principals.ts';
import type { Obligations } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import { parsePublicLine } from '../ssh/keys.ts';
import { cannotMask } from '../targets/labels.ts';
import type { GrantsContext } from './context.ts';
import { decisionFacts, loadAsked } from './facts.ts';
import { hostUser, signForGrant } from './host-certificate.ts';
import { refuseWhileKilled } from './kill-scope.ts';
import { letIn } from './let-in.ts';
import { requireStepUp } from './step-up.ts';
import type { Caller } from './submit.ts';
import { nextGrantTruth } from './transitions.ts';

/** Those for sessions through the gateway count too. */
export const MOST_CERTIFICATES = 500;
/** It ends with the grant, and a day is the longest that one is good for; another is one call away. */
const LONGEST_SECONDS = 86_400;

/**
 * Only the grant's own principal. Errors: `unknown-grant`, `grant-<state>`, `not-a-host`, `gateway-only`,
 * `connect-denied`, `step-up-required`, `cannot-mask`, `killed`, `too-many-certificates`, `expired`.
 */
export async function issueCertificate(
  ctx: GrantsContext,
  caller: Caller,
  grantId: string,
  publicKey: string,
): Promise<IssuedCertificate> {
  const key = parsePublicLine(publicKey, 'publicKey');
  const found = await ctx.db
    .selectFrom('grants as g')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .select([
      'g.login',
      'g.target_id',
      'g.task_id',
      'g.request_id',
      'g.duration_s',
      'g.session_use',
      'g.claim_s',
    ])
    .select(['r.reason', 'r.ticket', 'r.obligations'])
    .select((eb) =>
      eb
        .exists(eb.selectFrom('reviews as v').select('v.id').whereRef('v.grant_id', '=', 'g.id'))
        .as('broken'),
    )
    .where('g.id', '=', grantId)
    .where('g.principal_id', '=', caller.principal.id)
    .executeTakeFirst();
  if (found === undefined) throw notFound('grant', grantId);
  const [asked, endpoint] = await Promise.all([
    loadAsked(ctx.db, { targetId: found.target_id, taskId: found.task_id }),
    ctx.targets.endpoint(found.target_id),
  ]);
  const { host: terms } = ctx.tasks.session(asked.task);
  if (terms === undefined)
    throw new Failure('invalid', 'not-a-host', 'Certificates are for hosts; this target is none.', {
      hint: `Use: sally connect ${asked.target.name}`,
    });
  await refuseWhileKilled(ctx.db, caller.principal, asked.target);
  const policies = ctx.policies.current();
  const facts = decisionFacts(caller.principal, asked, {
    sourceAddress: caller.sourceAddress,
    durationSeconds: found.duration_s,
    reason: found.reason,
    ticket: found.ticket,
    mfaAgeSeconds: caller.mfaAgeSeconds,
  });
  const { action, verdict } = letIn(policies, facts, found.broken === true);
  if (!verdict.allowed) {
    const why = verdict.reasons.map((item) => item.text).join(' ');
    throw new Failure('denied', 'connect-denied', `Policy does not let this session in: ${why}`);
  }
  requireStepUp(ctx, caller, verdict.obligations);
  const obligations = [verdict.obligations, found.obligations as Obligations];
  if (obligations.some((one) => one.mask.length > 0)) throw cannotMask(asked.target.kind);
  const gateway = (why: string) =>
    new Failure('denied', 'gateway-only', `${why}, so it is reached through the gateway only.`, {
      hint: `Use: sally connect ${asked.target.name} --task ${asked.task.name}`,
    });
  if (obligations.some((one) => one.record === 'required'))
    throw gateway(`Policy wants sessions on ${asked.target.name} recorded`);
  if (obligations.some((one) => one.maxBytes !== undefined))
    throw gateway(`Policy limits how much is read from ${asked.target.name}, which a host does not count`);
  if (found.session_use !== null || found.claim_s !== null)
    throw gateway('This grant goes with its sessions, which a host does not tell of');

  return ctx.db.transaction().execute(async (trx) => {
    const grant = await trx
      .selectFrom('grants')
      .select(['wanted', 'observed', 'expires_at', 'bundled', 'activated_at'])
      .where('id', '=', grantId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    nextGrantTruth(grant, 'issue-credential');
    const { count } = await trx
      .selectFrom('host_certificates')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('grant_id', '=', grantId)
      .executeTakeFirstOrThrow();
    if (count >= MOST_CERTIFICATES)
      throw new Failure(
        'limit',
        'too-many-certificates',
        `This grant has its ${MOST_CERTIFICATES} certificates already.`,
        { hint: 'Return the grant and ask again.' },
      );
    const { login } = found;
    await storeDecision(trx, {
      ...{ requestId: found.request_id, grantId, action, policyDigest: policies.digest, facts },
      decided: verdict,
    });
    const signed = await signForGrant(ctx, trx, {
      ...{ grantId, login, terms, key, holder: 'person', forSeconds: LONGEST_SECONDS },
      target: asked.target.name,
      entry: {
        actor: actorOf(caller.principal),
        requestId: found.request_id,
        targetId: found.target_id,
        sourceAddress: caller.sourceAddress,
        policyDigest: policies.digest,
      },
    });
    return {
      ...{ certificate: signed.certificate, serial: signed.serial, keyId: login, target: asked.target.name },
      host: endpoint.host,
      port: endpoint.port,
      user: hostUser(terms, login),
      hostKeys: endpoint.hostKeys ?? [],
      validUntil: signed.validUntil.toISOString(),
    };
  });
}
