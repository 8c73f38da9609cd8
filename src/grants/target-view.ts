// Targets as the API shows them: with what can be asked for on each, and never a credential.

import { type CheckReport, checkReport, type Target } from '../api/targets.ts';
import type { TargetRow } from '../targets/targets.ts';
import { type TaskRow, taskFits } from '../targets/tasks.ts';
import type { GrantsContext } from './context.ts';

type TargetViewContext = Pick<GrantsContext, 'db' | 'targets' | 'tasks'>;

export async function listTargets(ctx: TargetViewContext): Promise<Target[]> {
  const [rows, tasks, active] = await Promise.all([ctx.targets.list(), ctx.tasks.list(), activeGrants(ctx)]);
  return rows.map((row) => targetFrom(ctx, row, tasks, active));
}

export async function viewTarget(ctx: TargetViewContext, row: TargetRow): Promise<Target> {
  const [tasks, active] = await Promise.all([ctx.tasks.list(), activeGrants(ctx)]);
  return targetFrom(ctx, row, tasks, active);
}

function targetFrom(
  ctx: TargetViewContext,
  row: TargetRow,
  tasks: TaskRow[],
  active: Map<string, number>,
): Target {
  const kind = ctx.targets.kindOf(row);
  const { host, port, database } = kind.endpoint(row.settings);
  return {
    name: row.name,
    kind: row.kind,
    segment: row.segment,
    environment: row.environment,
    sensitivity: row.sensitivity,
    owner: row.owner,
    address: database === '' ? `${host}:${port}` : `${host}:${port}/${database}`,
    nodes: kind.nodeNames(row.settings),
    capabilities: kind.capabilities,
    tasks: tasks.filter((task) => taskFits(task, row)).map((task) => task.name),
    activeGrants: active.get(row.id) ?? 0,
    check: reportFrom(row.check_report),
  };
}

function reportFrom(stored: unknown): CheckReport | null {
  return stored === null ? null : checkReport.parse(stored);
}

async function activeGrants(ctx: TargetViewContext): Promise<Map<string, number>> {
  const rows = await ctx.db
    .selectFrom('grants')
    .select((eb) => ['target_id', eb.fn.countAll<number>().as('count')])
    .where('wanted', '=', 'present')
    .where('observed', '=', 'present')
    .groupBy('target_id')
    .execute();
  return new Map(rows.map((row) => [row.target_id, row.count]));
}
