// Changing a principal that is kept by hand. What gives nobody a right over Sallyport or a voice in approvals is done at
// once; what does waits for a second person (second.ts), while there is one. Live grants and sessions are decided again by
// those who watch what they rest on.

import { sql } from 'kysely';
import type { ChangedPrincipal, ChangePrincipalBody } from '../api/people-changes.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import { type ProviderSettings, viewPrincipal } from '../identity/principal-view.ts';
import { actorOf, type Principal, principalById, principalsById } from '../identity/principals.ts';
import {
  afterChange,
  type ChangeSet,
  changeFrom,
  changeTexts,
  isNothing,
  lockPrincipal,
  requireKeptHere,
  writeChange,
} from './change-set.ts';
import { viewChange } from './change-view.ts';
import { type WhyTwo, whyTwo } from './confers.ts';
import { isAlone } from './second.ts';

export const CHANGE_LIFETIME_DAYS = 7;
const MOST_OPEN_CHANGES = 500;

/** Errors: those of `changeFrom` and `requireKeptHere`, `nothing-changes`, `too-many-changes`. */
export async function changePrincipal(
  ctx: GrantsContext,
  provider: ProviderSettings,
  asked: { name: string; body: ChangePrincipalBody },
  by: Caller,
): Promise<ChangedPrincipal> {
  await ctx.policies.refresh();
  const { reason, ...body } = asked.body;
  return ctx.db.transaction().execute(async (trx) => {
    const principal = await lockPrincipal(trx, asked.name);
    const set = await changeFrom(trx, principal, body);
    return makeChange(ctx, trx, provider, { principal, set, reason }, by);
  });
}

/** Errors: `not-disabled`, `kept-by-directory`, `still-ending`. */
export async function enablePrincipal(
  ctx: GrantsContext,
  provider: ProviderSettings,
  asked: { name: string; reason: string },
  by: Caller,
): Promise<ChangedPrincipal> {
  await ctx.policies.refresh();
  return ctx.db.transaction().execute(async (trx) => {
    const principal = await lockPrincipal(trx, asked.name);
    if (!principal.disabled) throw conflict('not-disabled', `${principal.displayName} is not disabled.`);
    const kept = await trx
      .selectFrom('directory_users')
      .select(['active', 'deleted_at'])
      .where('principal_id', '=', principal.id)
      .executeTakeFirst();
    if (kept !== undefined && (!kept.active || kept.deleted_at !== null))
      throw conflict(
        'kept-by-directory',
        `The directory (SCIM) has switched ${principal.displayName} off, and switches them on.`,
      );
    const change = { principal, set: { enabled: true } as const, reason: asked.reason };
    return makeChange(ctx, trx, provider, change, by);
  });
}

interface Wanted {
  principal: Principal;
  set: ChangeSet;
  reason: string;
}

async function makeChange(
  ctx: GrantsContext,
  trx: Trx,
  provider: ProviderSettings,
  wanted: Wanted,
  by: Caller,
): Promise<ChangedPrincipal> {
  const { principal, set } = wanted;
  if (isNothing(set)) throw conflict('nothing-changes', `${principal.displayName} is like that already.`);
  requireKeptHere(await viewPrincipal(trx, principal, provider), set, await directoryGroups(trx));
  const why = await whyTwoFor(ctx, trx, wanted, by.principal);
  // Who gains by it does not agree to it; who only loses by it may.
  const texts = [...why.gives, ...why.besides];
  const gains = why.gives.length > 0 ? principal : null;
  const alone = texts.length > 0 && (await isAlone(ctx, trx, by.principal, gains));
  if (texts.length > 0 && !alone) {
    const id = await keepWaiting(trx, wanted, texts, by);
    const view = await viewPrincipal(trx, principal, provider);
    return { principal: view, waiting: await viewChange(ctx, trx, id, by) };
  }
  await carryOut(trx, wanted, { first: by, alone });
  return {
    principal: await viewPrincipal(trx, await principalById(trx, principal.id), provider),
    waiting: null,
  };
}

/** By the policies of now. */
export async function whyTwoFor(
  ctx: GrantsContext,
  trx: Trx,
  { principal, set }: Pick<Wanted, 'principal' | 'set'>,
  proposer: Principal,
): Promise<WhyTwo> {
  const change = { before: principal, after: await afterChange(trx, principal, set) };
  return whyTwo(ctx.policies.current(), change, proposer);
}

/** Writes the change with its entry. `second`: who confirmed it. */
export async function carryOut(
  trx: Trx,
  { principal, set, reason }: Wanted,
  by: { first: Pick<Caller, 'principal' | 'sourceAddress'>; alone: boolean; second?: Caller },
): Promise<void> {
  const signer = by.second ?? by.first;
  const actor = actorOf(signer.principal);
  const { sourceAddress } = signer;
  await writeChange(trx, principal, set, { actor, sourceAddress });
  const who = { id: principal.id, name: principal.name, kind: principal.kind };
  const names = await namesFor(trx, set);
  const detail = {
    principal: who,
    reason,
    changes: changeTexts(set, names),
    ...(by.second === undefined ? {} : { proposedBy: by.first.principal.name }),
    ...(by.alone ? { soleSigner: true } : {}),
  };
  const kind = set.enabled === true ? 'principal.enabled' : 'principal.changed';
  await append(trx, { kind, actor, sourceAddress, detail });
}

async function keepWaiting(trx: Trx, wanted: Wanted, whyTwo: string[], by: Caller): Promise<string> {
  const { principal, set, reason } = wanted;
  const { count } = await trx
    .selectFrom('people_changes')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow();
  if (count >= MOST_OPEN_CHANGES) {
    throw new Failure('limit', 'too-many-changes', `${count} changes of people wait already.`, {
      hint: 'Confirm or refuse some: `sally people changes`.',
    });
  }
  const id = newId('peopleChange');
  await trx
    .insertInto('people_changes')
    .values({
      id,
      principal_id: principal.id,
      change: JSON.stringify(set),
      why_two: whyTwo,
      proposed_by: by.principal.id,
      proposed_handed_by: [...(by.handedBy ?? [])],
      reason,
      source_address: by.sourceAddress,
      expires_at: sql`now() + make_interval(days => ${sql.lit(CHANGE_LIFETIME_DAYS)})`,
    })
    .execute();
  await append(trx, {
    kind: 'principal.change-proposed',
    actor: actorOf(by.principal),
    sourceAddress: by.sourceAddress,
    detail: {
      changeId: id,
      principal: { id: principal.id, name: principal.name, kind: principal.kind },
      changes: changeTexts(set, await namesFor(trx, set)),
      whyTwo,
      reason,
    },
  });
  await publish(trx, { topic: 'people', id });
  return id;
}

async function namesFor(trx: Trx, set: ChangeSet): Promise<(id: string) => string> {
  const known = await principalsById(trx, [set.managerId ?? [], set.sponsorId ?? []].flat());
  return (id) => known.get(id)?.name ?? id;
}

async function directoryGroups(trx: Trx): Promise<string[]> {
  const rows = await trx
    .selectFrom('directory_groups as d')
    .innerJoin('groups as g', 'g.id', 'd.group_id')
    .select('g.name')
    .execute();
  return rows.map((row) => row.name);
}
