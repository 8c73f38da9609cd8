// Packs and their owners: who may propose a change without the right to change policy, and of which files alone.

import type { PolicyPack } from '../api/policy-plan.ts';
import { append } from '../audit/append.ts';
import { Failure, notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import type { GrantsContext } from '../grants/context.ts';
import { mayOnPlatform } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf, type Principal } from '../identity/principals.ts';
import { packOf } from '../policy/engine/packs.ts';
import type { PolicyFiles } from '../policy/publish.ts';
import { differing } from './file-changes.ts';

/**
 * The one pack that differs between two sets, and that this person's group owns now. Errors: `may-not`, which says what
 * stands in the way.
 */
export async function requireOwnPack(
  db: Db | Trx,
  principal: Principal,
  before: PolicyFiles,
  after: PolicyFiles,
): Promise<string> {
  const packs = [...new Set(differing(before, after).map(({ file }) => packOf(file)))];
  const [pack] = packs;
  if (principal.kind !== 'person' || principal.disabled || packs.length !== 1 || pack == null) {
    throw mayNot();
  }
  const owner = await ownerOf(db, pack);
  if (owner === null || !principal.groups.includes(owner)) throw mayNot(pack);
  return pack;
}

function mayNot(pack?: string): Failure {
  const what =
    pack === undefined
      ? 'This needs the right to change policies, which policy gives (action "changePolicy").'
      : `The pack of ${pack} belongs to another group.`;
  return new Failure('denied', 'may-not', what, {
    hint: 'Without that right a person may propose changes to one pack alone, that of a segment which their group owns.',
  });
}

async function ownerOf(db: Db | Trx, segment: string): Promise<string | null> {
  const row = await db.selectFrom('segments').select('owner').where('path', '=', segment).executeTakeFirst();
  return row?.owner ?? null;
}

/** Every segment that has an owner or a pack. */
export async function listPacks(ctx: GrantsContext, caller: Caller): Promise<PolicyPack[]> {
  const rows = await ctx.db
    .selectFrom('segments')
    .select(['path', 'owner'])
    .where('owner', 'is not', null)
    .execute();
  const owners = new Map(rows.map((row) => [row.path, row.owner]));
  const files = Object.keys(ctx.policies.files());
  const segments = new Set([...owners.keys(), ...files.flatMap((file) => packOf(file) ?? [])]);
  const all = mayOnPlatform(ctx, caller, 'changePolicy');
  const { principal } = caller;
  return [...segments].sort().map((segment) => {
    const owner = owners.get(segment) ?? null;
    const own = owner !== null && principal.kind === 'person' && principal.groups.includes(owner);
    return {
      segment,
      owner,
      files: files.filter((file) => packOf(file) === segment).sort(),
      mayPropose: all || own,
    };
  });
}

/** Errors: `unknown-segment`, `unknown-group`. `owner` null: nobody's any more. */
export async function setSegmentOwner(
  ctx: GrantsContext,
  caller: Caller,
  input: { segment: string; owner: string | null },
): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const { segment, owner } = input;
    const before = await trx
      .selectFrom('segments')
      .select('owner')
      .where('path', '=', segment)
      .forUpdate()
      .executeTakeFirst();
    if (before === undefined) throw notFound('segment', segment);
    if (owner !== null) {
      const group = await trx.selectFrom('groups').select('id').where('name', '=', owner).executeTakeFirst();
      if (group === undefined) throw notFound('group', owner);
    }
    await trx.updateTable('segments').set({ owner }).where('path', '=', segment).execute();
    await append(trx, {
      kind: 'segment.owned',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { segment, owner, previousOwner: before.owner },
    });
  });
}
