// Rights on objects of one database, in a form in which "wanted" and "there" can be compared, and the GRANT and REVOKE
// that lead from one to the other. What comes from a task is resolved by the server first; what goes into SQL is
// quoted by us or printed by the server.

import { Failure } from '../../../base/errors.ts';
import type { Connection } from './client.ts';
import { type Entitlement, schemasOf } from './entitlement.ts';
import { quoteName, quoteQualified } from './names.ts';
import { only, text } from './row.ts';

export interface ObjectRight {
  on: 'DATABASE' | 'SCHEMA' | 'TABLE' | 'SEQUENCE' | 'ROUTINE' | 'OTHER';
  /** Quoted, as GRANT takes it. */
  object: string;
  /** Quoted; empty for the whole object. */
  column: string;
  privilege: string;
  /** For people. */
  words: string;
}

/** SQL that quotes a name as `quoteName` does: always. */
const quoted = (column: string) => `'"' || replace(${column}, '"', '""') || '"'`;

const keyOf = (right: ObjectRight) => `${right.on} ${right.object} ${right.column} ${right.privilege}`;

/** Those of `wanted` that `there` does not have. */
export function missingFrom(there: ObjectRight[], wanted: ObjectRight[]): ObjectRight[] {
  const has = new Set(there.map(keyOf));
  return wanted.filter((right) => !has.has(keyOf(right)));
}

export const grantSql = (rights: ObjectRight[], role: string) =>
  statements(rights, (what) => `GRANT ${what} TO ${quoteName(role)}`);

export const revokeSql = (rights: ObjectRight[], role: string) =>
  statements(rights, (what) => `REVOKE ${what} FROM ${quoteName(role)}`);

// One statement an object and kind of right. `OTHER` cannot be written here: it is told, not mended.
function statements(rights: ObjectRight[], write: (what: string) => string): string[] {
  const columns = new Map<string, { right: ObjectRight; columns: string[] }>();
  for (const right of rights) {
    if (right.on === 'OTHER') continue;
    const key = `${right.on} ${right.object} ${right.privilege} ${right.column === ''}`;
    const kept = columns.get(key) ?? { right, columns: [] };
    if (right.column !== '') kept.columns.push(right.column);
    columns.set(key, kept);
  }
  return [...columns.values()].map(({ right, columns: named }) => {
    const list = named.length === 0 ? '' : ` (${named.join(', ')})`;
    return write(`${right.privilege}${list} ON ${right.on} ${right.object}`);
  });
}

/** What the entitlement means on this server. Errors: `target-object-missing`. */
export async function wantedRights(
  connection: Connection,
  task: Entitlement,
  database: string,
): Promise<ObjectRight[]> {
  const right = (
    on: ObjectRight['on'],
    object: string,
    privilege: string,
    words: string,
    column = '',
  ): ObjectRight => ({ on, object, column, privilege, words });
  await requireObjects(connection, task);
  const rights = [right('DATABASE', quoteName(database), 'CONNECT', `database ${database}`)];
  for (const schema of schemasOf(task))
    rights.push(right('SCHEMA', quoteName(schema), 'USAGE', `schema ${schema}`));
  for (const schema of task.createIn)
    rights.push(right('SCHEMA', quoteName(schema), 'CREATE', `schema ${schema}`));
  for (const table of task.tables) {
    const object = quoteQualified(table.name);
    for (const privilege of table.privileges) {
      if (table.columns === undefined) rights.push(right('TABLE', object, privilege, table.name));
      else
        for (const column of table.columns)
          rights.push(right('TABLE', object, privilege, `${table.name}.${column}`, quoteName(column)));
    }
  }
  for (const sequence of await sequencesFor(connection, task)) {
    rights.push(right('SEQUENCE', sequence, 'USAGE', sequence));
  }
  for (const called of await functionsFor(connection, task)) {
    rights.push(right('ROUTINE', called, 'EXECUTE', called));
  }
  return [...new Map(rights.map((item) => [keyOf(item), item])).values()];
}

