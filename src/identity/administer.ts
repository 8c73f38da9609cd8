// What administrators do with principals until a directory does it: add one, disable it (tokens: manage-tokens.ts). Disabling
// ends nothing by itself: tokens are worth nothing at once, and reconcile finds the grants.

import { sql } from 'kysely';
import type { AddPrincipalBody, PrincipalView } from '../api/people.ts';
import { append } from '../audit/append.ts';
import { conflict } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import {
  actorOf,
  createPrincipal,
  type Principal,
  principalByName,
  principalFrom,
  refOf,
  selectPrincipals,
} from './principals.ts';

/** Who does it, and from where. */
export interface Administrator {
  principal: Principal;
  sourceAddress: string;
}

/** A directory of more belongs in an identity provider. */
const MOST_PRINCIPALS = 5_000;

/** What a directory keeps. */
interface Kept {
  people: ReadonlySet<string>;
  groups: ReadonlySet<string>;
}

async function keptByDirectory(db: Db): Promise<Kept> {
  const [people, groups] = await Promise.all([
    db.selectFrom('directory_users').select('principal_id').execute(),
    db
      .selectFrom('directory_groups as d')
      .innerJoin('groups as g', 'g.id', 'd.group_id')
      .select('g.name')
      .execute(),
  ]);
  return {
    people: new Set(people.map((row) => row.principal_id)),
    groups: new Set(groups.map((row) => row.name)),
  };
}

function viewPrincipal(principal: Principal, kept: Kept): PrincipalView {
  const { groups, accountType, title, disabled } = principal;
  return {
    ...refOf(principal),
    groups,
    accountType,
    title,
    disabled,
    fromDirectory: kept.people.has(principal.id),
    directoryGroups: groups.filter((name) => kept.groups.has(name)),
  };
}

export async function listPrincipals(db: Db): Promise<PrincipalView[]> {
  const rows = await selectPrincipals(db).orderBy('p.name').limit(MOST_PRINCIPALS).execute();
  const kept = await keptByDirectory(db);
  return rows.map((row) => viewPrincipal(principalFrom(row), kept));
}

/** Errors: `principal-exists`. It has no token yet. */
export async function addPrincipal(
  db: Db,
  body: AddPrincipalBody,
  by: Administrator,
): Promise<PrincipalView> {
  const { accountType, title, ...needed } = body;
  const added = await db.transaction().execute((trx) =>
    createPrincipal(
      trx,
      {
        ...needed,
        ...(accountType === undefined ? {} : { accountType }),
        ...(title === undefined ? {} : { title }),
      },
      actorOf(by.principal),
      by.sourceAddress,
    ),
  );
  return viewPrincipal(added, await keptByDirectory(db));
}

/** Twice is once. Errors: `unknown-principal`; `own-account` for oneself, so that nobody locks themselves out. */
export async function disablePrincipal(
  db: Db,
  name: string,
  reason: string,
  by: Administrator,
): Promise<PrincipalView> {
  const principal = await principalByName(db, name);
  if (principal.id === by.principal.id) throw conflict('own-account', 'Nobody disables their own account.');
  await db.transaction().execute(async (trx) => {
    const done = await trx
      .updateTable('principals')
      .set({ disabled_at: sql<Date>`now()` })
      .where('id', '=', principal.id)
      .where('disabled_at', 'is', null)
      .executeTakeFirst();
    if (Number(done.numUpdatedRows) === 0) return;
    await append(trx, {
      kind: 'principal.disabled',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: { principal: { id: principal.id, name, kind: principal.kind }, reason },
    });
  });
  return viewPrincipal({ ...principal, disabled: true }, await keptByDirectory(db));
}
