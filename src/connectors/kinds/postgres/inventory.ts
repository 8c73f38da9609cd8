// Standing access: every login that is not a grant of ours, what it may do in this database, and through which roles
// it gets there; and what PUBLIC may do, which is everybody. Last use PostgreSQL does not know, so it is null.

import type { StandingAccess } from '../../contract.ts';
import { type Connection, type PostgresClient, withConnection } from './client.ts';
import { ANY_MARK_PREFIX, readMark } from './names.ts';
import { flag, number, text, textOrNull, texts } from './row.ts';

const MOST_LOGINS = 1_000;
const MOST_MEMBERSHIPS = 20_000;
const MOST_RIGHTS_PER_ROLE = 100;
const MOST_ITEMS = 5_000;
const MOST_HOPS = 10;
const PUBLIC_OID = 0;

interface Role {
  oid: number;
  name: string;
  canLogin: boolean;
  superuser: boolean;
  attributes: string[];
  /** A login of a grant, or the role of a task: roles of ours are a way, never a holder. */
  ours: boolean;
  /** The kit whose dormant login it is. */
  kit: string | null;
}

/** `Connector.inventory`. */
export function inventory(client: PostgresClient, signal: AbortSignal): Promise<StandingAccess[]> {
  return withConnection(client, signal, async (connection) => {
    const roles = await readRoles(connection);
    const memberships = await readMemberships(connection);
    const rights = await readRights(connection);
    const items: StandingAccess[] = [];
    const logins = [...roles.values()].filter((role) => role.canLogin && !role.ours).slice(0, MOST_LOGINS);
    for (const login of logins) {
      const own = [...login.attributes, ...(rights.get(login.oid) ?? [])];
      const base = {
        principal: login.name,
        canLogin: true,
        superuser: login.superuser,
        lastUsedAt: null,
        explainedBy: login.kit,
      };
      const reached = chains(login.oid, memberships, roles);
      if (own.length > 0 || reached.length === 0) items.push({ ...base, rights: own, through: [] });
      for (const chain of reached) {
        const last = roles.get(chain.at(-1) ?? PUBLIC_OID);
        if (last === undefined) continue;
        const held = [...last.attributes, ...(rights.get(last.oid) ?? [])];
        if (last.name.startsWith('pg_')) held.push(`predefined role ${last.name}`);
        const through = chain.map((oid) => roles.get(oid)?.name ?? String(oid));
        if (held.length > 0)
          items.push({ ...base, superuser: login.superuser || last.superuser, rights: held, through });
      }
      if (items.length >= MOST_ITEMS) break;
    }
    const everybody = rights.get(PUBLIC_OID) ?? [];
    if (everybody.length > 0) {
      const base = {
        principal: 'PUBLIC',
        canLogin: false,
        superuser: false,
        lastUsedAt: null,
        explainedBy: null,
      };
      items.unshift({ ...base, rights: everybody, through: [] });
    }
    return items.slice(0, MOST_ITEMS);
  });
}

async function readRoles(connection: Connection): Promise<Map<number, Role>> {
  const rows = await connection.rows(
    `SELECT oid::int8 AS oid, rolname::text AS name, rolcanlogin AS can_login, rolsuper AS superuser,
       array_remove(ARRAY[CASE WHEN rolsuper THEN 'superuser: everything' END,
         CASE WHEN rolcreaterole AND NOT rolsuper THEN 'make and change roles' END,
         CASE WHEN rolcreatedb AND NOT rolsuper THEN 'create databases' END,
         CASE WHEN rolreplication AND NOT rolsuper THEN 'copy the whole server (REPLICATION)' END,
         CASE WHEN rolbypassrls AND NOT rolsuper THEN 'see through row security' END], NULL) AS attributes,
         shobj_description(oid, 'pg_authid') AS comment
     FROM pg_roles ORDER BY rolname`,
  );
  const roles = rows.map((row) => {
    const comment = textOrNull(row, 'comment');
    const kit = kitIn(comment);
    return {
      oid: number(row, 'oid'),
      name: text(row, 'name'),
      canLogin: flag(row, 'can_login'),
      superuser: flag(row, 'superuser'),
      attributes: texts(row, 'attributes'),
      // A dormant login of a kit stands there for good, so it is listed, with what it belongs to.
      ours: comment?.startsWith(ANY_MARK_PREFIX) === true && kit === null,
      kit,
    };
  });
  return new Map(roles.map((role) => [role.oid, role]));
}

