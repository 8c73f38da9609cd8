// A principal as administrators see it: who answers for it, when it was last used, and who keeps what of it, since what a
// directory or the identity provider keeps is changed there.

import { type SqlBool, sql } from 'kysely';
import type { PrincipalView } from '../api/people.ts';
import type { Db, Trx } from '../db/client.ts';
import type { OidcSettings } from './oidc-provider.ts';
import { type Principal, principalFrom, principalsById, refOf, selectPrincipals } from './principals.ts';

/** A directory of more belongs in an identity provider. */
const MOST_PRINCIPALS = 5_000;

/** Of the identity provider, what matters for who keeps what; null where there is none. */
export type ProviderSettings = Pick<OidcSettings, 'issuer' | 'claims'> | null;

interface Facts {
  id: string;
  from_directory: SqlBool;
  /** The issuers that they are linked with. */
  issuers: string[];
  directory_groups: string[];
  provider_groups: string[];
  last_used_at: Date | null;
  live_tokens: number;
}

/** By name, at most 5,000. */
export async function listPrincipals(db: Db, provider: ProviderSettings): Promise<PrincipalView[]> {
  const rows = await selectPrincipals(db).orderBy('p.name').limit(MOST_PRINCIPALS).execute();
  return viewPrincipals(db, rows.map(principalFrom), provider);
}

export async function viewPrincipal(
  db: Db | Trx,
  principal: Principal,
  provider: ProviderSettings,
): Promise<PrincipalView> {
  const [view] = await viewPrincipals(db, [principal], provider);
  if (view === undefined) throw new Error('A principal has a view.');
  return view;
}

async function viewPrincipals(
  db: Db | Trx,
  principals: readonly Principal[],
  provider: ProviderSettings,
): Promise<PrincipalView[]> {
  const facts = await factsOf(
    db,
    principals.map((one) => one.id),
  );
  const others = await principalsById(db, [
    ...new Set(principals.flatMap((one) => [one.managerId ?? [], one.sponsorId ?? []].flat())),
  ]);
  const ref = (id: string | null) => {
    const found = others.get(id ?? '');
    return found === undefined ? null : refOf(found);
  };
  return principals.map((principal) => {
    const known = facts.get(principal.id);
    const { groups, accountType, title, disabled } = principal;
    return {
      ...refOf(principal),
      groups,
      accountType,
      title,
      disabled,
      fromDirectory: known?.from_directory === true,
      directoryGroups: groups.filter((name) => known?.directory_groups.includes(name)),
      providerGroups: groups.filter((name) => known?.provider_groups.includes(name)),
      providerKeeps: known?.issuers.includes(provider?.issuer ?? '') ? keptBy(provider) : [],
      manager: ref(principal.managerId),
      sponsor: ref(principal.sponsorId),
      lastUsedAt: known?.last_used_at?.toISOString() ?? null,
      liveTokens: known?.live_tokens ?? 0,
    };
  });
}

/** What the provider says at each sign-in. */
function keptBy(provider: ProviderSettings): PrincipalView['providerKeeps'] {
  if (provider === null) return [];
  const { accountType, title } = provider.claims;
  return [
    'displayName',
    ...(accountType === null ? [] : ['accountType' as const]),
    ...(title === null ? [] : ['title' as const]),
  ];
}

async function factsOf(db: Db | Trx, ids: string[]): Promise<Map<string, Facts>> {
  const { rows } = await sql<Facts>`
    select p.id,
      exists (select 1 from directory_users d where d.principal_id = p.id) as from_directory,
      array(select i.issuer from identities i where i.principal_id = p.id) as issuers,
      array(select g.name from memberships m join directory_groups d on d.group_id = m.group_id
        join groups g on g.id = m.group_id where m.principal_id = p.id) as directory_groups,
      array(select g.name from provider_memberships m join groups g on g.id = m.group_id
        where m.principal_id = p.id) as provider_groups,
      t.last_used_at, coalesce(t.live, 0)::int as live_tokens
    from principals p left join (
      select principal_id, max(last_used_at) as last_used_at,
        count(*) filter (where revoked_at is null and expires_at > now()) as live
      from tokens where principal_id = any(${ids}::text[]) group by principal_id) t on t.principal_id = p.id
    where p.id = any(${ids}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.id, row]));
}
