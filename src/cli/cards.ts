// A request and a grant in the words that people read, the same in every command.

import type { Grant } from '../api/grants.ts';
import type { Preview, Request } from '../api/requests.ts';
import { controlWords } from '../base/control-words.ts';
import { describeDuration, formatDuration } from '../base/duration.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import { clock, left, relative } from './times.ts';

/** One sentence on where the request stands. */
export function requestSentence(request: Request): string {
  if (request.members.length > 0)
    return `Request ${request.id} is ${request.state}: ${request.members.length} tasks together for ${formatDuration(request.approvedDurationSeconds ?? request.durationSeconds)}.`;
  const more = request.extends === null ? '' : 'more time, ';
  const what = `${more}${request.task.name} on ${request.target.name} for ${formatDuration(request.approvedDurationSeconds ?? request.durationSeconds)}`;
  return `Request ${request.id} is ${request.state}: ${what}.`;
}

/** Everything that a decision needs, on one card. */
export function requestCard(request: Request, out: Output, nowMs: number): string[] {
  const { target, requester } = request;
  const lines = [
    out.paint('strong', headOf(request)),
    row(
      'asked by',
      `${requester.displayName} (${requester.name}), ${relative(request.createdAt, nowMs)}, from ${request.sourceAddress}`,
    ),
    row('for', lengthOf(request)),
    ...(request.startsAt === null ? [] : [row('starts', clock(request.startsAt, nowMs))]),
    row('reason', request.reason + (request.ticket === null ? '' : ` [${request.ticket}]`)),
    row('where', `${target.segment}, ${target.environment}, sensitivity ${target.sensitivity}`),
    ...rightsRows(request),
    ...(request.use === null
      ? []
      : [row('only', request.use === 'once' ? 'one session' : 'until its last session ends')]),
    row('policy', policyText(request)),
    ...controlWords(request.decision.obligations).map((words, i) => row(i === 0 ? 'sessions' : '', words)),
    ...request.stages.map((stage, i) => row(stageLabel(request, i), stageText(stage, nowMs))),
    ...request.approvals.map((approval) =>
      row(approval.verdict === 'approve' ? 'approved' : 'denied', approvalText(approval, nowMs)),
    ),
    ...request.unusual.map((text, i) => row(i === 0 ? 'unusual' : '', text)),
    row('last used', request.lastUsedAt === null ? 'never' : relative(request.lastUsedAt, nowMs)),
  ];
  return lines;
}

function headOf({ members, extends: extended, task, target }: Request): string {
  if (members.length > 0) return `${members.length} tasks together, all or none`;
  return `${extended === null ? '' : 'More time for '}${task.name} on ${target.name}`;
}

function lengthOf({ durationSeconds, extends: extended }: Request): string {
  const whole = formatDuration(durationSeconds);
  return extended === null ? whole : `${whole} in all, ${formatDuration(extended.hasSeconds)} until now`;
}

function rightsRows({ members, task }: Request): string[] {
  if (members.length === 0)
    return [
      row('may', task.rights[0] ?? task.description),
      ...task.rights.slice(1).map((right) => row('', right)),
    ];
  return members.flatMap((member) => [
    row('member', `${member.task} on ${member.target} (${member.segment})`),
    ...member.rights.map((right) => row('', right)),
  ]);
}

/** What a refused request lacked, a line each. */
export function refusalLines(request: Request): string[] {
  const denial = request.approvals.find((approval) => approval.verdict === 'deny');
  if (denial !== undefined)
    return [
      `Denied by ${printable(denial.by.displayName)}: ${printable(denial.reason ?? 'no reason given')}`,
    ];
  return request.decision.reasons
    .filter((reason) => reason.effect !== 'permit')
    .map((reason) =>
      printable(reason.effect === 'forbid' ? `${reason.text} (${reason.policy})` : reason.text),
    );
}

/** What would be enough instead, from a preview: the longest duration first. */
export function enoughLines(preview: Preview, askedSeconds: number): string[] {
  const lines: string[] = [];
  if (
    preview.longestSeconds !== null &&
    preview.longestSeconds > 0 &&
    preview.longestSeconds < askedSeconds
  ) {
    lines.push(
      `Policy allows at most ${formatDuration(preview.longestSeconds)}: ask again with --for ${formatDuration(preview.longestSeconds)}`,
    );
  }
  lines.push(...preview.limits.map((text) => `Limit: ${printable(text)}`));
  lines.push(...preview.enough.map((text) => `Would be enough: ${printable(text)}`));
  return lines;
}

