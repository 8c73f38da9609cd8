// What policy and the portal read of a directory's user: name, title, type of account, manager.

import { sql } from 'kysely';
import { ENTERPRISE_SCHEMA, type ScimUser } from '../../api/scim.ts';
import type { Trx } from '../../db/client.ts';
import { scimRefusal } from './refusal.ts';

const NAME_FORM = /^[a-z0-9][a-z0-9._@-]{0,99}$/;
const ACCOUNT_TYPE_FORM = /^[a-z][a-z0-9-]{0,39}$/;
const USUAL_ACCOUNT_TYPE = 'employee';
const LONGEST_TEXT = 100;
/** What makes a name show other than it is. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export interface UserFacts {
  name: string;
  display_name: string;
  email: string | null;
  title: string | null;
  account_type: string;
  manager_id: string | null;
}

/** Errors: `invalidValue` for a userName that cannot be a principal's name. */
export async function factsFrom(trx: Trx, user: ScimUser): Promise<UserFacts> {
  const name = user.userName.toLowerCase();
  if (!NAME_FORM.test(name)) {
    throw scimRefusal(
      'invalidValue',
      'userName: letters, digits and . _ @ - only, beginning with a letter or digit, at most 100.',
    );
  }
  const { name: parts, emails = [] } = user;
  const spoken = [parts?.givenName, parts?.familyName].filter((one) => one !== undefined).join(' ');
  const email =
    emails.find((one) => one.primary === true) ?? emails.find((one) => one.type === 'work') ?? emails[0];
  const type = user.userType?.trim().toLowerCase().replaceAll(/\s+/g, '-') ?? '';
  return {
    name,
    display_name: [user.displayName, parts?.formatted, spoken].map(clean).find((one) => one !== '') ?? name,
    email: email?.value ?? null,
    title: clean(user.title) === '' ? null : clean(user.title),
    account_type: ACCOUNT_TYPE_FORM.test(type) ? type : USUAL_ACCOUNT_TYPE,
    manager_id: await managerIn(trx, user),
  };
}

// A manager may approve: only somebody whom the directory itself brought is one. Who is not there yet is none, and
// the directory says it again with its next full run.
async function managerIn(trx: Trx, user: ScimUser): Promise<string | null> {
  const id = user[ENTERPRISE_SCHEMA]?.manager?.value;
  if (id === undefined) return null;
  const { rows } = await sql<{ id: string }>`
    select principal_id as id from directory_users where principal_id = ${id} and deleted_at is null`.execute(
    trx,
  );
  return rows[0]?.id ?? null;
}

function clean(text: string | undefined): string {
  return (text ?? '').replaceAll(INVISIBLE, '').trim().slice(0, LONGEST_TEXT).toWellFormed();
}
