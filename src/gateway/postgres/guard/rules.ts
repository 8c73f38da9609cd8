// What a statement needs a task's leave for. Defence in depth: the rights on the target are the boundary, this closes
// what rights cannot (a role may always change its own password) and what would be opaque to whoever reads the
// record. Statement kinds are an allow-list: one that is not in this table is refused.

/** What a task may name in `guard.allow`, and what it then lifts. */
export const GUARD_RULES = {
  roles: 'roles, their passwords, settings and memberships',
  privileges: 'rights on objects, owners, default privileges and row security',
  'set-role': 'the role or the user of a session',
  owned: 'everything that a role owns at once',
  system: 'settings of the server or of a database',
  databases: 'databases and tablespaces',
  do: 'anonymous code blocks (DO)',
  functions: 'code that runs later: functions, procedures, operators, aggregates, casts, event triggers',
  'dynamic-sql': 'functions that run a text as a statement',
  'server-files': 'files and programs on the server',
  remote: 'other servers: dblink, foreign servers, replication',
  extensions: 'extensions',
  'large-objects': 'large objects, which no right on a table covers',
  'two-phase': 'transactions that outlive the session',
} as const;

export type GuardRule = keyof typeof GUARD_RULES;

/** Statement kinds, by libpg-query's node name. `null`: allowed (what is inside is looked at all the same). */
export const STATEMENT_RULES: ReadonlyMap<string, GuardRule | null> = new Map(
  Object.entries({
    ...kinds(null, [
      'Select Insert Update Delete Merge Transaction Explain Prepare Execute Deallocate DeclareCursor Fetch ClosePortal',
      'Copy VariableSet VariableShow Discard Listen Notify Unlisten Lock Truncate Vacuum Cluster Reindex CheckPoint',
      'Comment Call ConstraintsSet Create CreateTableAs RefreshMatView View Index CreateSeq AlterSeq AlterTable Rename',
      'Drop CreateSchema CreateEnum AlterEnum CompositeType CreateDomain AlterDomain CreateRange AlterObjectSchema',
      'AlterObjectDepends CreateTrig Rule CreateStats AlterStats AlterType AlterCollation Define AlterTSDictionary',
      'AlterTSConfiguration AlterTableMoveAll ReplicaIdentity',
    ]),
    ...kinds('roles', ['CreateRole AlterRole AlterRoleSet DropRole GrantRole']),
    ...kinds('privileges', ['Grant AlterDefaultPrivileges AlterOwner CreatePolicy AlterPolicy SecLabel']),
    ...kinds('owned', ['ReassignOwned DropOwned']),
    ...kinds('system', ['AlterSystem AlterDatabaseSet Load']),
    ...kinds('databases', [
      'Createdb AlterDatabase AlterDatabaseRefreshColl Dropdb CreateTableSpace DropTableSpace AlterTableSpaceOptions',
    ]),
    ...kinds('do', ['Do']),
    ...kinds('functions', [
      'CreateFunction AlterFunction CreateCast CreateTransform CreateConversion CreateOpClass CreateOpFamily CreateAm',
      'CreatePLang CreateEventTrig AlterEventTrig AlterOperator AlterOpFamily',
    ]),
    ...kinds('remote', [
      'CreateFdw AlterFdw CreateForeignServer AlterForeignServer CreateUserMapping AlterUserMapping DropUserMapping',
      'CreateForeignTable ImportForeignSchema CreatePublication AlterPublication CreateSubscription AlterSubscription',
      'DropSubscription',
    ]),
    ...kinds('extensions', ['CreateExtension AlterExtension AlterExtensionContents']),
  }),
);

/** Parts of statements whose name ends like a statement's. */
export const NOT_STATEMENTS: ReadonlySet<string> = new Set(['ReplicaIdentityStmt', 'ReturnStmt']);

/** Statement kinds whose verdict never depends on a constant's value, but for functions that say so (shape.ts). */
export const SHAPED_STATEMENTS: ReadonlySet<string> = new Set(
  ['Select', 'Insert', 'Update', 'Delete', 'Merge', 'Transaction', 'Execute', 'Fetch', 'ClosePortal'].map(
    (kind) => `${kind}Stmt`,
  ),
);

