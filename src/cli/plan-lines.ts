// A plan in words and figures for a terminal: what would be decided differently, for whom, and what would end.

import type { PlanExample, PlanTally, PolicyPlan } from '../api/policy-plan.ts';
import { controlWords } from '../base/control-words.ts';
import { formatDuration } from '../base/duration.ts';
import type { Output, Paint } from './output.ts';
import { printable } from './printable.ts';
import { relative } from './times.ts';

const SHOWN_EXAMPLES = 3;
const SHOWN_PEOPLE = 10;

export function planLines(plan: PolicyPlan, out: Output, nowMs: number): string[] {
  const tallies: [title: string, tally: PlanTally, paint: Paint][] = [
    ['newly allowed', plan.newlyAllowed, 'warn'],
    ['newly denied', plan.newlyDenied, 'bad'],
    ['other approvers', plan.otherApprovers, 'warn'],
    ['other obligations', plan.otherObligations, 'warn'],
  ];
  return [
    replayedLine(plan),
    ...tallies.flatMap(([title, tally, paint]) => [
      `${String(tally.count).padStart(6)}  ${tally.count === 0 ? title : out.paint(paint, title)}`,
      ...tally.examples.slice(0, SHOWN_EXAMPLES).map((one) => `          ${exampleText(one, nowMs)}`),
      ...(tally.count > SHOWN_EXAMPLES && tally.examples.length > 0
        ? [`          … and ${tally.count - Math.min(SHOWN_EXAMPLES, tally.examples.length)} more`]
        : []),
    ]),
    ...peopleLines(plan, out),
    ...grantLines(plan, out, nowMs),
  ];
}

function replayedLine({ decisions, days, differences }: PolicyPlan): string {
  const { stored, replayed, unreadable } = decisions;
  const whole =
    replayed < stored
      ? `the newest ${replayed} of the ${stored} decisions of ${days} days (the others were not looked at)`
      : `all ${replayed} decisions of ${days} days`;
  const unread = unreadable === 0 ? '' : `; ${unreadable} could not be made again`;
  return `Made again: ${whole}; ${differences} differ${differences === 1 ? 's' : ''}${unread}.`;
}

function exampleText(one: PlanExample, nowMs: number): string {
  const sideText = ({ outcome, obligations, policies }: PlanExample['before']) => {
    const stages = obligations.approvals.map((stage) => `${stage.count} of ${stage.from}`).join('; ');
    const most =
      outcome === 'deny' || obligations.maxDurationSeconds === null
        ? ''
        : ` ≤ ${formatDuration(obligations.maxDurationSeconds)}`;
    const held =
      outcome === 'deny'
        ? ''
        : controlWords(obligations)
            .map((words) => `, ${words}`)
            .join('');
    const by = policies.length === 0 ? '' : ` [${policies.join(', ')}]`;
    return `${outcome}${stages === '' ? '' : ` by ${stages}`}${most}${held}${by}`;
  };
  const what = `${one.action} ${one.task} on ${one.target} for ${formatDuration(one.durationSeconds)}`;
  return printable(
    `${one.principal}, ${relative(one.at, nowMs)}: ${what}: ${sideText(one.before)} → ${sideText(one.after)}`,
  );
}

function peopleLines(plan: PolicyPlan, out: Output): string[] {
  const { people, lockedOut, rights, approvers } = plan;
  const names = people.most.slice(0, SHOWN_PEOPLE).map((one) => one.principal);
  return [
    ...(people.count === 0
      ? []
      : [
          printable(
            `Concerns ${people.count}: ${names.join(', ')}${people.count > names.length ? ', …' : ''}.`,
          ),
        ]),
    ...lockedOut.first
      .slice(0, SHOWN_PEOPLE)
      .map((one) =>
        out.paint(
          'bad',
          printable(
            `Locked out ${one.from === null ? 'at once' : `from ${one.from} on`}: ${one.principal}, ${one.action} ${one.task} on ${one.target} (${one.count} in ${plan.days} days).`,
          ),
        ),
      ),
    ...(lockedOut.count > SHOWN_PEOPLE
      ? [`… and ${lockedOut.count - SHOWN_PEOPLE} more are locked out.`]
      : []),
    ...rights.map((one) =>
      out.paint('warn', printable(`${one.principal} ${one.change} the right "${one.right}".`)),
    ),
    ...approvers.map((one) =>
      printable(
        `Who may approve ${one.task} on ${one.target}:${one.gains.map((name) => ` +${name}`).join('')}${one.loses.map((name) => ` -${name}`).join('')}`,
      ),
    ),
  ];
}

function grantLines({ grants }: PolicyPlan, out: Output, nowMs: number): string[] {
  const unseen = grants.live - grants.judged;
  const sure = unseen === 0 || grants.judged === 0 ? '' : ` (${unseen} were not looked at)`;
  return [
    `Live grants: ${grants.live}; ${grants.end} would end, ${grants.runOut} would run out${sure}.`,
    ...grants.first
      .slice(0, SHOWN_PEOPLE)
      .map((one) =>
        out.paint(
          one.ends ? 'bad' : 'warn',
          printable(
            `  ${one.ends ? 'ends' : 'runs out'}  ${one.id} ${one.principal}, ${one.task} on ${one.target} (its own end is ${relative(one.expiresAt, nowMs)}): ${one.why}`,
          ),
        ),
      ),
  ];
}
