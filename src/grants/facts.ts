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
  target: TargetRow;
  task: TaskRow;
  timeZone: string;
  now: Date;
}

/** By names (from a person) or ids (from a row). Errors: `unknown-target`, `unknown-task`, `task-does-not-fit`. */
export async function loadAsked(
  db: Db | Trx,
  by: { target: string; task: string } | { targetId: string; taskId: string },
): Promise<Asked> {
  const names = 'target' in by;
  const [target, task] = await Promise.all([
    db
      .selectFrom('targets')
      .innerJoin('segments', 'segments.path', 'targets.segment')
      .selectAll('targets')
      .select(['segments.time_zone', sql<Date>`now()`.as('now')])
      .where(names ? 'targets.name' : 'targets.id', '=', names ? by.target : by.targetId)
      .executeTakeFirst(),
    db
      .selectFrom('tasks')
      .selectAll()
      .where(names ? 'name' : 'id', '=', names ? by.task : by.taskId)
      .executeTakeFirst(),
  ]);
  if (target === undefined) throw notFound('target', names ? by.target : by.targetId);
  if (task === undefined) throw notFound('task', names ? by.task : by.taskId);
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
  const { time_zone: timeZone, now, ...row } = target;
  return { target: row, task, timeZone, now };
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
    onCall: principal.onCall,
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
