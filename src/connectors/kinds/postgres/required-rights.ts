// The SQL that gives Sallyport's administrator what it needs on a server, and no more: not superuser. `target check`
// prints it, and a test grants and revokes with an administrator that has nothing but this.

import { type Entitlement, schemasOf } from './entitlement.ts';
import { quoteName, quoteQualified } from './names.ts';
import { MEMBERSHIP_OPTIONS_VERSION } from './statements.ts';

/** What every administrator of ours needs, whatever the tasks. Run as a superuser. */
export function requiredRolesSql(admin: string): string[] {
  const name = quoteName(admin);
  return [`ALTER ROLE ${name} CREATEROLE;`, `GRANT pg_signal_backend TO ${name};`];
}

/**
 * What it needs to pass on, for these tasks, in the database that they are about. Run as the owner of the objects or
 * as a superuser. `version` is `server_version_num`. Sequences behind columns that a task inserts into are the
 * caller's to add: `sequences`, as `schema.name`.
 */
export function requiredRightsSql(
  admin: string,
  tasks: Entitlement[],
  facts: { database: string; version: number; sequences: string[] },
): string[] {
  const name = quoteName(admin);
  const lines = new Set<string>();
  const pass = (what: string) => lines.add(`GRANT ${what} TO ${name} WITH GRANT OPTION;`);
  for (const task of tasks) {
    pass(`CONNECT ON DATABASE ${quoteName(task.database ?? facts.database)}`);
    for (const schema of schemasOf(task)) pass(`USAGE ON SCHEMA ${quoteName(schema)}`);
    for (const schema of task.createIn) pass(`CREATE ON SCHEMA ${quoteName(schema)}`);
    for (const table of task.tables) {
      const columns = table.columns === undefined ? '' : ` (${table.columns.map(quoteName).join(', ')})`;
      for (const privilege of table.privileges)
        pass(`${privilege}${columns} ON TABLE ${quoteQualified(table.name)}`);
    }
    for (const sequence of task.sequences) pass(`USAGE ON SEQUENCE ${quoteQualified(sequence)}`);
    for (const called of task.functions) pass(`EXECUTE ON ROUTINE ${called}`);
    if (task.actAs !== undefined && facts.version >= MEMBERSHIP_OPTIONS_VERSION)
      lines.add(`GRANT ${quoteName(task.actAs)} TO ${name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;`);
  }
  for (const sequence of facts.sequences) pass(`USAGE ON SEQUENCE ${sequence}`);
  return [...lines];
}
