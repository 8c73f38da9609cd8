// An approval decides again, by the policies and facts of now: what differs from the card is a conflict, not a yes.

import { sql } from 'kysely';
import { digestOf } from '../base/canonical-json.ts';
import { conflict } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { decide } from '../policy/engine/decide.ts';
import { decideExtension } from '../policy/engine/extension.ts';
import type { Decided } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import { circumstancesOf, type Open, type RequestRow } from './approve.ts';
import { bundleDigest, decideTogether } from './bundle.ts';
import type { GrantsContext } from './context.ts';
import { requestDigest } from './facts.ts';
import { requestChanged } from './refusals.ts';
import { atStart } from './start.ts';

// True when what was asked, or what policy says of it, is no longer what the card showed; the row then holds the new.
export async function decideAgain(ctx: GrantsContext, trx: Trx, open: Open): Promise<boolean> {
  const { row, asked, requester } = open;
  if (open.members.length > 0) return decideBundleAgain(ctx, trx, open);
  const facts = atStart(open.facts, row.starts_at);
  const policies = ctx.policies.current();
  const { asRequest, decided } =
    row.extends_grant === null ? alike(decide(policies, facts)) : decideExtension(policies, facts);
  const digest = requestDigest({
    requesterId: requester.id,
    asked,
    circumstances: circumstancesOf(row),
    extendsGrant: row.extends_grant,
  });
  if (digest !== row.digest) throw requestChanged();
  await storeDecision(trx, {
    requestId: row.id,
    action: 'approve',
    policyDigest: policies.digest,
    facts,
    decided: asRequest,
  });
  return noteDecision(trx, row, decided);
}

async function decideBundleAgain(
  ctx: GrantsContext,
  trx: Trx,
  { row, requester, members }: Open,
): Promise<boolean> {
  const policies = ctx.policies.current();
  const all = members.map(({ facts }) => atStart(facts, row.starts_at));
  const decided = decideTogether(policies, all);
  const circumstances = circumstancesOf(row);
  const digests = members.map(({ asked }) =>
    requestDigest({ requesterId: requester.id, asked, circumstances }),
  );
  if (bundleDigest(digests) !== row.digest) throw requestChanged();
  for (const [place, facts] of all.entries()) {
    const own = decided.each[place];
    if (own === undefined) continue;
    const stored = {
      requestId: row.id,
      action: 'approve',
      policyDigest: policies.digest,
      facts,
      decided: own,
    } as const;
    await storeDecision(trx, stored);
    await trx
      .updateTable('request_members')
      .set({ outcome: own.outcome, obligations: JSON.stringify(own.obligations) })
      .where('request_id', '=', row.id)
      .where('place', '=', place)
      .execute();
  }
  return noteDecision(trx, row, { ...decided, enough: decided.each.flatMap((one) => one.enough) });
}

async function noteDecision(
  trx: Trx,
  row: RequestRow,
  decided: Pick<Decided, 'outcome' | 'obligations' | 'reasons' | 'enough'>,
): Promise<boolean> {
  const same = decided.outcome === row.outcome && digestOf(decided.obligations) === digestOf(row.obligations);
  if (same && decided.outcome === 'deny') {
    throw conflict('policy-denies', 'Policy refuses this request now; nobody can approve it.', {
      hint: decided.enough[0] ?? 'Ask for something else, or change the policy.',
    });
  }
  if (same) return false;
  await trx
    .updateTable('requests')
    .set({
      outcome: decided.outcome,
      reasons: JSON.stringify(decided.reasons),
      obligations: JSON.stringify(decided.obligations),
      version: sql`version + 1`,
    })
    .where('id', '=', row.id)
    .execute();
  await publish(trx, { topic: 'requests', id: row.id });
  return true;
}

function alike(decided: Decided): { asRequest: Decided; decided: Decided } {
  return { asRequest: decided, decided };
}
