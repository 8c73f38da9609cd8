// What a role owns and whom it lets in, as lines for people: taken before a grant acts as that role and again after
// it, so that the receipt can name what stays (a GRANT … TO PUBLIC, a new function). The handle keeps hashes only, so
// its size is bounded, and what is new can still be named, because the lines of "after" are at hand.

import { createHash } from 'node:crypto';
import type { Connection } from './client.ts';
import { text } from './row.ts';

const MOST_LINES = 1_000;
const MOST_TOLD = 50;
const HASH_LENGTH = 10;

const hashOf = (line: string) => createHash('sha256').update(line).digest('base64url').slice(0, HASH_LENGTH);

/** Hashes of the owner's lines, or null when there are more than a handle can keep. */
export async function snapshotOwner(connection: Connection, owner: string): Promise<string[] | null> {
  const lines = await ownerLines(connection, owner);
  return lines.length > MOST_LINES ? null : lines.map(hashOf);
}

/** What is there now and was not in `before`, in words, at most 50 lines. */
export async function newSince(
  connection: Connection,
  owner: string,
  before: string[] | null,
): Promise<string[]> {
  if (before === null) return [`${owner} owns too much to compare; look at what it shares yourself.`];
  const lines = await ownerLines(connection, owner);
  const known = new Set(before);
  const added = lines.filter((line) => !known.has(hashOf(line)));
  const gone = before.length - (lines.length - added.length);
  const told = added.slice(0, MOST_TOLD);
  if (added.length > told.length) told.push(`and ${added.length - told.length} more`);
  if (gone > 0) told.push(`${gone} of what ${owner} owned or shared before changed or is gone`);
  return told;
}

/** One line each for what it owns in this database, who may use it, its default privileges and its members. */
async function ownerLines(connection: Connection, owner: string): Promise<string[]> {
  const rows = await connection.rows(
    `WITH owner AS (SELECT oid FROM pg_roles WHERE rolname = $1),
     shared AS (
       SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid, 0 AS sub, c.relacl AS acl
       FROM pg_class c JOIN owner o ON c.relowner = o.oid
       UNION ALL
       SELECT 'pg_class'::regclass, t.attrelid, t.attnum, t.attacl
       FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN owner o ON c.relowner = o.oid WHERE t.attacl IS NOT NULL
       UNION ALL
       SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspacl FROM pg_namespace n JOIN owner o ON n.nspowner = o.oid
       UNION ALL
       SELECT 'pg_proc'::regclass, f.oid, 0, coalesce(f.proacl, acldefault('f', f.proowner))
       FROM pg_proc f JOIN owner o ON f.proowner = o.oid)
     SELECT line FROM (
       SELECT a.privilege_type || ' on ' || pg_describe_object(s.classid, s.objid, s.sub) || ' for '
         || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
         || CASE WHEN a.is_grantable THEN ', who may pass it on' ELSE '' END AS line
       FROM shared s, aclexplode(s.acl) a, owner o WHERE a.grantee <> o.oid
       UNION ALL
       SELECT pg_describe_object('pg_class'::regclass, c.oid, 0) || ' of ' || $1
       FROM pg_class c JOIN owner o ON c.relowner = o.oid WHERE c.relkind NOT IN ('i', 'I', 't', 'c')
       UNION ALL
       SELECT pg_describe_object('pg_proc'::regclass, f.oid, 0) || ' of ' || $1
         || CASE WHEN f.prosecdef THEN ', which runs with its rights' ELSE '' END
         || ' (code ' || substr(md5(f.prosrc || coalesce(f.probin, '') || coalesce(f.proconfig::text, '')), 1, 6) || ')'
       FROM pg_proc f JOIN owner o ON f.proowner = o.oid
       UNION ALL
       SELECT pg_describe_object('pg_trigger'::regclass, t.oid, 0)
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN owner o ON c.relowner = o.oid WHERE NOT t.tgisinternal
       UNION ALL
       SELECT 'default ' || a.privilege_type || ' on new ' || d.defaclobjtype::text || ' for '
         || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
       FROM pg_default_acl d JOIN owner o ON d.defaclrole = o.oid, aclexplode(d.defaclacl) a WHERE a.grantee <> o.oid
       UNION ALL
       SELECT m.member::regrole::text || ' is a member of ' || $1 || CASE WHEN m.admin_option THEN ' and may add others' ELSE '' END
       FROM pg_auth_members m JOIN owner o ON m.roleid = o.oid
       WHERE NOT starts_with(coalesce(shobj_description(m.member, 'pg_authid'), ''), 'sallyport:')) lines
     WHERE line IS NOT NULL ORDER BY line LIMIT ${MOST_LINES + 1}`,
    [owner],
  );
  return rows.map((row) => text(row, 'line'));
}
