// Everything that a decision rests on, loaded once, as one JSON value: so that `decide` is pure and a stored decision
// can be replayed. The time is the store's.

import { sql } from 'kysely';
import { digestOf } from '../base/canonical-json.ts';
import { Failure, notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import { type Principal, principalById } from '../identity/principals.ts';
import type { DecisionFacts, SessionUse } from '../policy/engine/facts.ts';
import type { TargetRow } from '../targets/targets.ts';
import { type TaskRow, taskFits } from '../targets/tasks.ts';

export interface Asked {
  target: Pick<
    TargetRow,
    'id' | 'name' | 'kind' | 'segment' | 'environment' | 'sensitivity' | 'owner' | 'version'
  >;
  task: Pick<TaskRow, 'id' | 'name' | 'kind' | 'segment' | 'parent' | 'description' | 'entitlement'> & {
    /** What it is in, the nearest first. */
    ancestors: string[];
  };
  timeZone: string;
  now: Date;
}

interface AskedRow {
  target: Asked['target'] | null;
  task: Asked['task'] | null;
  time_zone: string | null;
  now: Date;
}

const MOST_LEVELS = 20;

/** With targets as `t`, their segment as `s` and tasks as `k`. */
const ASKED_COLUMNS = sql`now() as now, s.time_zone,
  case when t.id is not null then jsonb_build_object('id', t.id, 'name', t.name, 'kind', t.kind,
    'segment', t.segment, 'environment', t.environment, 'sensitivity', t.sensitivity, 'version', t.version, 'owner', coalesce(t.owner, (
      select o.owner from segments o where o.owner is not null and (o.path = t.segment or starts_with(t.segment, o.path || '/'))
      order by length(o.path) desc limit 1))) end as target,
  case when k.id is not null then jsonb_build_object('id', k.id, 'name', k.name, 'kind', k.kind,
    'segment', k.segment, 'parent', k.parent, 'description', k.description, 'entitlement', k.entitlement,
    'ancestors', array(with recursive up as (
      select k.parent as name, 1 as level where k.parent is not null
      union all
      select q.parent, up.level + 1 from tasks q join up on q.name = up.name
      where q.parent is not null and up.level < ${sql.lit(MOST_LEVELS)})
      select name from up order by level)) end as task`;

/** What live grants are of, by `<target id> <task id>`. */
export async function loadLiveAsked(db: Db): Promise<Map<string, Asked>> {
  const { rows } = await sql<AskedRow>`
    select ${ASKED_COLUMNS}
    from (select distinct target_id, task_id from grants where wanted = 'present') g
      join targets t on t.id = g.target_id join segments s on s.path = t.segment join tasks k on k.id = g.task_id`.execute(
    db,
  );
  return new Map(
    rows.flatMap(({ target, task, time_zone: timeZone, now }): [string, Asked][] =>
      target === null || task === null || timeZone === null
        ? []
        : [[`${target.id} ${task.id}`, { target, task, timeZone, now }]],
    ),
  );
}

/** By names (from a person) or ids (from a row). Errors: `unknown-target`, `unknown-task`, `task-does-not-fit`. */
export async function loadAsked(
  db: Db | Trx,
  by: { target: string; task: string } | { targetId: string; taskId: string },
): Promise<Asked> {
  const [column, targetKey, taskKey] =
    'target' in by ? ['name', by.target, by.task] : ['id', by.targetId, by.taskId];
  const key = sql.ref(column);
  const { rows } = await sql<AskedRow>`
    select ${ASKED_COLUMNS} from (select 1) one
      left join targets t on t.${key} = ${targetKey} and (${column === 'id'} or t.removed_at is null) left join segments s on s.path = t.segment
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
  /** Of the principal, when they asked; it is no part of what is asked. */
  mfaAgeSeconds: number | null;
  /** When it is to start; left out or null for at once. */
  startsAt?: Date | null;
  /** What the requester wishes; no policy reads it. */
  sessionUse?: SessionUse | null;
}

/** Who answers for this principal, or undefined where nobody has to. */
export async function loadSponsor(db: Db | Trx, principal: Principal): Promise<Principal | undefined> {
  return principal.sponsorId === null ? undefined : principalById(db, principal.sponsorId);
}

/** `now` is taken from `asked`, so that one request is decided at one moment; `sponsor` is the principal's. */
export function decisionFacts(
  principal: Principal,
  asked: Asked,
  circumstances: Circumstances,
  sponsor?: Principal,
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
    task: { name: task.name, ancestors: task.ancestors },
    context: {
      sourceIp: circumstances.sourceAddress,
      nowMs: now.getTime(),
      timeZone,
      durationSeconds: circumstances.durationSeconds,
      purpose: circumstances.reason,
      ticket: circumstances.ticket,
      mfaAgeSeconds: circumstances.mfaAgeSeconds,
    },
    ...(sponsor === undefined
      ? {}
      : { sponsor: { principal: principalFacts(sponsor), disabled: sponsor.disabled } }),
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
  /** The grant that it asks more time for. */
  extendsGrant?: string | null;
}): string {
  const { target, task } = input.asked;
  const { startsAt, sessionUse } = input.circumstances;
  return digestOf({
    v: 1,
    requester: input.requesterId,
    target: { id: target.id, segment: target.segment, environment: target.environment },
    task: { id: task.id, entitlement: task.entitlement },
    durationSeconds: input.circumstances.durationSeconds,
    reason: input.circumstances.reason,
    ticket: input.circumstances.ticket,
    sourceAddress: input.circumstances.sourceAddress,
    ...(startsAt == null ? {} : { startsAt: startsAt.toISOString() }),
    ...(sessionUse == null ? {} : { use: sessionUse }),
    ...(input.extendsGrant == null ? {} : { extends: input.extendsGrant }),
  });
}

/** What an approval answers: what was asked, together with what policy says of it, as the card showed both. */
export function cardDigest(row: { digest: string; outcome: string; obligations: object }): string {
  return digestOf({ v: 1, asked: row.digest, outcome: row.outcome, obligations: row.obligations });
}
