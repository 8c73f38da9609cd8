// Tasks: named permission sets for one kind of target. The connector of that kind says what an entitlement may hold
// and how it reads in words.

import { type Selectable, sql } from 'kysely';
import type { AddTaskBody, Task } from '../api/targets.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Right, SessionTerms } from '../connectors/contract.ts';
import type { Registry } from '../connectors/registry.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import { publish } from '../events/events.ts';
import { ensureSegment } from './segments.ts';

export type TaskRow = Selectable<Tables['tasks']>;

const MOST_TASKS = 5_000;
/** What is above a task, at most. */
const MOST_TASK_LEVELS = 10;

export interface Tasks {
  byName(name: string): Promise<TaskRow>;
  list(): Promise<TaskRow[]>;
  /** Adds a task, or with `replace` brings it to this entitlement. Errors: `task-exists`, `invalid-input`. */
  add(
    body: AddTaskBody,
    by: Actor,
    options?: { replace?: boolean; sourceAddress?: string },
  ): Promise<TaskRow>;
  /** What a task may do, one right an item. */
  rights(row: Pick<TaskRow, 'kind' | 'entitlement'>): Right[];
  /** What its sessions get from the gateway. */
  session(row: Pick<TaskRow, 'kind' | 'entitlement'>): SessionTerms;
  view(row: TaskRow): Task;
  /** Of every task that is offered on this target: what a check of it looks at. */
  entitlementsFor(target: { kind: string; segment: string }): Promise<unknown[]>;
}

export function createTasks(ctx: { db: Db; registry: Registry }): Tasks {
  const rights: Tasks['rights'] = (row) => ctx.registry.kind(row.kind).rights(row.entitlement);
  return {
    rights,
    session: (row) => ctx.registry.kind(row.kind).session(row.entitlement),

    async byName(name) {
      const row = await ctx.db.selectFrom('tasks').selectAll().where('name', '=', name).executeTakeFirst();
      if (row === undefined) throw notFound('task', name);
      return row;
    },

    list: () => ctx.db.selectFrom('tasks').selectAll().orderBy('name').limit(MOST_TASKS).execute(),

    async add(body, by, { replace = false, sourceAddress } = {}) {
      const entitlement = JSON.stringify(ctx.registry.kind(body.kind).parseEntitlement(body.entitlement));
      return ctx.db.transaction().execute(async (trx) => {
        if (body.segment !== undefined) await ensureSegment(trx, body.segment);
        if (body.parent !== undefined) await refuseCycle(trx, body.name, body.parent);
        const row = await trx
          .insertInto('tasks')
          .values({
            id: newId('task'),
            name: body.name,
            kind: body.kind,
            segment: body.segment ?? null,
            parent: body.parent ?? null,
            description: body.description,
            entitlement,
          })
          .onConflict((oc) =>
            replace
              ? oc.column('name').doUpdateSet({
                  entitlement,
                  description: body.description,
                  parent: body.parent ?? null,
                  version: sql`tasks.version + 1`,
                })
              : oc.column('name').doNothing(),
          )
          .returningAll()
          .executeTakeFirst();
        if (row === undefined)
          throw conflict('task-exists', `There is already a task "${body.name}".`, { field: 'name' });
        await append(trx, {
          kind: 'task.added',
          actor: by,
          sourceAddress,
          detail: { task: body.name, version: row.version, entitlement: body.entitlement },
        });
        await publish(trx, { topic: 'targets' });
        return row;
      });
    },

    async entitlementsFor(target) {
      return (await this.list()).filter((row) => taskFits(row, target)).map((row) => row.entitlement);
    },

    view: (row) => ({
      name: row.name,
      kind: row.kind,
      description: row.description,
      segment: row.segment,
      parent: row.parent,
      rights: rights(row).map((right) => right.words),
    }),
  };
}

/** Errors: `unknown-task` for a parent that does not exist, `task-cycle`, `task-too-deep`. */
async function refuseCycle(trx: Trx, name: string, parent: string): Promise<void> {
  // Two tasks at once must not become each other's parents.
  await sql`lock table tasks in share row exclusive mode`.execute(trx);
  let at: string | null = parent;
  for (let level = 1; at !== null; level++) {
    if (at === name)
      throw conflict('task-cycle', `"${name}" would be part of itself, through ${parent}.`, {
        field: 'parent',
      });
    if (level > MOST_TASK_LEVELS)
      throw conflict('task-too-deep', `At most ${MOST_TASK_LEVELS} levels of tasks.`, { field: 'parent' });
    const row: { parent: string | null } | undefined = await trx
      .selectFrom('tasks')
      .select('parent')
      .where('name', '=', at)
      .executeTakeFirst();
    if (row === undefined) throw notFound('task', at);
    at = row.parent;
  }
}

/** True when a task of this kind and segment is offered on that target. */
export function taskFits(
  task: Pick<TaskRow, 'kind' | 'segment'>,
  target: { kind: string; segment: string },
): boolean {
  if (task.kind !== target.kind) return false;
  return (
    task.segment === null || target.segment === task.segment || target.segment.startsWith(`${task.segment}/`)
  );
}
