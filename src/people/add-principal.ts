// A new person, service or agent. Where its groups would give it a right over Sallyport or a voice in approvals, and a
// second person is there to agree, it is added without them first.

import type { AddPrincipalBody, PrincipalView } from '../api/people.ts';
import { Failure, invalid } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import { type ProviderSettings, viewPrincipal } from '../identity/principal-view.ts';
import { actorOf, createPrincipal, type Principal, principalByName } from '../identity/principals.ts';
import { nameless, whyTwo } from './confers.ts';
import { isAlone } from './second.ts';

/** Errors: `principal-exists`, `directory-group`, `takes-two`, `invalid-input`, `unknown-principal`. It has no token yet. */
export async function addPrincipal(
  ctx: GrantsContext,
  provider: ProviderSettings,
  body: AddPrincipalBody,
  by: Caller,
): Promise<PrincipalView> {
  await ctx.policies.refresh();
  return ctx.db.transaction().execute(async (trx) => {
    const { accountType, title, manager, sponsor, ...needed } = body;
    const managerId = manager === undefined ? undefined : (await personNamed(trx, 'manager', manager)).id;
    if (body.kind === 'agent' && sponsor === undefined)
      throw invalid('sponsor', 'An agent has a sponsor, a person who answers for it.');
    if (body.kind !== 'agent' && sponsor !== undefined)
      throw invalid('sponsor', 'Only agents have a sponsor.');
    const sponsorId = sponsor === undefined ? undefined : (await personNamed(trx, 'sponsor', sponsor)).id;
    const added = await createPrincipal(
      trx,
      {
        ...needed,
        ...(accountType === undefined ? {} : { accountType }),
        ...(title === undefined ? {} : { title }),
        ...(managerId === undefined ? {} : { managerId }),
        ...(sponsorId === undefined ? {} : { sponsorId }),
      },
      actorOf(by.principal),
      by.sourceAddress,
    );
    await refuseConferring(ctx, trx, added, by);
    return viewPrincipal(trx, added, provider);
  });
}

async function personNamed(trx: Trx, field: string, name: string): Promise<Principal> {
  const found = await principalByName(trx, name);
  if (found.kind !== 'person') throw invalid(field, `A ${field} is a person.`);
  if (found.disabled) throw invalid(field, `${found.displayName} is disabled.`);
  return found;
}

async function refuseConferring(ctx: GrantsContext, trx: Trx, added: Principal, by: Caller): Promise<void> {
  const policies = ctx.policies.current();
  // A title or type may give a right too; what others have and somebody new has not, nobody has taken.
  const { gives } = whyTwo(policies, { before: nameless([]), after: added }, by.principal);
  const bare = { ...added, groups: [], managerId: null, sponsorId: null, sponsors: [] };
  const { besides } = whyTwo(policies, { before: bare, after: added }, by.principal);
  const why = [...gives, ...besides];
  if (why.length === 0 || (await isAlone(ctx, trx, by.principal, added))) return;
  throw new Failure('conflict', 'takes-two', `This takes a second person. ${why.join(' ')}`, {
    field: 'groups',
    hint: `Add ${added.name} without that, then \`sally principal change ${added.name} --join <group>\`: it waits for somebody else.`,
  });
}
