// What a decision rested on and rests on now, the difference in words: so that the log says why a grant ended.

import type { DecisionFacts, PrincipalFacts } from '../policy/engine/facts.ts';

/** Empty where nothing has changed that a decision rests on; the time is told apart. */
export function whatChanged(before: DecisionFacts, after: DecisionFacts): string[] {
  const sponsors =
    before.sponsor === undefined || after.sponsor === undefined
      ? []
      : [
          ...peopleChanged(before.sponsor.principal, after.sponsor.principal),
          ...difference(
            `disabled, ${after.sponsor.principal.name}`,
            yesNo(before.sponsor.disabled),
            yesNo(after.sponsor.disabled),
          ),
        ];
  return [...peopleChanged(before.principal, after.principal), ...sponsors, ...thingsChanged(before, after)];
}

function peopleChanged(before: PrincipalFacts, after: PrincipalFacts): string[] {
  const values: [string, (one: PrincipalFacts) => string][] = [
    ['groups', (one) => one.groups.join(', ')],
    ['on call', (one) => yesNo(one.onCall)],
    ['account type', (one) => one.accountType],
    ['title', (one) => one.title ?? ''],
    ['manager', (one) => one.managerId ?? ''],
    ['sponsor', (one) => one.sponsorId ?? ''],
  ];
  return values.flatMap(([name, of]) => difference(`${name} of ${after.name}`, of(before), of(after)));
}

function thingsChanged(before: DecisionFacts, after: DecisionFacts): string[] {
  const values: [string, (one: DecisionFacts) => string][] = [
    ['segment', ({ target }) => target.segment],
    ['environment', ({ target }) => target.environment],
    ['sensitivity', ({ target }) => target.sensitivity],
    ['owner', ({ target }) => target.owner ?? ''],
    ['time zone', ({ context }) => context.timeZone],
    ['what the task is in', ({ task }) => task.ancestors.join(', ')],
  ];
  return values.flatMap(([name, of]) => difference(name, of(before), of(after)));
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

function difference(name: string, before: string, after: string): string[] {
  return before === after ? [] : [`${name}: was ${before || 'none'}, is ${after || 'none'}`];
}
