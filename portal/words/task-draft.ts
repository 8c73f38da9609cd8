// A task while it is being written, and the entitlement that it becomes (the PostgreSQL connector's own shape,
// which the server checks strictly).

export interface TableDraft {
  key: number;
  name: string;
  privileges: string[];
  /** Comma-separated; empty means every column. */
  columns: string;
}

export interface TaskDraft {
  name: string;
  description: string;
  segment: string;
  readOnly: boolean;
  tables: TableDraft[];
  /** Comma-separated `schema.name(types)`; one a line, because types hold commas. */
  functions: string;
  /** `schema.name`, one a line. */
  sequences: string;
  actAs: string;
}

export const TABLE_PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES'];

export const emptyTable = (key: number): TableDraft => ({
  key,
  name: '',
  privileges: ['SELECT'],
  columns: '',
});

const parts = (text: string, by: RegExp) =>
  text
    .split(by)
    .map((part) => part.trim())
    .filter((part) => part !== '');

const inPublic = (name: string) => (name.includes('.') ? name : `public.${name}`);

/** Leaves out whatever was not filled in. What has no schema is taken from `public`. */
export function taskBodyOf(draft: TaskDraft): Record<string, unknown> {
  const functions = parts(draft.functions, /\n/);
  const sequences = parts(draft.sequences, /[\n,]/).map(inPublic);
  return {
    name: draft.name,
    kind: 'postgres',
    description: draft.description.trim(),
    ...(draft.segment === '' ? {} : { segment: draft.segment }),
    entitlement: {
      readOnly: draft.readOnly,
      tables: draft.tables
        .filter((table) => table.name.trim() !== '')
        .map((table) => {
          const columns = parts(table.columns, /,/);
          return {
            name: inPublic(table.name.trim()),
            privileges: table.privileges,
            ...(columns.length === 0 ? {} : { columns }),
          };
        }),
      ...(sequences.length === 0 ? {} : { sequences }),
      ...(functions.length === 0 ? {} : { functions }),
      ...(draft.actAs.trim() === '' ? {} : { actAs: draft.actAs.trim() }),
    },
  };
}