// Names are looked up in the catalogs and not through regclass and its kin: those want USAGE on the schema, which an
// administrator that is still being set up does not have yet.
const RELATION = `${quoted('n.nspname')} || '.' || ${quoted('c.relname')}`;

/** Errors: `target-object-missing`, naming the first table, column, sequence or schema that is not there. */
async function requireObjects(connection: Connection, task: Entitlement): Promise<void> {
  const columns = task.tables.flatMap((table) =>
    (table.columns ?? [null]).map((column) => ({ relation: quoteQualified(table.name), column })),
  );
  const wanted = [
    ...columns,
    ...task.sequences.map((name) => ({ relation: quoteQualified(name), column: null })),
  ];
  const rows = await connection.rows(
    `SELECT w.relation || coalesce('.' || w.col, '') AS missing
     FROM unnest($1::text[], $2::text[]) AS w (relation, col)
     LEFT JOIN (SELECT c.oid, ${RELATION} AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace) r
       ON r.name = w.relation
     WHERE r.oid IS NULL OR (w.col IS NOT NULL AND NOT EXISTS (
       SELECT FROM pg_attribute t WHERE t.attrelid = r.oid AND t.attname = w.col AND t.attnum > 0 AND NOT t.attisdropped))
     UNION ALL
     SELECT 'schema ' || s FROM unnest($3::text[]) s WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = s)`,
    [wanted.map((item) => item.relation), wanted.map((item) => item.column), schemasOf(task)],
  );
  const [row] = rows;
  if (row !== undefined) throw missing(text(row, 'missing'));
}

/** Those that the task names, and those that tables it inserts into take their numbers from. */
async function sequencesFor(connection: Connection, task: Entitlement): Promise<string[]> {
  const inserted = task.tables.filter((table) => table.privileges.includes('INSERT'));
  if (inserted.length + task.sequences.length === 0) return [];
  const rows = await connection.rows(
    `WITH named AS (
       SELECT c.oid, c.relkind, ${RELATION} AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('S', 'r', 'p', 'f'))
     SELECT name AS sequence FROM named WHERE relkind = 'S' AND (name = ANY ($1) OR oid IN (
       SELECT d.objid FROM pg_depend d JOIN named t ON t.oid = d.refobjid AND t.name = ANY ($2)
       WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'))`,
    [task.sequences.map((name) => quoteQualified(name)), inserted.map((table) => quoteQualified(table.name))],
  );
  return rows.map((row) => text(row, 'sequence'));
}

async function functionsFor(connection: Connection, task: Entitlement): Promise<string[]> {
  const found: string[] = [];
  for (const signature of task.functions) {
    const [name = '', list = ''] = signature.slice(0, -1).split('(');
    const types = list.split(',').map((type) => type.trim());
    // regprocedure prints names quoted and qualified, argument types spelled out.
    const [row] = await connection.rows(
      `SELECT f.oid::regprocedure::text AS called FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
       WHERE n.nspname = $1 AND f.proname = $2 AND oidvectortypes(f.proargtypes) = array_to_string(
         ARRAY(SELECT format_type(t::regtype, NULL) FROM unnest($3::text[]) WITH ORDINALITY AS a (t, place) ORDER BY place), ', ')`,
      [...name.split('.'), types.filter((type) => type !== '')],
    );
    if (row === undefined) throw missing(`function ${signature}`);
    found.push(text(row, 'called'));
  }
  return found;
}

function missing(what: string): Failure {
  return new Failure(
    'unavailable',
    'target-object-missing',
    `The task names ${what}, which is not on the target.`,
    {
      hint: 'Create it there, or change the task.',
    },
  );
}