function kitIn(comment: string | null): string | null {
  const mark = readMark(comment);
  return mark?.kit === undefined
    ? null
    : `Emergency kit ${mark.label ?? mark.kit}: dormant until a quorum opens it.`;
}

/** By member: the roles that it is directly in. */
async function readMemberships(connection: Connection): Promise<Map<number, number[]>> {
  // A membership that neither inherits nor may be SET gives nothing but administration (16 and later); the columns
  // do not exist on 15, so they are read through JSON.
  const rows = await connection.rows(
    `SELECT DISTINCT member::int8 AS member, roleid::int8 AS role FROM pg_auth_members m
     WHERE coalesce((to_jsonb(m) ->> 'inherit_option')::bool, true) OR coalesce((to_jsonb(m) ->> 'set_option')::bool, true)
     LIMIT ${MOST_MEMBERSHIPS}`,
  );
  const byMember = new Map<number, number[]>();
  for (const row of rows) {
    const member = number(row, 'member');
    byMember.set(member, [...(byMember.get(member) ?? []), number(row, 'role')]);
  }
  return byMember;
}

/** The shortest chain to each role that can be reached. */
function chains(from: number, memberships: Map<number, number[]>, roles: Map<number, Role>): number[][] {
  const found: number[][] = [];
  const seen = new Set([from]);
  let edge: number[][] = [[]];
  for (let hop = 0; hop < MOST_HOPS && edge.length > 0; hop++) {
    const next: number[][] = [];
    for (const chain of edge) {
      for (const role of memberships.get(chain.at(-1) ?? from) ?? []) {
        if (seen.has(role) || !roles.has(role)) continue;
        seen.add(role);
        next.push([...chain, role]);
      }
    }
    found.push(...next);
    edge = next;
  }
  return found;
}

/** By role (0 is PUBLIC): what it holds itself, in words; system schemas and built-in functions are left out. */
async function readRights(connection: Connection): Promise<Map<number, string[]>> {
  const rows = await connection.rows(
    `WITH user_schema AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
       WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
     held AS (
       SELECT a.grantee, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) || ' on ' || n.nspname || '.' || c.relname AS line
       FROM pg_class c JOIN user_schema n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
       WHERE a.grantee <> c.relowner GROUP BY a.grantee, n.nspname, c.relname
       UNION ALL
       SELECT a.grantee, a.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attnum) || ') on ' || n.nspname || '.' || c.relname
       FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN user_schema n ON n.oid = c.relnamespace, aclexplode(t.attacl) a
       GROUP BY a.grantee, a.privilege_type, n.nspname, c.relname
       UNION ALL
       SELECT c.relowner, 'owner of ' || n.nspname || '.' || c.relname
       FROM pg_class c JOIN user_schema n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
       UNION ALL
       SELECT a.grantee, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) || ' on schema ' || n.nspname
       FROM user_schema n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
       WHERE a.grantee <> n.nspowner GROUP BY a.grantee, n.nspname
       UNION ALL
       SELECT n.nspowner, 'owner of schema ' || n.nspname FROM user_schema n
       UNION ALL
       SELECT a.grantee, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) || ' on database ' || d.datname
       FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
       WHERE NOT d.datistemplate AND a.grantee <> d.datdba GROUP BY a.grantee, d.datname
       UNION ALL
       SELECT datdba, 'owner of database ' || datname FROM pg_database WHERE NOT datistemplate
       UNION ALL
       SELECT a.grantee, 'EXECUTE (with the rights of its owner) on ' || f.oid::regprocedure::text
       FROM pg_proc f JOIN user_schema n ON n.oid = f.pronamespace, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
       WHERE f.prosecdef AND a.grantee <> f.proowner)
     SELECT grantee::int8 AS role, count(*)::int AS total,
       (array_agg(line ORDER BY line))[1:${MOST_RIGHTS_PER_ROLE}]::text[] AS lines
     FROM held GROUP BY grantee`,
  );
  return new Map(
    rows.map((row) => {
      const lines = texts(row, 'lines');
      const more = number(row, 'total') - lines.length;
      return [number(row, 'role'), more > 0 ? [...lines, `and ${more} more`] : lines];
    }),
  );
}
