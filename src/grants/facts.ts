// Everything that a decision rests on, loaded once, as one JSON value: so that `decide` is pure and a stored decision
// can be replayed. The time is the store's.

import { sql } from 'kysely';
import { digestOf } from '../base/canonical-json.ts';
import { Failure, notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Principal } from '../identity/principals.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import type { TargetRow } from '../targets/targets.ts';
import { type TaskRow, taskFits } from '../targets/tasks.ts';

export interface Asked {
  target: Pick<
    TargetRow,
    'id' | 'name' | 'kind' | 'segment' | 'environment' | 'sensitivity' | 'owner' | 'version'
  >;
  task: Pick<TaskRow, 'id' | 'name' | 'kind' | 'segment' | 'parent' | 'description' | 'entitlement'>;
  timeZone: string;
  now: Date;
}

/** By names (from a person) or ids (from a row). Errors: `unknown-target`, `unknown-task`, `task-does-not-fit`. */
export async function loadAsked(
  db: Db | Trx,
  by: { target: string; task: string } | { targetId: string; taskId: string },
): Promise<Asked> {
  const [column, targetKey, taskKey] =
    'target' in by ? ['name', by.target, by.task] : ['id', by.targetId, by.taskId];
  const key = sql.ref(column);
  const { rows } = await sql<{
    target: Asked['target'] | null;
    task: Asked['task'] | null;
    time_zone: string | null;
    now: Date;
  }>`
    select now() as now, s.time_zone,
      case when t.id is not null then jsonb_build_object('id', t.id, 'name', t.name, 'kind', t.kind,
        'segment', t.segment, 'environment', t.environment, 'sensitivity', t.sensitivity, 'owner', t.owner, 'version', t.version) end as target,
      case when k.id is not null then jsonb_build_object('id', k.id, 'name', k.name, 'kind', k.kind,
        'segment', k.segment, 'parent', k.parent, 'description', k.description, 'entitlement', k.entitlement) end as task
    from (select 1) one
      left join targets t on t.${key} = ${targetKey} left join segments s on s.path = t.segment
      left join tasks k on k.${key} = ${taskKey}`.execute(db);
  const { target, task, time_zone: timeZone, now } = rows[0] ?? {};
  if (target == null || timeZone == null || now === undefined) throw notFound('target', targetKey);
  if (task == null) throw notFound('task', taskKey);
  if (!taskFits(task, target)) {
    throw new Failure(
      'invalid',
      'task-does-not-fit',
      `The task "${task.name}" is not offered on "${target.name}".`,
      {
        field: 'task',
        hint: 'The tasks of a target are listed by `sally target list` and in the portal under Targets.',
      },
    );
  }
  return { target, task, timeZone, now };
}

export interface Circumstances {
  sourceAddress: string;
  durationSeconds: number;
  reason: string | null;
  ticket: string | null;
}

/** `now` is taken from `asked`, so that one request is decided at one moment. */
export function decisionFacts(
  principal: Principal,
  asked: Asked,
  circumstances: Circumstances,
): DecisionFacts {
  const { target, task, timeZone, now } = asked;
  return {
    principal: principalFacts(principal),
    target: {
      name: target.name,
      segment: target.segment,
      environment: target.environment,
      kind: target.kind,
      sensitivity: target.sensitivity,
      owner: target.owner,
    },
    task: { name: task.name, ancestors: task.parent === null ? [] : [task.parent] },
    context: {
      sourceIp: circumstances.sourceAddress,
      nowMs: now.getTime(),
      timeZone,
      durationSeconds: circumstances.durationSeconds,
      purpose: circumstances.reason,
      ticket: circumstances.ticket,
      mfaAgeSeconds: null,
    },
  };
}

export function principalFacts(principal: Principal): DecisionFacts['principal'] {
  return {
    id: principal.id,
    kind: principal.kind,
    name: principal.name,
    groups: principal.groups,
    accountType: principal.accountType,
    title: principal.title,
    onCall: principal.onCallFor.length > 0,
    managerId: principal.managerId,
    sponsorId: principal.sponsorId,
  };
}

/** Binds an approval to exactly what was asked: any change of it, or of what the task means, is another digest. */
export function requestDigest(input: {
  requesterId: string;
  asked: Pick<Asked, 'target' | 'task'>;
  circumstances: Circumstances;
}): string {
  const { target, task } = input.asked;
  return digestOf({
    v: 1,
    requester: input.requesterId,
    target: { id: target.id, segment: target.segment, environment: target.environment },
    task: { id: task.id, entitlement: task.entitlement },
    durationSeconds: input.circumstances.durationSeconds,
    reason: input.circumstances.reason,
    ticket: input.circumstances.ticket,
    sourceAddress: input.circumstances.sourceAddress,
  });
}

/** What an approval answers: what was asked, together with what policy says of it, as the card showed both. */
export function cardDigest(row: { digest: string; outcome: string; obligations: object }): string {
  return digestOf({ v: 1, asked: row.digest, outcome: row.outcome, obligations: row.obligations });
}