/** May the one who asks pass this right on? */
export async function mayPassOn(connection: Connection, right: ObjectRight): Promise<boolean> {
  const relation = `(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${RELATION} = $1)`;
  const call = {
    DATABASE: `has_database_privilege((SELECT oid FROM pg_database WHERE ${quoted('datname')} = $1), $2)`,
    SCHEMA: `has_schema_privilege((SELECT oid FROM pg_namespace WHERE ${quoted('nspname')} = $1), $2)`,
    TABLE:
      right.column === ''
        ? `has_table_privilege(${relation}, $2)`
        : `has_column_privilege(${relation}, (SELECT t.attnum FROM pg_attribute t WHERE t.attrelid = ${relation} AND ${quoted('t.attname')} = $3), $2)`,
    SEQUENCE: `has_sequence_privilege(${relation}, $2)`,
    ROUTINE: 'has_function_privilege((SELECT f.oid FROM pg_proc f WHERE f.oid::regprocedure::text = $1), $2)',
    OTHER: 'false',
  }[right.on];
  const values = [right.object, `${right.privilege} WITH GRANT OPTION`];
  const rows = await connection.rows(
    `SELECT ${call} AS may`,
    right.column === '' ? values : [...values, right.column],
  );
  return only(rows).may === true;
}

/** Every right that the role holds in this database, and on the database itself. */
export async function currentRights(connection: Connection, oid: number): Promise<ObjectRight[]> {
  const rows = await connection.rows(
    `WITH dependent AS (
       SELECT classid, objid, objsubid FROM pg_shdepend
       WHERE refclassid = 'pg_authid'::regclass AND refobjid = $1 AND deptype = 'a'
         AND classid <> 'pg_auth_members'::regclass AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
     SELECT 'DATABASE' AS kind, ${quoted('d.datname')} AS object, '' AS column, a.privilege_type AS privilege,
       'database ' || d.datname AS words
     FROM pg_database d, aclexplode(d.datacl) a
     WHERE d.datname = current_database() AND a.grantee = $1
     UNION ALL
     SELECT 'SCHEMA', ${quoted('n.nspname')}, '', a.privilege_type, 'schema ' || n.nspname
     FROM dependent p JOIN pg_namespace n ON n.oid = p.objid, aclexplode(n.nspacl) a
     WHERE p.classid = 'pg_namespace'::regclass AND a.grantee = $1
     UNION ALL
     SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
       ${quoted('n.nspname')} || '.' || ${quoted('c.relname')}, '', a.privilege_type, n.nspname || '.' || c.relname
     FROM dependent p JOIN pg_class c ON c.oid = p.objid JOIN pg_namespace n ON n.oid = c.relnamespace,
       aclexplode(c.relacl) a
     WHERE p.classid = 'pg_class'::regclass AND p.objsubid = 0 AND a.grantee = $1
     UNION ALL
     SELECT 'TABLE', ${quoted('n.nspname')} || '.' || ${quoted('c.relname')}, ${quoted('t.attname')}, a.privilege_type,
       n.nspname || '.' || c.relname || '.' || t.attname
     FROM dependent p JOIN pg_class c ON c.oid = p.objid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum = p.objsubid, aclexplode(t.attacl) a
     WHERE p.classid = 'pg_class'::regclass AND p.objsubid <> 0 AND a.grantee = $1
     UNION ALL
     SELECT 'ROUTINE', p.objid::regprocedure::text, '', a.privilege_type, p.objid::regprocedure::text
     FROM dependent p JOIN pg_proc f ON f.oid = p.objid, aclexplode(f.proacl) a
     WHERE p.classid = 'pg_proc'::regclass AND a.grantee = $1
     UNION ALL
     SELECT 'OTHER', pg_describe_object(p.classid, p.objid, p.objsubid), '', 'rights',
       pg_describe_object(p.classid, p.objid, p.objsubid)
     FROM dependent p
     WHERE p.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_database'::regclass)`,
    [oid],
  );
  return rows.map((row) => ({
    on: kindOf(text(row, 'kind')),
    object: text(row, 'object'),
    column: text(row, 'column'),
    privilege: text(row, 'privilege'),
    words: text(row, 'words'),
  }));
}

function kindOf(kind: string): ObjectRight['on'] {
  if (
    kind === 'DATABASE' ||
    kind === 'SCHEMA' ||
    kind === 'TABLE' ||
    kind === 'SEQUENCE' ||
    kind === 'ROUTINE'
  )
    return kind;
  return 'OTHER';
}