/** One honest sentence on where the grant stands, ended or not. */
export function grantSentence(grant: Grant, nowMs: number): string {
  const name = `Grant ${grant.id}`;
  switch (grant.state) {
    case 'planned':
      return `${name} is planned${grant.startsAt === null ? '' : `: it starts at ${clock(grant.startsAt, nowMs)}`}.`;
    case 'granting':
      return `${name} is being made on ${grant.target}.`;
    case 'active':
      if (grant.expiresAt === null) return `${name} is active.`;
      if (grant.claimBy !== null)
        return `${name} is ready: connect by ${clock(grant.claimBy, nowMs)}, then it runs for ${formatDuration(grant.durationSeconds)}.`;
      return Date.parse(grant.expiresAt) <= nowMs
        ? `${name} ended at ${clock(grant.expiresAt, nowMs)}; its rights are being taken away.`
        : `${name} is active until ${clock(grant.expiresAt, nowMs)} (${left(grant.expiresAt, nowMs)} left).`;
    case 'revoking':
      return `${name} is revoking${grant.overdue ? ', overdue' : ''}: ${grant.target} has not confirmed yet${grant.lastError === null ? '' : ` (${printable(grant.lastError)})`}. Sallyport goes on until it has.`;
    case 'cleanup-pending':
      return `${name} is over: no login, no session and no rights on ${grant.target}. Clean-up is pending${blockersText(grant)}.`;
    case 'revoked':
      return grant.absentAt === null
        ? `${name} is revoked.`
        : `${name} is revoked, verified on the target at ${clock(grant.absentAt, nowMs)}.`;
  }
}

/** Who can approve now, what comes after, and who has looked: the live line while one waits. */
export function waitingText(request: Request, nowMs: number): string {
  const open = request.stages.find((stage) => stage.state === 'open');
  const later = request.stages.filter((stage) => stage.state === 'waiting');
  const needed = [open, ...later]
    .flatMap((stage) =>
      stage === undefined ? [] : `${stage.count - stage.given} of ${printable(stage.from)}`,
    )
    .join(', then ');
  const names = [
    ...(open?.candidates ?? []).map((person) => person.name),
    ...(open?.standIns ?? []).map((one) => `${one.by.name} for ${one.onBehalfOf.name}`),
  ];
  const who =
    names.length === 0
      ? 'nobody can approve it now'
      : `can approve: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`;
  const wider = open === undefined ? '' : widensText(open, nowMs);
  const seen = request.seenBy.map((look) => `${look.by.name} ${relative(look.at, nowMs)}`);
  const looked = seen.length === 0 ? 'nobody has looked yet' : `looked: ${seen.slice(-3).join(', ')}`;
  return `Waiting for ${needed === '' ? 'approval' : needed} · ${who}${wider === '' ? '' : ` (${wider})`} · ${looked}`;
}

function policyText(request: Request): string {
  const { outcome, reasons } = request.decision;
  const because = reasons.map((reason) => reason.text).join('; ');
  const words = { allow: 'allowed', 'needs-approval': 'needs approval', deny: 'denied' } as const;
  return because === '' ? words[outcome] : `${words[outcome]}: ${because}`;
}

const STAGE_LABELS = { met: 'approved', open: 'open now', waiting: 'then' } as const;

function stageLabel(request: Request, index: number): string {
  const stage = request.stages[index];
  return stage === undefined || request.state !== 'pending' ? '' : STAGE_LABELS[stage.state];
}

/** Who has filled it, who could. */
export function stageText(stage: Request['stages'][number], nowMs: number): string {
  const standIns = stage.standIns.map(
    (one) => `${one.by.name} for ${one.onBehalfOf.name}, until ${clock(one.until, nowMs)}`,
  );
  const names = [...stage.candidates.map((person) => person.name), ...standIns].join(', ');
  const who = stage.state === 'met' ? '' : names === '' ? 'nobody can give it' : `${names} could`;
  const notes = [who, stage.state === 'met' ? '' : widensText(stage, nowMs)].filter((note) => note !== '');
  return `${stage.given} of ${stage.count} from ${stage.from}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

/** When others come in, and who; nothing where nobody does. */
function widensText({ also, widensAt }: Request['stages'][number], nowMs: number): string {
  if (also === undefined) return '';
  const whom = printable(also.from);
  if (widensAt === null) return `${describeDuration(also.afterSeconds)} later also ${whom}`;
  return Date.parse(widensAt) <= nowMs
    ? `also ${whom} by now`
    : `also ${whom} from ${clock(widensAt, nowMs)}`;
}

export function approvalText(approval: Request['approvals'][number], nowMs: number): string {
  const shorter = approval.durationSeconds === null ? '' : ` for ${formatDuration(approval.durationSeconds)}`;
  const why = approval.reason === null ? '' : `: ${approval.reason}`;
  const whose = approval.onBehalfOf === null ? '' : ` for ${approval.onBehalfOf.displayName}`;
  return `by ${approval.by.displayName}${whose}${shorter} ${relative(approval.at, nowMs)}${why}`;
}

function blockersText(grant: Grant): string {
  if (grant.blockers.length === 0) return ' on the target';
  return `; it waits for: ${grant.blockers.map(printable).join('; ')}`;
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(10)}${printable(text)}`;
}