/** What a task's lists speak of: statements that read, write or steer, and change no structure. */
export const DATA_STATEMENTS: ReadonlySet<string> = new Set(
  Object.keys(
    kinds(null, [
      'Select Insert Update Delete Merge Truncate Copy Call Lock Transaction Explain Prepare Execute Deallocate',
      'DeclareCursor Fetch ClosePortal VariableSet VariableShow Discard Listen Notify Unlisten ConstraintsSet',
    ]),
  ),
);

const FUNCTION_NAMES: ReadonlyMap<string, GuardRule> = new Map([
  ...named(
    'dynamic-sql',
    'query_to_xml query_to_xmlschema query_to_xml_and_xmlschema ts_stat xpath_table connectby crosstab',
  ),
  ...named('dynamic-sql', 'crosstab2 crosstab3 crosstab4 crosstabn'),
  ...named('server-files', 'lo_import lo_export pg_stat_file pg_logdir_ls pg_current_logfile'),
  ...named('system', 'pg_reload_conf pg_rotate_logfile pg_promote pg_switch_wal pg_create_restore_point'),
]);

const FUNCTION_PREFIXES: readonly (readonly [string, GuardRule])[] = [
  ['dblink', 'remote'],
  ['pg_logical_slot', 'remote'],
  ['pg_create_logical_replication', 'remote'],
  ['pg_create_physical_replication', 'remote'],
  ['pg_copy_logical_replication', 'remote'],
  ['pg_copy_physical_replication', 'remote'],
  ['pg_replication_', 'remote'],
  ['pg_read_', 'server-files'],
  ['pg_ls_', 'server-files'],
  ['pg_file_', 'server-files'],
  ['table_to_xml', 'dynamic-sql'],
  ['schema_to_xml', 'dynamic-sql'],
  ['database_to_xml', 'dynamic-sql'],
  ['pg_background', 'dynamic-sql'],
  ['lo_', 'large-objects'],
  ['loread', 'large-objects'],
  ['lowrite', 'large-objects'],
  ['pg_backup_', 'system'],
  ['pg_start_backup', 'system'],
  ['pg_stop_backup', 'system'],
  ['pg_wal_replay', 'system'],
];

const FUNCTION_SCHEMAS: ReadonlyMap<string, GuardRule> = new Map([
  ['cron', 'dynamic-sql'],
  ['aws_s3', 'remote'],
  ['aws_lambda', 'remote'],
]);

/** The rule that a call of this function needs, by its (possibly qualified) name. */
export function functionRule(names: string[], argumentCount: number): GuardRule | null {
  const name = asTargetFolds(names.at(-1) ?? '');
  const schema = asTargetFolds(names.at(-2) ?? '');
  // ts_rewrite(query, text) runs the text; with three arguments it is a plain function.
  if (name === 'ts_rewrite') return argumentCount === 2 ? 'dynamic-sql' : null;
  const prefixed = FUNCTION_PREFIXES.find(([prefix]) => name.startsWith(prefix));
  return FUNCTION_NAMES.get(name) ?? prefixed?.[1] ?? FUNCTION_SCHEMAS.get(schema) ?? null;
}

/**
 * A name as a target may fold it. PostgreSQL folds letters beyond ASCII by the database's locale in single-byte
 * encodings, where Turkish İ becomes i: `set_confİg` may be `set_config` there.
 */
export function asTargetFolds(name: string): string {
  return name.replaceAll(/[^\0-\x7f]/g, 'i').toLowerCase();
}

function kinds<R extends GuardRule | null>(rule: R, lists: string[]): Record<string, R> {
  return Object.fromEntries(lists.flatMap((list) => list.split(' ')).map((kind) => [`${kind}Stmt`, rule]));
}

function named(rule: GuardRule, list: string): [string, GuardRule][] {
  return list.split(' ').map((name) => [name, rule]);
}
