// Labels of columns: which hold personal data, cards, secrets. A person says so, column by column; names and samples can
// suggest.
// Policy speaks of the labels (@mask("pii")), so that a policy need not know any table.

import { sql } from 'kysely';
import type { ColumnLabel, SetLabelsBody, SuggestedLabels } from '../api/labels.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { Failure } from '../base/errors.ts';
import type { LabelledColumn } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { TargetRow, Targets } from './targets.ts';

/** Of one target: each statement of a masked session is held against them. */
export const MOST_LABELS = 5_000;

export interface LabelsContext {
  db: Db;
  targets: Targets;
}

/** In order of database, table and column. */
export async function listLabels(db: Db, targetId: string): Promise<ColumnLabel[]> {
  const rows = await db
    .selectFrom('column_labels as l')
    .innerJoin('principals as p', 'p.id', 'l.set_by')
    .select(['l.database', 'l.schema_name', 'l.table_name', 'l.column_name', 'l.label', 'l.set_at'])
    .select('p.name as set_by')
    .where('l.target_id', '=', targetId)
    .orderBy('l.database')
    .orderBy('l.schema_name')
    .orderBy('l.table_name')
    .orderBy('l.column_name')
    .limit(MOST_LABELS)
    .execute();
  return rows.map((row) => ({
    database: row.database,
    column: `${row.schema_name}.${row.table_name}.${row.column_name}`,
    label: row.label,
    setBy: row.set_by,
    setAt: row.set_at.toISOString(),
  }));
}

/** Labelled columns of these classes in one database of a target, and of which version of its labels they are. */
export async function labelledColumns(
  db: Db,
  targetId: string,
  database: string,
  classes: string[],
): Promise<{ version: number; columns: LabelledColumn[] }> {
  // First: what is labelled after this is of another version.
  const { label_version: version } = await db
    .selectFrom('targets')
    .select('label_version')
    .where('id', '=', targetId)
    .executeTakeFirstOrThrow();
  const rows = await db
    .selectFrom('column_labels')
    .select(['schema_name', 'table_name', 'column_name'])
    .where('target_id', '=', targetId)
    .where('database', '=', database)
    .where('label', 'in', classes)
    .execute();
  const columns = rows.map((row) => ({
    schema: row.schema_name,
    table: row.table_name,
    column: row.column_name,
  }));
  return { version, columns };
}

/** All or none. A null label is taken away. Errors: `too-many-labels`, `cannot-mask`. */
export async function setLabels(
  ctx: LabelsContext,
  target: TargetRow,
  body: SetLabelsBody,
  by: { id: string; actor: Actor; sourceAddress: string },
): Promise<ColumnLabel[]> {
  const client = await ctx.targets.open(target.id);
  if (client.maskCatalog === null) throw cannotMask(target.kind);
  const { database: own } = await ctx.targets.endpoint(target.id);
  await ctx.db.transaction().execute(async (trx) => {
    // Two who label the same target take turns, so that the limit and the log hold.
    await trx
      .updateTable('targets')
      .set({ label_version: sql`label_version + 1` })
      .where('id', '=', target.id)
      .execute();
    for (const { column, label, database = own } of body.labels) {
      const [schema = '', table = '', name = ''] = column.split('.');
      const key = {
        target_id: target.id,
        database,
        schema_name: schema,
        table_name: table,
        column_name: name,
      };
      if (label === null)
        await trx
          .deleteFrom('column_labels')
          .where((eb) => eb.and(key))
          .execute();
      else {
        await trx
          .insertInto('column_labels')
          .values({ ...key, label, set_by: by.id })
          .onConflict((oc) =>
            oc
              .columns(['target_id', 'database', 'schema_name', 'table_name', 'column_name'])
              .doUpdateSet({ label, set_by: by.id, set_at: sql<Date>`now()` }),
          )
          .execute();
      }
    }
    const { count } = await trx
      .selectFrom('column_labels')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('target_id', '=', target.id)
      .executeTakeFirstOrThrow();
    if (count > MOST_LABELS)
      throw new Failure('limit', 'too-many-labels', `A target has at most ${MOST_LABELS} labelled columns.`);
    await append(trx, {
      kind: 'target.labelled',
      actor: by.actor,
      targetId: target.id,
      sourceAddress: by.sourceAddress,
      detail: {
        target: target.name,
        labels: body.labels.map((one) => ({ ...one, database: one.database ?? own })),
      },
    });
    await publish(trx, { topic: 'targets' });
  });
  return listLabels(ctx.db, target.id);
}

/**
 * Columns that look as if they held such data and that nobody has labelled yet. Reading a sample is written down before
 * it is read. Errors: `cannot-mask`; the target's own.
 */
export async function suggestLabels(
  ctx: LabelsContext,
  target: TargetRow,
  by: { actor: Actor; sourceAddress: string; sample: boolean },
  signal: AbortSignal,
): Promise<SuggestedLabels> {
  const client = await ctx.targets.open(target.id);
  if (client.suggestLabels === null) throw cannotMask(target.kind);
  const { database } = await ctx.targets.endpoint(target.id);
  const labelled = new Set(
    (await listLabels(ctx.db, target.id)).map((one) => `${one.database}.${one.column}`),
  );
  if (by.sample)
    await ctx.db.transaction().execute((trx) =>
      append(trx, {
        kind: 'target.sampled',
        actor: by.actor,
        targetId: target.id,
        sourceAddress: by.sourceAddress,
        detail: { target: target.name, database },
      }),
    );
  const found = await client.suggestLabels(database, by.sample, signal);
  const items = found.columns.map(({ schema, table, column, ...rest }) => ({
    database,
    column: `${schema}.${table}.${column}`,
    ...rest,
  }));
  return {
    items: items.filter((one) => !labelled.has(`${database}.${one.column}`)),
    tables: found.tables,
  };
}

export function cannotMask(kind: string): Failure {
  return new Failure('denied', 'cannot-mask', `Data of a target of kind ${kind} cannot be masked.`);
}
